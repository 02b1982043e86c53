"""QIDO-RS as a client sees it: headers, media types and errors of a search."""

from collections.abc import Callable
from email import message_from_bytes
from typing import Any

import pytest

from pacs.dicomweb.native_reading import read_native

Sample = Callable[[str], bytes]


@pytest.fixture
def two(clinic: Any, sample: Sample) -> Any:
    for name in ("CT_small.dcm", "MR_small.dcm"):
        clinic.add(sample(name))
    return clinic


def test_an_answer_that_hit_the_limit_says_so(two: Any) -> None:
    cut = two.get("/studies?limit=1")
    assert len(cut.json()) == 1
    assert cut.headers["warning"].startswith("299 ")
    assert "additional results" in cut.headers["warning"]
    assert "warning" not in two.get("/studies?limit=2").headers


def test_answers_are_ordered_as_asked(two: Any) -> None:
    forth, back = (two.get(f"/studies?orderby={order}").json() for order in ("PatientID", "-PatientID"))
    assert forth == back[::-1]


@pytest.mark.parametrize("order", ["NoSuchKeyword", "PatientWeight", "-InstanceNumber", "--PatientID"])
def test_an_order_that_cannot_be_is_refused(clinic: Any, order: str) -> None:
    answer = clinic.get(f"/studies?orderby={order}")
    assert (answer.status_code, answer.json()["field"]) == (400, "orderby")


XML = 'multipart/related; type="application/dicom+xml"'


def documents(answer: Any) -> list[dict[str, Any]]:
    """The datasets of a multipart answer of XML."""
    assert answer.status_code == 200
    message = message_from_bytes(b"Content-Type: " + answer.headers["content-type"].encode() + b"\n\n" + answer.content)
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert {part.get_content_type() for part in parts} == {"application/dicom+xml"}
    return [read_native(str(part.get_payload()).strip().encode()) for part in parts]


def test_searches_answer_in_xml_one_part_a_match(two: Any) -> None:
    found = documents(two.get("/studies?orderby=PatientID", Accept=XML))
    plain = two.get("/studies?orderby=PatientID").json()
    assert [each.keys() for each in found] == [each.keys() for each in plain]
    assert [each["0020000D"] for each in found] == [each["0020000D"] for each in plain]
    assert [each["00100010"] for each in found] == [each["00100010"] for each in plain]
    cut = two.get("/studies?limit=1", Accept=XML)
    assert (len(documents(cut)), "additional" in cut.headers["warning"]) == (1, True)


def test_nothing_found_has_no_part(clinic: Any) -> None:
    answer = clinic.get("/studies", Accept=XML)
    assert (answer.status_code, answer.content) == (204, b"")


def test_metadata_answer_in_xml(two: Any) -> None:
    for study in two.get("/studies").json():
        path = f"/studies/{study['0020000D']['Value'][0]}/metadata"
        (found,), (plain,) = documents(two.get(path, Accept=XML)), two.get(path).json()
        assert found.keys() == plain.keys()
        assert found["7FE00010"] == plain["7FE00010"]


@pytest.mark.parametrize("path", ["/studies", "/instances"])
@pytest.mark.parametrize("accept", ["image/png", "application/dicom+xml", 'multipart/related; type="image/jpeg"'])
def test_other_forms_are_not_acceptable(clinic: Any, path: str, accept: str) -> None:
    answer = clinic.get(path, Accept=accept)
    assert answer.status_code == 406
    assert "application/dicom+json" in answer.json()["message"]
