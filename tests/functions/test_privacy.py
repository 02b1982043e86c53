"""Links with privacy: who it is stands in no answer, whatever is asked by them."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest
from numpy import array_equal
from pydicom.encaps import encapsulate, generate_frames

from functions.catalogue import FUNCTIONS
from functions.entries import Route
from pacs.archive.privacy import alias_of
from pacs.dicom.attributes import ATTRIBUTES
from tests.functions.places import GUARDED, NOBODYS, name, path_of
from tests.functions.planted import NAME, NEEDLES, planted, told

# Reached by whoever has the link, its token in the address or in a header.
PUBLIC = ("/ohif", "/ohif/config", "/ohif/session")
ASKED = [route for route in GUARDED if route.method == "GET"] + [
    route for function in FUNCTIONS for route in function.routes if route.path in PUBLIC
]


@dataclass
class Told:
    """What a link calls an instance."""

    study: str
    series: str
    sop_instance_uid: str


def token_of(clinic: Any, *studies: str) -> str:
    body = {"studies": list(studies), "privacy": True}
    made = clinic.client.post("/api/launch", headers=clinic.bearer(), json=body)
    assert made.status_code == 200
    return str(parse_qs(urlsplit(made.json()["url"]).query)["token"][0])


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def asking(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


def read(clinic: Any, token: str, path: str, **headers: str) -> Any:
    return clinic.client.get("/dicomweb" + path, headers=asking(token, **headers), follow_redirects=False)


def told_of(clinic: Any, token: str) -> Told:
    [item] = read(clinic, token, "/instances").json()
    return Told(*(item[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")))


def instance_path(known: Told) -> str:
    return f"/studies/{known.study}/series/{known.series}/instances/{known.sop_instance_uid}"


@pytest.fixture
def named(clinic: Any, sample: Callable[[str], bytes]) -> Any:
    """An instance that names somebody wherever it can."""
    dataset = pydicom.dcmread(BytesIO(sample("CT_small.dcm")))
    stored = clinic.add(planted(dataset))
    clinic.derive()
    return stored


def answer_of(clinic: Any, route: Route, known: Told, token: str, **headers: str) -> Any:
    known_as = {"study": known.study, "series": known.series, "instance": known.sop_instance_uid}
    path = path_of(route, NOBODYS | known_as | {"organization": clinic.made.organization_id})
    if route.path in PUBLIC:
        path += f"?token={token}"
    return clinic.client.request(route.method, path, headers=asking(token, **headers), follow_redirects=False)


def names_nobody(answer: Any, stored: Any) -> None:
    assert answer.status_code < 300 or answer.status_code in (400, 403, 404, 406)
    seen = told(answer.content) + b"\n".join(f"{key}: {value}".encode() for key, value in answer.headers.items())
    for cookie in answer.cookies.values():
        seen += json.dumps(claims(cookie)).encode()
    for needle in (*NEEDLES, *(each.encode() for each in (stored.study, stored.series, stored.sop_instance_uid))):
        assert needle not in seen


@pytest.mark.parametrize(
    "accept", ["", "application/dicom+xml", "multipart/related; type=application/dicom", "image/png"]
)
def test_no_answer_of_any_route_names_anybody(clinic: Any, named: Any, accept: str) -> None:
    token = token_of(clinic, named.study)
    known = told_of(clinic, token)
    assert named.study not in json.dumps(claims(token))
    answered = set()
    for route in ASKED:
        answer = answer_of(clinic, route, known, token, **({"Accept": accept} if accept else {}))
        names_nobody(answer, named)
        answered |= {route.path} if answer.status_code == 200 else set()
    assert answered, "a test that is refused everywhere proves nothing"
    plain = told(clinic.get(instance_path(named)).content) + clinic.get(f"{instance_path(named)}/metadata").content
    assert all(needle in plain for needle in NEEDLES), "others are told all of it"


def test_what_a_viewer_needs_is_answered(clinic: Any, named: Any) -> None:
    token = token_of(clinic, named.study)
    known = told_of(clinic, token)
    one = instance_path(known)
    for path in (
        "/studies",
        f"/studies/{known.study}/series",
        f"/studies/{known.study}/metadata",
        f"/studies/{known.study}/series/{known.series}/metadata",
        f"/studies/{known.study}/thumbnail",
        f"{one}/metadata",
        f"{one}/frames/1",
        f"{one}/rendered",
        f"{one}/bulkdata/7FE00010",
        one,
    ):
        answer = read(clinic, token, path)
        assert answer.status_code == 200, path
        assert answer.content not in (b"", b"[]"), path


def test_whatever_is_included_names_nobody(clinic: Any, named: Any) -> None:
    token = token_of(clinic, named.study)
    keywords = ",".join(each.path for each in ATTRIBUTES)
    for level in ("/studies", "/series", "/instances"):
        for wanted in ("all", keywords, "00102180,00400275,00091001"):
            answer = read(clinic, token, f"{level}?includefield={wanted}")
            assert len(answer.json()) == 1
            names_nobody(answer, named)


def test_nobody_is_searched_for(clinic: Any, named: Any) -> None:
    token = token_of(clinic, named.study)
    for key in ("PatientName", "00100020", "AccessionNumber", "StudyDate", "StudyDescription"):
        for value in (NAME, "19470418", "nobody"):
            answer = read(clinic, token, f"/studies?{key}={value}")
            assert len(answer.json()) == 1, "as if the attribute were unknown"
            assert key in answer.headers["warning"]
    assert read(clinic, token, "/series?Modality=C*").status_code == 400
    assert read(clinic, token, "/studies?orderby=PatientName").status_code == 400


def test_searches_and_addresses_take_told_uids_alone(clinic: Any, named: Any, sample: Callable[[str], bytes]) -> None:
    other = clinic.add(sample("MR_small.dcm"))
    token = token_of(clinic, named.study)
    known = told_of(clinic, token)
    assert len(read(clinic, token, f"/studies?StudyInstanceUID={known.study}").json()) == 1
    assert len(read(clinic, token, f"/series?SeriesInstanceUID={known.series}&Modality=CT").json()) == 1
    assert len(read(clinic, token, f"/instances?SOPInstanceUID={known.sop_instance_uid}").json()) == 1
    for uid in (named.study, other.study, token_of_told(clinic, other.study)):
        assert read(clinic, token, f"/studies?StudyInstanceUID={uid}").json() == []
        assert read(clinic, token, f"/studies/{uid}/metadata").status_code == 404
    for series, instance in ((named.series, known.sop_instance_uid), (known.series, named.sop_instance_uid)):
        mixed = Told(known.study, series, instance)
        assert read(clinic, token, f"{instance_path(mixed)}/frames/1").status_code == 404
    assert read(clinic, token, f"/series?SeriesInstanceUID={named.series}").json() == []


def test_nothing_is_written_into_pictures(clinic: Any, named: Any) -> None:
    token = token_of(clinic, named.study)
    path = f"{instance_path(told_of(clinic, token))}/rendered"
    plain = read(clinic, token, path, Accept="image/png")
    annotated = read(clinic, token, f"{path}?annotation=patient,technique", Accept="image/png")
    assert annotated.content == plain.content
    assert "not supported: patient, technique" in annotated.headers["warning"]


def token_of_told(clinic: Any, study: str) -> str:
    """What another study is called."""
    return str(claims(token_of(clinic, study))["studies"][0])


def test_the_file_is_the_same_picture_and_says_what_was_done(
    clinic: Any, named: Any, sample: Callable[[str], bytes]
) -> None:
    token = token_of(clinic, named.study)
    known = told_of(clinic, token)
    body = read(clinic, token, instance_path(known), Accept="application/dicom").content
    file = pydicom.dcmread(BytesIO(body))
    original = pydicom.dcmread(BytesIO(sample("CT_small.dcm")))
    assert array_equal(file.pixel_array, original.pixel_array)
    assert (file.StudyInstanceUID, file.SOPInstanceUID) == (known.study, known.sop_instance_uid)
    assert file.file_meta.MediaStorageSOPInstanceUID == known.sop_instance_uid
    assert file.PatientIdentityRemoved == "YES"
    assert file.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert file.PatientName == "" and file.PatientID not in ("", NAME)
    frame = read(clinic, token, f"{instance_path(known)}/frames/1", Accept="application/octet-stream").content
    assert frame == original.PixelData


@pytest.mark.parametrize("file_name", ["JPEG2000.dcm", "SC_rgb_jpeg_gdcm.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_comments_in_compressed_frames_stay_behind(clinic: Any, sample: Callable[[str], bytes], file_name: str) -> None:
    dataset = pydicom.dcmread(BytesIO(sample(file_name)))
    dataset.Modality, dataset.BurnedInAnnotation = "CT", "NO"
    [frame] = list(generate_frames(dataset.PixelData, number_of_frames=1))
    text = NAME.encode()
    jpeg_2000 = dataset.file_meta.TransferSyntaxUID.startswith("1.2.840.10008.1.2.4.9")
    marker, head = (b"\xff\x64", frame[2:4] + frame[4:6]) if jpeg_2000 else (b"\xff\xfe", b"")
    at = 2 + (2 + int.from_bytes(head[2:4], "big")) if jpeg_2000 else 2
    comment = marker + (len(text) + 2).to_bytes(2, "big") + text
    dataset.PixelData = encapsulate([frame[:at] + comment + frame[at:] + b"\0" + text])
    buffer = BytesIO()
    dataset.save_as(buffer)
    stored = clinic.add(buffer.getvalue())
    token = token_of(clinic, stored.study)
    known = told_of(clinic, token)
    for path in (f"{instance_path(known)}/frames/1", instance_path(known)):
        names_nobody(read(clinic, token, path), stored)
    file = pydicom.dcmread(BytesIO(read(clinic, token, instance_path(known), Accept="application/dicom").content))
    assert array_equal(file.pixel_array, pydicom.dcmread(BytesIO(sample(file_name))).pixel_array)


@pytest.mark.parametrize(
    ("modality", "burned_in", "shown"),
    [("CT", "", True), ("CT", "YES", False), ("US", "", False), ("US", "NO", True), ("OT", "", False), ("", "", False)],
)
def test_names_that_are_drawn_in_are_not_shown(
    clinic: Any, sample: Callable[[str], bytes], modality: str, burned_in: str, shown: bool
) -> None:
    dataset = pydicom.dcmread(BytesIO(sample("CT_small.dcm")))
    dataset.Modality, dataset.BurnedInAnnotation = modality, burned_in
    buffer = BytesIO()
    dataset.save_as(buffer)
    stored = clinic.add(buffer.getvalue())
    token = token_of(clinic, stored.study)
    study = claims(token)["studies"][0]
    assert len(read(clinic, token, f"/studies/{study}/series").json()) == shown
    assert read(clinic, token, f"/studies/{study}/metadata").status_code == (200 if shown else 404)
    assert read(clinic, token, f"/studies/{study}/rendered").status_code == (200 if shown else 404)
    assert read(clinic, token, f"/studies/{study}").status_code == (200 if shown else 404)


def test_links_with_privacy_store_nothing(clinic: Any, named: Any, sample: Callable[[str], bytes]) -> None:
    headers = asking(token_of(clinic, named.study)) | {"Content-Type": "application/dicom"}
    answer = clinic.client.post("/dicomweb/studies", headers=headers, content=sample("MR_small.dcm"))
    assert answer.status_code == 403


def test_uids_are_told_alike_every_time_and_by_no_other_organization(clinic: Any, named: Any) -> None:
    first, second = (claims(token_of(clinic, named.study))["studies"] for _ in range(2))
    assert first == second and first[0].startswith("2.25.")
    other = alias_of(clinic.services.database, "00000000-0000-4000-8000-000000000000")
    assert other.uid(named.study) != first[0]


def test_every_route_that_a_link_reaches_is_asked_here() -> None:
    assert {name(route) for route in ASKED} >= {name(route) for route in GUARDED if route.method == "GET"}
