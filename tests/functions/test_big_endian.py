"""Originals in big endian: bulk data and frames come in little endian, as long as the metadata say samples are."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

EXPLICIT = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"


def image(pixels: bytes, syntax: UID, *, bits: int, rows: int, columns: int, frames: int = 1) -> bytes:
    """A file whose pixel data are these bytes, as words."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.7"), UID("1.2.3.4")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UID("1.2"), UID("1.2.3")
    ds.Rows, ds.Columns, ds.NumberOfFrames = rows, columns, frames
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelData = pixels
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def path_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"


def frames_of(clinic: Any, path: str, count: int) -> list[bytes]:
    found = [clinic.get(f"{path}/frames/{number}", Accept=EXPLICIT) for number in range(1, count + 1)]
    assert all(each.headers["content-type"] == EXPLICIT for each in found)
    return [each.content for each in found]


def test_samples_of_32_bits_are_turned_as_a_whole(clinic: Any, sample: Callable[[str], bytes]) -> None:
    original = sample("rtdose_expb.dcm")
    path = path_of(clinic.add(original))
    expected = dcmread(BytesIO(original)).pixel_array.astype("<u4").tobytes()
    assert clinic.get(f"{path}/bulkdata/7FE00010").content == expected
    assert b"".join(frames_of(clinic, path, 15)) == expected
    (metadata,) = clinic.get(f"{path}/metadata").json()
    assert metadata["00280100"]["Value"] == [32]


def test_samples_of_64_bits_are_turned_as_a_whole(clinic: Any) -> None:
    body = image(struct.pack(">2Q", 1, 258), ExplicitVRBigEndian, bits=64, rows=1, columns=2)
    path = path_of(clinic.add(body))
    assert clinic.get(f"{path}/bulkdata/7FE00010").content == struct.pack("<2Q", 1, 258)
    assert frames_of(clinic, path, 1) == [struct.pack("<2Q", 1, 258)]


@pytest.mark.parametrize(
    ("syntax", "stored"),
    [
        (ExplicitVRLittleEndian, b"\x01\x80\xff\x2a"),
        (ImplicitVRLittleEndian, b"\x01\x80\xff\x2a"),
        (ExplicitVRBigEndian, b"\x80\x01\x2a\xff"),
    ],
)
def test_frames_of_single_bits_stay_bits_as_the_metadata_say(clinic: Any, syntax: UID, stored: bytes) -> None:
    """The second frame begins within a byte, and in big endian within a word."""
    path = path_of(clinic.add(image(stored, syntax, bits=1, rows=3, columns=5, frames=2)))
    bits = int.from_bytes(b"\x01\x80\xff\x2a", "little")
    assert frames_of(clinic, path, 2) == [(bits >> at & 0x7FFF).to_bytes(2, "little") for at in (0, 15)]
    assert clinic.get(f"{path}/bulkdata/7FE00010").content == b"\x01\x80\xff\x2a"
    (metadata,) = clinic.get(f"{path}/metadata").json()
    assert metadata["00280100"]["Value"] == [1]
