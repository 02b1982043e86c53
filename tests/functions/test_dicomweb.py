"""DICOMweb as a client sees it: through gateway, authorizer and functions, on real parts."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydicom import dcmread

from pacs.dicomweb.multipart import Part, related
from pacs.people.scope import Scope

Sample = Callable[[str], bytes]
CT = "/studies/1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
CT_SERIES = CT + "/series/1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
CT_INSTANCE = CT_SERIES + "/instances/1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
DICOM_PARTS = 'multipart/related; type="application/dicom"; boundary=b'


@pytest.fixture
def ct(clinic: Any, sample: Sample) -> bytes:
    body = sample("CT_small.dcm")
    clinic.add(body)
    return body


def pixels(body: bytes) -> bytes:
    return bytes(dcmread(BytesIO(body)).PixelData)


@pytest.mark.parametrize(
    "path",
    [
        "/studies",
        "/series",
        "/instances",
        f"{CT}/series",
        f"{CT}/instances",
        f"{CT_SERIES}/instances",
        "/studies?PatientName=comp*&includefield=00081030,00080060&limit=101&offset=0&fuzzymatching=false",
    ],
)
def test_search_at_every_level(clinic: Any, ct: bytes, path: str) -> None:
    answer = clinic.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    (item,) = answer.json()
    assert item["0020000D"]["Value"] == [CT.rpartition("/")[2]]
    assert item["00081190"]["Value"][0].startswith("http://testserver/dicomweb/studies/")


def test_a_search_that_finds_nothing_is_an_empty_list(clinic: Any) -> None:
    assert (clinic.get("/studies").status_code, clinic.get("/studies").json()) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=-1", "limit"), ("StudyDate=yesterday", "StudyDate"), ("includefield=StudyInst", "includefield")],
)
def test_a_bad_query_names_the_parameter(clinic: Any, query: str, field: str) -> None:
    answer = clinic.get(f"/studies?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "BAD_REQUEST", field)
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", [f"{CT}/metadata", f"{CT_SERIES}/metadata", f"{CT_INSTANCE}/metadata"])
def test_metadata(clinic: Any, ct: bytes, path: str) -> None:
    answer = clinic.get(path, Accept="application/dicom+json")
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    (document,) = answer.json()
    assert document["00280010"]["Value"] == [128]
    assert document["7FE00010"]["BulkDataURI"] == f"/dicomweb{CT_INSTANCE}/bulkdata/7FE00010"
    plain = clinic.get(path, **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.json() == [document]


@pytest.mark.parametrize("accept", [None, "*/*", "application/dicom", 'application/dicom; transfer-syntax="*"'])
def test_an_instance_alone_is_what_was_received(clinic: Any, ct: bytes, accept: str | None) -> None:
    answer = clinic.get(CT_INSTANCE, **({"Accept": accept} if accept else {}))
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "application/dicom", ct)


@pytest.mark.parametrize("path", [CT, CT_SERIES, CT_INSTANCE])
def test_instances_as_parts(clinic: Any, ct: bytes, path: str) -> None:
    answer = clinic.get(path, Accept='multipart/related; type="application/dicom"')
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert ct in answer.content


def test_an_accept_that_cannot_be_met_says_what_can(clinic: Any, ct: bytes) -> None:
    answer = clinic.get(CT_INSTANCE, Accept="image/tiff")
    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert "application/dicom" in answer.json()["message"]


def test_ranges_and_conditions_of_an_instance(clinic: Any, ct: bytes) -> None:
    part = clinic.get(CT_INSTANCE, Range="bytes=128-131")
    assert (part.status_code, part.content) == (206, b"DICM")
    assert part.headers["content-range"] == f"bytes 128-131/{len(ct)}"
    assert clinic.get(CT_INSTANCE, Range=f"bytes={len(ct)}-").status_code == 416
    assert clinic.get(CT_INSTANCE, **{"If-None-Match": part.headers["etag"]}).status_code == 304
    head = clinic.client.head("/dicomweb" + CT_INSTANCE, headers=clinic.bearer())
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(ct)), b"")


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
    ],
)
@pytest.mark.parametrize("ready", [False, True])
def test_a_frame(clinic: Any, ct: bytes, accept: str | None, ready: bool) -> None:
    if ready:
        clinic.derive()
    answer = clinic.get(f"{CT_INSTANCE}/frames/1", **({"Accept": accept} if accept else {}))
    assert answer.status_code == 200
    assert pixels(ct) in answer.content
    assert b"Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n" in answer.content


def test_a_frame_as_a_single_part(clinic: Any, ct: bytes) -> None:
    answer = clinic.get(f"{CT_INSTANCE}/frames/1", Accept="application/octet-stream")
    assert answer.content == pixels(ct)
    assert answer.headers["content-type"] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"


def test_a_list_of_frames(clinic: Any, sample: Sample) -> None:
    body = sample("examples_ybr_color.dcm")
    stored = clinic.add(body)
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}/frames"
    answer = clinic.get(f"{path}/3,1")
    assert answer.content.count(b"Content-Type: application/octet-stream") == 2
    assert clinic.get(f"{path}/31").status_code == 404
    assert clinic.get(f"{path}/0").status_code == 400
    assert clinic.get(f"{path}/a").json()["field"] == "frames"


def test_what_viewers_cannot_decode_is_sent_transcoded(clinic: Any, sample: Sample) -> None:
    """Uncompressed YBR_FULL_422 draws black in Cornerstone3D."""
    stored = clinic.add(sample("SC_ybr_full_422_uncompressed.dcm"))
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"
    frame = clinic.get(f"{path}/frames/1", Accept="application/octet-stream")
    assert len(frame.content) == 100 * 100 * 3
    (document,) = clinic.get(f"{path}/metadata").json()
    assert document["00280004"]["Value"] == ["RGB"]


def test_bulk_data(clinic: Any, ct: bytes) -> None:
    answer = clinic.get(f"{CT_INSTANCE}/bulkdata/7FE00010")
    assert (answer.status_code, answer.content) == (200, pixels(ct))
    assert clinic.get(f"{CT_INSTANCE}/bulkdata/00420011").status_code == 404


@pytest.mark.parametrize("path", [CT, CT_SERIES, CT_INSTANCE, f"{CT_INSTANCE}/frames/1"])
def test_rendered(clinic: Any, ct: bytes, path: str) -> None:
    answer = clinic.get(f"{path}/rendered?viewport=64,64&window=40,400,linear", Accept="image/png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(BytesIO(answer.content)).size == (64, 64)
    assert clinic.get(f"{path}/rendered").headers["content-type"] == "image/jpeg"
    assert clinic.get(f"{path}/rendered?viewport=big").json()["field"] == "viewport"


def test_thumbnail(clinic: Any, ct: bytes) -> None:
    answer = clinic.get(f"{CT_INSTANCE}/thumbnail?viewport=256,256", Accept="image/jpeg")
    assert Image.open(BytesIO(answer.content)).format == "JPEG"


def test_large_answers_are_fetched_from_where_they_lie(clinic: Any, sample: Sample, monkeypatch: Any) -> None:
    monkeypatch.setattr("pacs.entry.answers.CARRIED_MAX_BYTES", 1000)
    body = sample("CT_small.dcm")
    clinic.add(body)
    for path, accept in ((CT, "*/*"), (CT_INSTANCE, "application/dicom"), (f"{CT_INSTANCE}/frames/1", "*/*")):
        redirect = clinic.get(path, Accept=accept)
        assert redirect.status_code == 307
        final = clinic.client.get(redirect.headers["location"])  # and without a token
        assert final.status_code == 200 and pixels(body) in final.content


def test_a_pointer_at_a_large_answer_warns_as_the_answer_would(clinic: Any, sample: Sample, monkeypatch: Any) -> None:
    clinic.add(sample("CT_small.dcm"))
    clinic.add(sample("MR_small.dcm"))
    path = "/studies?limit=1"
    told = clinic.get(path)
    assert told.status_code == 200 and "additional results" in told.headers["warning"]
    monkeypatch.setattr("pacs.entry.answers.CARRIED_MAX_BYTES", 10)
    for encoding in ("gzip", "identity"):
        redirect = clinic.get(path, **{"Accept-Encoding": encoding})
        assert (redirect.status_code, redirect.headers["warning"]) == (307, told.headers["warning"])
        assert clinic.client.get(redirect.headers["location"]).json() == told.json()


def stow(clinic: Any, *bodies: bytes, path: str = "/studies", content_type: str = DICOM_PARTS) -> Any:
    body = b"\r\n" + b"".join(related([Part(each, "application/dicom") for each in bodies], boundary="b"))
    return clinic.client.post(
        f"/dicomweb{path}", content=body, headers={**clinic.bearer(), "Content-Type": content_type}
    )


def test_stow_stores_what_can_be_stored_and_tells_of_the_rest(clinic: Any, sample: Sample) -> None:
    good = sample("CT_small.dcm")
    all_stored = stow(clinic, good)
    assert all_stored.status_code == 200
    assert all_stored.json()["00081199"]["Value"][0]["00081190"]["Value"] == [
        f"http://testserver/dicomweb{CT_INSTANCE}"
    ]
    some = stow(clinic, good, b"no instance")
    assert some.status_code == 202 and len(some.json()["0008119A"]["Value"]) == 1
    other = stow(clinic, good, path="/studies/1.2.3")
    assert other.status_code == 409
    assert other.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA901]
    clinic.index()
    assert clinic.get(CT_INSTANCE).content == good


def test_stow_refuses_other_media_types_and_broken_bodies(clinic: Any, sample: Sample) -> None:
    assert stow(clinic, b"x", content_type="text/plain").status_code == 415
    assert stow(clinic, b"x", content_type='multipart/related; type="application/dicom"').status_code == 400
    assert stow(clinic, b"x", content_type='multipart/related; type="application/dicom"; boundary=c').status_code == 400


def test_cors_is_for_the_configured_origin_alone(clinic: Any, ct: bytes) -> None:
    for origin, allowed in (("https://viewer.example", True), ("https://evil.example", False)):
        answer = clinic.client.options("/dicomweb/studies", headers={"Origin": origin})
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_a_launch_token_sees_its_studies_and_no_others(clinic: Any, ct: bytes, sample: Sample) -> None:
    mr = clinic.add(sample("MR_small.dcm"))
    scope = Scope(clinic.made.organization_id, "launch", studies=(CT.rpartition("/")[2],))
    headers = clinic.bearer(scope, "launch")
    found = clinic.client.get("/dicomweb/studies", headers=headers).json()
    assert [each["0020000D"]["Value"][0] for each in found] == list(scope.studies or ())
    other = clinic.client.get(f"/dicomweb/studies/{mr.study}/metadata", headers=headers)
    assert (other.status_code, other.json()["code"]) == (404, "NOT_FOUND")


def test_cookies_of_two_launches_do_not_disturb_one_another(clinic: Any, ct: bytes, sample: Sample) -> None:
    mr = clinic.add(sample("MR_small.dcm"))
    cookies = []
    for name, study in (("a", CT.rpartition("/")[2]), ("b", mr.study)):
        token = clinic.bearer(Scope(clinic.made.organization_id, "launch", studies=(study,)), "launch")["Authorization"]
        cookies.append(f"pacs_launch_{name}={token.removeprefix('Bearer ')}")
    header = {"Cookie": "; ".join(cookies)}
    for path in (CT_INSTANCE, f"/studies/{mr.study}/series/{mr.series}/instances/{mr.sop_instance_uid}"):
        assert clinic.client.get(f"/dicomweb{path}", headers=header).status_code == 200


def test_sign_in_and_who_am_i(clinic: Any) -> None:
    form = {"username": "admin@localhost", "password": clinic.made.password}
    answer = clinic.client.post("/auth/token", data=form)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert clinic.client.get("/auth/me", headers=headers).json()["role"] == "admin"
    wrong = clinic.client.post("/auth/token", data={**form, "password": "x"})
    nobody = clinic.client.post("/auth/token", data={**form, "username": "nobody@localhost"})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json()["message"] == nobody.json()["message"]
    assert json.loads(answer.content)["token_type"] == "bearer"
