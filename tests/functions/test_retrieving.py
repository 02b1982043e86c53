"""What a client may ask of an answer: versions, ranges, several ranges, HEAD; and thumbnails at every level."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import UID

Sample = Callable[[str], bytes]
CT = "/studies/1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
CT_SERIES = CT + "/series/1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
CT_INSTANCE = CT_SERIES + "/instances/1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
BULK = f"{CT_INSTANCE}/bulkdata/7FE00010"
LEVELS = (CT, CT_SERIES, CT_INSTANCE)
ANSWERS = [
    *(each + kind for each in LEVELS for kind in ("", "/metadata", "/rendered", "/thumbnail")),
    *(f"{CT_INSTANCE}/frames/1" + kind for kind in ("?accept=application/octet-stream", "/rendered", "/thumbnail")),
    f"{CT_INSTANCE}/frames/1,1",
    BULK,
]


@pytest.fixture
def ct(clinic: Any, sample: Sample) -> bytes:
    body = sample("CT_small.dcm")
    clinic.add(body)
    return body


def head(clinic: Any, path: str) -> Any:
    return clinic.client.head("/dicomweb" + path, headers=clinic.bearer())


def test_every_answer_has_a_version_that_is_not_sent_twice(clinic: Any, ct: bytes) -> None:
    for path in ANSWERS:
        answer = clinic.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "private, no-cache"
        again = clinic.get(path, **{"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["etag"] == answer.headers["etag"]
        assert clinic.get(path, **{"If-None-Match": '"another"'}).content == answer.content, path


def test_what_comes_of_instances_tells_when_they_changed(clinic: Any, ct: bytes) -> None:
    for path in (each for each in ANSWERS if "metadata" not in each and each != BULK):
        modified = clinic.get(path).headers["last-modified"]
        assert clinic.get(path, **{"If-Modified-Since": modified}).status_code == 304, path
        since = {"If-Modified-Since": "Thu, 29 Feb 2024 12:30:15 GMT"}
        assert clinic.get(path, **since).status_code == 200, path
        # A tag goes before a date.
        assert clinic.get(path, **{"If-Modified-Since": modified, "If-None-Match": '"x"'}).status_code == 200, path


def test_a_replaced_instance_has_another_version(clinic: Any, ct: bytes) -> None:
    before = {path: clinic.get(path).headers["etag"] for path in ANSWERS}
    dataset = dcmread(BytesIO(ct))
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.PatientComments = "changed"
    out = BytesIO()
    dataset.save_as(out)
    clinic.add(out.getvalue())
    for path, tag in before.items():
        assert clinic.get(path).headers["etag"] != tag, path


def test_head_tells_what_get_would(clinic: Any, ct: bytes) -> None:
    for path in ANSWERS:
        whole, told = clinic.get(path), head(clinic, path)
        assert (told.status_code, told.content) == (200, b"")
        for name in ("content-length", "content-type", "etag"):
            assert told.headers[name] == whole.headers[name], (path, name)


@pytest.mark.parametrize("path", [CT_INSTANCE, BULK])
def test_ranges(clinic: Any, ct: bytes, path: str) -> None:
    whole = clinic.get(path).content
    one = clinic.get(path, Range="bytes=10-19")
    assert (one.status_code, one.content) == (206, whole[10:20])
    assert one.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    several = clinic.get(path, Range="bytes=0-3,-5")
    kind, _, boundary = several.headers["content-type"].partition("; boundary=")
    assert (several.status_code, kind) == (206, "multipart/byteranges")
    bodies = [part.partition(b"\r\n\r\n") for part in several.content.split(f"--{boundary}".encode())[1:-1]]
    assert [body for _, _, body in bodies] == [whole[:4] + b"\r\n", whole[-5:] + b"\r\n"]
    assert f"Content-Range: bytes 0-3/{len(whole)}".encode() in bodies[0][0]


@pytest.mark.parametrize("path", [CT_INSTANCE, BULK])
def test_a_range_of_nothing_tells_the_size(clinic: Any, ct: bytes, path: str) -> None:
    size = len(clinic.get(path).content)
    refused = clinic.get(path, Range=f"bytes={size}-")
    assert (refused.status_code, refused.headers["content-range"]) == (416, f"bytes */{size}")
    assert (refused.json()["code"], refused.json()["field"]) == ("RANGE_NOT_SATISFIABLE", "Range")
    assert refused.json()["requestId"] == refused.headers["x-request-id"]


def test_a_range_of_another_version_is_the_whole(clinic: Any, ct: bytes) -> None:
    tag = head(clinic, CT_INSTANCE).headers["etag"]
    assert clinic.get(CT_INSTANCE, **{"Range": "bytes=0-3", "If-Range": tag}).status_code == 206
    old = clinic.get(CT_INSTANCE, **{"Range": "bytes=0-3", "If-Range": '"old"'})
    assert (old.status_code, old.content) == (200, ct)


@pytest.mark.parametrize("path", [*LEVELS, f"{CT_INSTANCE}/frames/1"])
def test_thumbnails_at_every_level(clinic: Any, ct: bytes, path: str) -> None:
    answer = clinic.get(f"{path}/thumbnail")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(answer.content)).size == (256, 256)
    other = clinic.get(f"{path}/thumbnail?viewport=40,32")
    assert Image.open(BytesIO(other.content)).size == (32, 32)
    assert clinic.get(f"{path}/thumbnail?viewport=0,32").json()["field"] == "viewport"
    assert clinic.get(f"{path}/thumbnail", Accept="image/tiff").status_code == 406


def test_thumbnails_of_one_frame_each(clinic: Any, sample: Sample) -> None:
    stored = clinic.add(sample("examples_ybr_color.dcm"))
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}/frames"
    assert clinic.get(f"{path}/1/thumbnail").content != clinic.get(f"{path}/30/thumbnail").content
    assert clinic.get(f"{path}/31/thumbnail").status_code == 404
    assert clinic.get(f"{path}/1,2/thumbnail").json()["field"] == "frames"


def test_a_report_is_no_picture_of_its_study(clinic: Any, ct: bytes, sample: Sample) -> None:
    """The picture of a study is that of its middle image, whatever lies between the images."""
    for number in range(3):
        report = dcmread(BytesIO(sample("reportsi.dcm")))
        report.StudyInstanceUID = UID(CT.rpartition("/")[2])
        report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
        out = BytesIO()
        report.save_as(out)
        clinic.add(out.getvalue())
    assert clinic.get(f"{CT}/thumbnail").content == clinic.get(f"{CT_INSTANCE}/thumbnail").content
    assert clinic.get(f"{CT}/rendered").content == clinic.get(f"{CT_INSTANCE}/rendered").content


class Asked:
    """A store that notes what it is asked."""

    def __init__(self, store: Any) -> None:
        self.store, self.calls = store, list[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self.store, name)


def test_a_whole_instance_is_one_request_to_the_store(clinic: Any, ct: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Asked(clinic.services.originals)
    monkeypatch.setattr(type(clinic.services), "originals", property(lambda _: store))
    assert clinic.get(CT_INSTANCE, Accept="application/dicom").content == ct
    assert store.calls == ["read_start"]
    head(clinic, CT_INSTANCE)
    assert store.calls == ["read_start", "head"]


def test_a_frame_has_one_version_whoever_answers(clinic: Any, ct: bytes) -> None:
    """The function when it makes the frame, the edge when it lies ready, the function again: of one object one tag."""
    frame = f"{CT_INSTANCE}/frames/1"
    asked = f'{frame}?accept=multipart/related;type="application/octet-stream";transfer-syntax=*'  # no edge reads this
    made, ready, again = clinic.get(frame), clinic.get(frame), clinic.get(asked)
    assert "last-modified" in made.headers and "last-modified" not in ready.headers
    assert made.content == ready.content == again.content
    tag = clinic.services.derived.head(next(clinic.services.derived.scan("frames/")).key).etag
    assert {each.headers["etag"] for each in (made, ready, again)} == {f'"{tag}"'}
    for path in (frame, asked):
        assert clinic.get(path, **{"If-None-Match": f'W/"x", "{tag}"'}).status_code == 304
        assert clinic.get(path, **{"If-None-Match": '"x"'}).status_code == 200
