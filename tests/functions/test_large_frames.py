"""Frames of long films and of large slides: little is read for one of many, and a large one arrives whole."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

Sample = Callable[[str], bytes]
FRAMES = 1000


def path_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"


def film(body: bytes, *, compressed: bool) -> tuple[bytes, list[bytes]]:
    """An object of a thousand frames, and the bytes of each."""
    dataset = dcmread(BytesIO(body))
    frames = [number.to_bytes(2, "little") * 32 * 32 for number in range(FRAMES)]
    dataset.Rows = dataset.Columns = 32
    dataset.NumberOfFrames = FRAMES
    dataset.PixelData = b"".join(frames)
    if compressed:
        frames = [b"\1" + bytes(63) + number.to_bytes(2, "little") * (1 + number % 7) for number in range(FRAMES)]
        dataset.PixelData = encapsulate(frames)
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue(), frames


@pytest.fixture
def reads(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What is read of originals from now on: offset and length of each read."""
    asked: list[tuple[int, int]] = []
    store = clinic.services.originals
    read = store.read

    def counted(key: str, offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return bytes(read(key, offset, length))

    monkeypatch.setattr(store, "read", counted)
    monkeypatch.setattr(store, "get", lambda key: pytest.fail("the whole original was read"))
    return asked


@pytest.mark.parametrize("compressed", [False, True])
def test_any_frame_of_a_thousand_is_one_ranged_read(
    clinic: Any, sample: Sample, reads: list[tuple[int, int]], compressed: bool
) -> None:
    body, frames = film(sample("CT_small.dcm"), compressed=compressed)
    path = path_of(clinic.add(body))
    for number in (1, 500, FRAMES):
        reads.clear()
        answer = clinic.get(f"{path}/frames/{number}", Accept="application/octet-stream")
        assert answer.content == frames[number - 1]
        # One block of the header, which tells whether viewers can decode it, and the frame with its item header.
        assert len(reads) == 2 and min(offset for offset, _ in reads) < 132, reads
        assert max(reads)[1] <= len(frames[number - 1]) + 8
        again = clinic.get(f"{path}/frames/{number}")
        assert frames[number - 1] in again.content and len(reads) <= 4


def test_a_frame_of_fifty_megabytes_arrives_whole(clinic: Any, sample: Sample) -> None:
    pixels = np.random.default_rng(7).integers(0, 4096, (5000, 5000), np.uint16)
    dataset = dcmread(BytesIO(sample("CT_small.dcm")))
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes()
    out = BytesIO()
    dataset.save_as(out)
    path = path_of(clinic.add(out.getvalue()))
    for accept in ("application/octet-stream", 'multipart/related; type="application/octet-stream"'):
        pointed = clinic.get(f"{path}/frames/1", Accept=accept)
        assert pointed.status_code == 307
        answer = clinic.client.get(pointed.headers["location"])
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, accept.split(";")[0])
        assert pixels.tobytes() in answer.content
    whole = clinic.client.get(clinic.get(path).headers["location"])
    assert whole.content == out.getvalue()
    part = clinic.get(path, Range=f"bytes={len(out.getvalue()) - 4}-")
    assert (part.status_code, part.content) == (206, out.getvalue()[-4:])
