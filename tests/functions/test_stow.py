"""STOW-RS as a client sees it: what is stored, what is refused and why, through gateway and function on real parts."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from pacs.dicomweb.multipart import Part, related
from pacs.people.scope import Scope

Sample = Callable[[str], bytes]
JSON = "application/dicom+json"


def parts_of(*parts: Part) -> bytes:
    return b"".join(related(parts, boundary="b"))


def stow(
    clinic: Any, body: bytes, content_type: str, *, path: str = "/studies", scope: Scope | None = None, accept: str = ""
) -> Any:
    audience = "launch" if scope and scope.role == "launch" else "session"
    headers = {**clinic.bearer(scope, audience), "Content-Type": content_type}
    if accept:
        headers["Accept"] = accept
    return clinic.client.post(f"/dicomweb{path}", content=body, headers=headers)


def stow_files(clinic: Any, *files: bytes, **options: Any) -> Any:
    body = parts_of(*(Part(each, "application/dicom") for each in files))
    return stow(clinic, body, 'multipart/related; type="application/dicom"; boundary=b', **options)


def failures(answer: Any) -> list[int]:
    told = Dataset.from_json(answer.json())
    return [item.FailureReason for item in told.get("FailedSOPSequence", [])]


def announcing(part10: bytes, **meta: str) -> bytes:
    """The same dataset under a file meta that says something else."""
    dataset = dcmread(BytesIO(part10))
    for keyword, value in meta.items():
        setattr(dataset.file_meta, keyword, value)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_single_part_is_stored(clinic: Any, sample: Sample) -> None:
    answer = stow(clinic, sample("CT_small.dcm"), "application/dicom")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


def test_an_instance_that_is_not_what_its_file_meta_says_is_stored_with_a_warning(clinic: Any, sample: Sample) -> None:
    answer = stow_files(clinic, announcing(sample("CT_small.dcm"), MediaStorageSOPInstanceUID="1.2.3"))
    assert answer.status_code == 202
    (item,) = Dataset.from_json(answer.json()).ReferencedSOPSequence
    assert item.WarningReason == 0xB007


def test_an_instance_that_replaces_other_bytes_is_stored_without_one(clinic: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    stow_files(clinic, body)
    newer = dcmread(BytesIO(body))
    newer.PatientComments = "seen"
    buffer = BytesIO()
    newer.save_as(buffer)
    answer = stow_files(clinic, buffer.getvalue())
    assert answer.status_code == 200
    (key,) = [info.key for info in clinic.services.originals.scan()]
    assert clinic.services.originals.get(key)[1] == buffer.getvalue()
    assert len(clinic.services.originals.versions(key)) == 2


def test_a_link_stores_into_its_own_studies_alone(clinic: Any, sample: Sample) -> None:
    ct, mr = sample("CT_small.dcm"), sample("MR_small.dcm")
    study = str(dcmread(BytesIO(ct)).StudyInstanceUID)
    answer = stow_files(clinic, ct, mr, scope=Scope(clinic.made.organization_id, "launch", studies=(study,)))
    assert (answer.status_code, failures(answer)) == (202, [0x0124])
    assert [info.key.split("/")[1] for info in clinic.services.originals.scan()] == [study]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", JSON, f"image/jpeg, {JSON};q=0.1"])
def test_the_answer_is_json(clinic: Any, sample: Sample, accept: str) -> None:
    answer = stow_files(clinic, sample("CT_small.dcm"), accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


def test_an_answer_that_cannot_be_given_is_refused_before_anything_is_stored(clinic: Any, sample: Sample) -> None:
    answer = stow_files(clinic, sample("CT_small.dcm"), accept="text/html")
    assert (answer.status_code, answer.json()["field"]) == (406, "Accept")
    assert JSON in answer.json()["message"]
    assert not list(clinic.services.originals.scan())


def test_a_request_without_an_instance_is_a_bad_one(clinic: Any) -> None:
    assert stow(clinic, b"", "application/dicom").status_code == 409
    assert stow(clinic, b"--b--\r\n", 'multipart/related; type="application/dicom"; boundary=b').status_code == 400
