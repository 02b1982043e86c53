"""What a client may ask of an answer: versions, ranges, several ranges, HEAD; and thumbnails at every level."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from sqlalchemy import text

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
    for path in ANSWERS:
        modified = clinic.get(path).headers["last-modified"]
        assert clinic.get(path, **{"If-Modified-Since": modified}).status_code == 304, path
        since = {"If-Modified-Since": "Thu, 29 Feb 2024 12:30:15 GMT"}
        assert clinic.get(path, **since).status_code == 200, path
        # A tag goes before a date.
        assert clinic.get(path, **{"If-Modified-Since": modified, "If-None-Match": '"x"'}).status_code == 200, path


def test_metadata_of_what_is_left_are_newer(clinic: Any, ct: bytes) -> None:
    dataset = dcmread(BytesIO(ct))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    out = BytesIO()
    dataset.save_as(out)
    clinic.add(out.getvalue())
    since, path = {"If-Modified-Since": "Tue, 01 Jan 2002 00:00:00 GMT"}, f"{CT_SERIES}/metadata"
    clinic.services.database.fetch(text("update studies set updated_at = '2001-01-01Z'"))
    clinic.services.database.fetch(text("update series set updated_at = '2001-01-01Z'"))
    before = clinic.get(path).headers["last-modified"]
    assert before.endswith("01 Jan 2001 00:00:00 GMT")
    assert clinic.get(path, **since).status_code == 304
    clinic.client.delete(f"/dicomweb{CT_SERIES}/instances/1.2.3", headers=clinic.bearer())
    after = clinic.get(path, **since)
    assert after.headers["last-modified"] != before and len(after.json()) == 1


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


def test_a_range_of_bulk_data_is_all_that_is_read(clinic: Any, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = clinic.get(bulk_of(clinic.add(long_pixels(sample)))).content
    stored = clinic.add(long_pixels(sample))
    store = Asked(clinic.services.originals)
    monkeypatch.setattr(type(clinic.services), "originals", property(lambda _: store))
    part = clinic.get(bulk_of(stored), Range="bytes=500000-500009,-1")
    assert part.status_code == 206
    assert pixels[500_000:500_010] in part.content
    header, *asked = [length for *_, length in store.reads]  # what follows the pixel data belongs to the header
    assert (asked, header < 1 << 17) == ([10, 1], True)
    store.reads.clear()
    assert clinic.get(bulk_of(stored), **{"If-None-Match": part.headers["etag"]}).status_code == 304
    assert len(store.reads) == 1


def bulk_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}/bulkdata/7FE00010"


def long_pixels(sample: Sample) -> bytes:
    """CT_small with more pixels than are read with its header."""
    dataset = dcmread(BytesIO(sample("CT_small.dcm")))
    dataset.Rows, dataset.Columns = 1024, 512
    dataset.PixelData = bytes(range(256)) * (1 << 12)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def test_bulk_data_comes_alone_or_as_a_part(clinic: Any, ct: bytes) -> None:
    pixels = dcmread(BytesIO(ct)).PixelData
    alone = clinic.get(BULK, Accept="*/*")
    assert (alone.headers["content-type"], alone.content) == ("application/octet-stream", pixels)
    part = clinic.get(BULK, Accept='multipart/related; type="application/octet-stream"')
    assert part.headers["content-type"].startswith('multipart/related; type="application/octet-stream"; boundary=')
    head, _, rest = part.content.partition(b"\r\n\r\n")
    assert f"Content-Location: /dicomweb{BULK}".encode() in head
    assert rest.startswith(pixels)


def test_bulk_data_of_compressed_pixels_are_its_frames(clinic: Any, sample: Sample) -> None:
    stored = clinic.add(sample("examples_jpeg2k.dcm"))
    path = bulk_of(stored)
    (document,) = clinic.get(path.partition("/bulkdata")[0] + "/metadata").json()
    assert document["7FE00010"]["BulkDataURI"].endswith(path)
    frame = clinic.get(path.replace("bulkdata/7FE00010", "frames/1"))
    assert clinic.get(path).content == frame.content


def test_bulk_data_of_a_document_come_under_its_type(clinic: Any) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.104.1"), UID("1.2.3.4")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = UID("1.2"), UID("1.2.3")
    dataset.MIMETypeOfEncapsulatedDocument, dataset.EncapsulatedDocument = "application/pdf", b"%PDF" * 30_000
    out = BytesIO()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(out, dataset, enforce_file_format=True)
    clinic.add(out.getvalue())
    path = "/studies/1.2/series/1.2.3/instances/1.2.3.4/bulkdata/00420011"
    for accept, kind in (("*/*", "application/octet-stream"), ("application/pdf", "application/pdf")):
        answer = clinic.get(path, Accept=accept)
        assert (answer.headers["content-type"], answer.content) == (kind, dataset.EncapsulatedDocument)


def test_what_cannot_be_made_is_answered_with_what_can(clinic: Any, ct: bytes) -> None:
    for path in (each for each in ANSWERS if "?" not in each):
        refused = clinic.get(path, Accept="model/obj; transfer-syntax=1.2.3")
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            406,
            "NOT_ACCEPTABLE",
            "Accept",
        )
        kind = clinic.get(path, Accept="*/*").headers["content-type"].partition(";")[0]
        assert refused.json()["message"].startswith("possible are: ")
        assert kind in refused.json()["message"], path
        assert clinic.get(path, Accept="*").content == clinic.get(path, Accept="*/*").content


@pytest.mark.parametrize("path", ["/instances", f"{CT}/metadata"])
def test_json_is_gzipped_for_those_who_take_it(clinic: Any, ct: bytes, path: str) -> None:
    path += "?includefield=all" if path == "/instances" else ""
    plain = clinic.get(path, **{"Accept-Encoding": "br, gzip;q=0, *"})
    squeezed = clinic.get(path, **{"Accept-Encoding": "br;q=1.0, gzip;q=0.5"})
    assert squeezed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert squeezed.json() == plain.json()
    assert int(squeezed.headers["content-length"]) < len(plain.content)
    for each in (plain, squeezed):
        assert each.headers["vary"].lower().split(", ")[0] == "accept-encoding"
        assert each.headers["cache-control"] == "private, no-cache"
    assert squeezed.headers["etag"] != plain.headers["etag"]


class Asked:
    """A store that notes what it is asked."""

    def __init__(self, store: Any) -> None:
        self.store, self.calls = store, list[str]()
        self.reads = list[tuple[str, int, int]]()

    def read(self, key: str, offset: int, length: int) -> Any:
        self.reads.append((key, offset, length))
        return self.store.read(key, offset, length)

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
    assert "accept-ranges" in made.headers and "accept-ranges" not in ready.headers
    assert made.content == ready.content == again.content
    tag = clinic.services.derived.head(next(clinic.services.derived.scan("frames/")).key).etag
    assert {each.headers["etag"] for each in (made, ready, again)} == {f'"{tag}"'}
    for path in (frame, asked):
        assert clinic.get(path, **{"If-None-Match": f'W/"x", "{tag}"'}).status_code == 304
        assert clinic.get(path, **{"If-None-Match": '"x"'}).status_code == 200
