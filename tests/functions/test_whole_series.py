"""A series that an API gateway would not carry: composed of its originals, sent from where they lie."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import UID

Sample = Callable[[str], bytes]
SERIES = "/studies/1.3.6.1.4.1.5962.1.2.1.20040119072730.12322/series/1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
RLE = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5'


@pytest.fixture
def series(clinic: Any, sample: Sample) -> list[bytes]:
    return [add(clinic, sample, number) for number in range(3)]


def add(clinic: Any, sample: Sample, number: int, comments: str = "") -> bytes:
    dataset = dcmread(BytesIO(sample("CT_small.dcm")))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.{number}")
    dataset.InstanceNumber = number
    dataset.PatientComments = comments
    out = BytesIO()
    dataset.save_as(out)
    clinic.add(out.getvalue())
    return out.getvalue()


@pytest.mark.parametrize("accept", ["*/*", RLE])
def test_it_is_the_same_bytes_however_large(
    clinic: Any, series: list[bytes], monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    whole = clinic.get(SERIES, Accept=accept)
    assert whole.status_code == 200 and (accept == RLE or all(each in whole.content for each in series))
    parts = [clinic.get(SERIES, Accept=accept, Range=each) for each in ("bytes=90-40000", "bytes=-7", "bytes=0-1,5-9")]
    monkeypatch.setattr("pacs.entry.answers.CARRIED_MAX_BYTES", 1000)
    answer = clinic.get(SERIES, Accept=accept)
    assert answer.status_code == 307
    place = answer.headers["location"]
    assert clinic.client.get(place).content == whole.content
    assert clinic.client.get(place).headers["content-type"] == whole.headers["content-type"]
    piece = clinic.client.get(place, headers={"Range": "bytes=90-40000"})
    assert (piece.status_code, piece.content) == (206, parts[0].content)
    assert clinic.client.head(place).headers["content-length"] == str(len(whole.content))
    for asked, small in zip(("bytes=-7", "bytes=0-1,5-9"), parts[1:], strict=True):
        again = clinic.get(SERIES, Accept=accept, Range=asked)
        assert again.status_code == 206 and len(again.content) == len(small.content)
    assert clinic.get(SERIES, Accept=accept, Range="bytes=90-40000").status_code == 307
    headers = {**clinic.bearer(), "Accept": accept}
    told = clinic.client.head("/dicomweb" + SERIES, headers=headers)
    assert (told.status_code, told.headers["content-length"]) == (200, str(len(whole.content)))
    assert told.headers["etag"] == whole.headers["etag"]


def test_it_stays_what_it_was_when_somebody_asked(
    clinic: Any, sample: Sample, series: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.entry.answers.CARRIED_MAX_BYTES", 1000)
    place = clinic.get(SERIES).headers["location"]
    add(clinic, sample, 1, "changed")
    clinic.client.delete(f"/dicomweb{SERIES}/instances/1.2.2", headers=clinic.bearer())
    found = clinic.client.get(place).content
    assert all(each in found for each in series)


def test_nothing_of_a_newer_version_is_sent_before_it_is_indexed(
    clinic: Any, series: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = next(info.key for info in clinic.services.originals.scan() if info.key.endswith("/1.2.1.dcm"))
    clinic.services.originals.store_original(key, b"newer", sha256="0" * 64, metadata={})
    for limit in (1 << 20, 1000):
        monkeypatch.setattr("pacs.entry.answers.CARRIED_MAX_BYTES", limit)
        refused = clinic.get(SERIES)
        assert (refused.status_code, refused.json()["code"]) == (503, "BEING_REPLACED")
