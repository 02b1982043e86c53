"""Pictures, films and documents become instances that other programs read, and keep what they show."""

import struct
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames

from pacs.dicom.mp4 import read_mp4
from pacs.dicom.wrapping import (
    ENCAPSULATED_PDF,
    JPEG_BASELINE,
    SECONDARY_CAPTURE,
    VIDEO_PHOTOGRAPHIC,
    VL_PHOTOGRAPHIC,
    Details,
    Kind,
    Place,
    kind_of,
    wrap,
)
from pacs.errors import InvalidInstance

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DETAILS = Details("Yılmaz^Ayşe", "DX", "p1", "19700101", "F", "045Y", "A1", "Akciğer", "20260104")
PLACE = Place("2.25.1", "2.25.2", "2.25.3", 1, 7, "röntgen")


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (31, 17), **options: Any) -> bytes:
    shape = (size[1], size[0]) + ((len(mode),) if len(mode) > 1 else ())
    ramp = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype("uint8")
    target = BytesIO()
    Image.fromarray(ramp).save(target, kind, **options)
    return target.getvalue()


def box(kind: bytes, *held: bytes) -> bytes:
    body = b"".join(held)
    return struct.pack(">L4s", len(body) + 8, kind) + body


def film(
    codec: bytes = b"avc1", setup: bytes = b"\x01\x64\x00\x29", frames: int = 50, handler: bytes = b"vide"
) -> bytes:
    """A file with one track: two seconds of 640 x 480."""
    entry = bytes(24) + struct.pack(">HH", 640, 480) + bytes(50)
    config = box(b"avcC" if codec == b"avc1" else b"hvcC", setup + bytes(20))
    table = box(
        b"stbl",
        box(b"stsd", bytes(4) + struct.pack(">L", 1), box(codec, entry, config)),
        box(b"stsz", bytes(8) + struct.pack(">L", frames)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", bytes(12) + struct.pack(">LL", 1000, 2000) + bytes(4)),
        box(b"hdlr", bytes(8) + handler + bytes(13)),
        box(b"minf", table),
    )
    return box(b"ftyp", b"mp42" + bytes(8)) + box(b"mdat", bytes(100)) + box(b"moov", box(b"trak", media))


def wrapped(kind: Kind, body: bytes, details: Details = DETAILS) -> Any:
    assert kind_of(body[:132]) == kind
    return dcmread(BytesIO(wrap(kind, body, details, PLACE, NOW)))


def test_who_and_what_was_typed_in_stands_in_the_instance() -> None:
    made = wrapped("png", picture("PNG"))
    told = [made[name].value for name in ("PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate")]
    assert told == ["p1", "19700101", "F", "045Y", "20260104"]
    assert (str(made.PatientName), made.StudyDescription, made.Modality) == ("Yılmaz^Ayşe", "Akciğer", "DX")
    assert (made.StudyInstanceUID, made.SOPInstanceUID, made.InstanceNumber) == ("2.25.1", "2.25.3", 7)
    assert made.SpecificCharacterSet == "ISO_IR 192" and made.file_meta.MediaStorageSOPInstanceUID == "2.25.3"


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_baseline_jpeg_is_kept_bit_for_bit(mode: str) -> None:
    body = picture("JPEG", mode)
    made = wrapped("jpeg", body)
    assert (made.SOPClassUID, made.file_meta.TransferSyntaxUID) == (SECONDARY_CAPTURE, JPEG_BASELINE)
    [kept] = list(generate_frames(made.PixelData, number_of_frames=1))
    assert kept.rstrip(b"\0") == body.rstrip(b"\0")
    assert (made.Rows, made.Columns, made.LossyImageCompression) == (17, 31, "01")
    assert made.pixel_array.shape[:2] == (17, 31)


def test_where_a_photograph_was_taken_goes_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 1, "Kadıköy"
    beside = picture("JPEG", exif=exif, comment=b"Ankara")
    assert b"Ankara" in beside
    made = wrap("jpeg", beside, DETAILS, PLACE, NOW)
    assert b"Ankara" not in made and b"Exif" not in made
    exif[0x0112] = 6
    turned = wrapped("jpeg", picture("JPEG", exif=exif))
    assert (turned.Rows, turned.Columns, turned.PhotometricInterpretation) == (31, 17, "RGB")
    assert turned.LossyImageCompression == "01"


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"progressive": True}), ("PNG", {})])
def test_other_pictures_are_taken_as_pixels(kind: Any, options: dict[str, Any]) -> None:
    body = picture(kind, **options)
    made = wrapped(kind.lower(), body)
    assert made.file_meta.TransferSyntaxUID.is_compressed is False
    assert np.array_equal(made.pixel_array, np.asarray(Image.open(BytesIO(body))))


def test_pictures_of_16_bits_and_transparent_ones() -> None:
    target = BytesIO()
    Image.fromarray(np.full((4, 6), 0x8040, "uint16")).save(target, "PNG")
    assert np.array_equal(wrapped("png", target.getvalue()).pixel_array, np.full((4, 6), 0x80))
    clear = BytesIO()
    Image.new("RGBA", (3, 3), (0, 0, 0, 0)).save(clear, "PNG")
    assert wrapped("png", clear.getvalue()).pixel_array.min() == 255


def test_photographs_are_photographs() -> None:
    made = wrapped("jpeg", picture(), Details("A^B", "XC"))
    assert (made.SOPClassUID, made.ImageType) == (VL_PHOTOGRAPHIC, ["ORIGINAL", "PRIMARY"])


def test_a_document_is_wrapped_as_it_is() -> None:
    body = b"%PDF-1.7 made of nothing"
    made = wrapped("pdf", body + b"!")
    assert (made.SOPClassUID, made.Modality, made.DocumentTitle) == (ENCAPSULATED_PDF, "DOC", "röntgen")
    assert made.EncapsulatedDocument[: made.EncapsulatedDocumentLength] == body + b"!"
    assert made.MIMETypeOfEncapsulatedDocument == "application/pdf"


@pytest.mark.parametrize(
    ("codec", "setup", "syntax"),
    [
        (b"avc1", b"\x01\x64\x00\x29", "102"),
        (b"avc1", b"\x01\x42\xc0\x1e", "102"),
        (b"avc1", b"\x01\x64\x00\x2a", "104"),
        (b"hvc1", b"\x01\x01" + bytes(10) + b"\x99", "107"),
        (b"hvc1", b"\x01\x02" + bytes(10) + b"\x78", "108"),
    ],
)
def test_a_film_is_wrapped_as_it_is(codec: bytes, setup: bytes, syntax: str) -> None:
    body = film(codec, setup)
    made = wrapped("mp4", body)
    assert (made.SOPClassUID, made.file_meta.TransferSyntaxUID) == (
        VIDEO_PHOTOGRAPHIC,
        f"1.2.840.10008.1.2.4.{syntax}",
    )
    assert (made.Rows, made.Columns, made.NumberOfFrames, made.FrameTime, made.CineRate) == (480, 640, 50, 40, 25)
    [stream] = list(generate_frames(made.PixelData, number_of_frames=1))
    assert stream[: len(body)] == body


@pytest.mark.parametrize(
    "body",
    [
        film(setup=b"\x01\x42\x00\x1e"),  # baseline that is not constrained
        film(setup=b"\x01\x64\x00\x33"),
        film(codec=b"mp4v"),
        film(frames=0),
        film(handler=b"soun"),
        film()[:-30],
        b"\0\0\0\x08ftyp\xff\xff\xff\xffmoov",
        b"\0\0\0\x08ftyp",
    ],
)
def test_a_film_that_dicom_has_no_syntax_for_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInstance):
        read_mp4(body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("jpeg", picture()[:60]), ("jpeg", b"\xff\xd8\xff" + bytes(40)), ("png", picture("PNG")[:70])],
)
def test_what_cannot_be_read_is_refused(kind: Kind, body: bytes) -> None:
    with pytest.raises(InvalidInstance):
        wrap(kind, body, DETAILS, PLACE, NOW)


@pytest.mark.parametrize("head", [b"", b"GIF89a", b"RIFF....WEBP", b"<svg", bytes(132)])
def test_other_files_are_nothing(head: bytes) -> None:
    assert kind_of(head) is None


@pytest.mark.parametrize(
    ("kind", "body"), [("jpeg", picture()), ("png", picture("PNG")), ("pdf", b"%PDF-1.4"), ("mp4", film())]
)
def test_another_program_reads_them(tmp_path: Path, kind: Kind, body: bytes) -> None:
    file = tmp_path / "made.dcm"
    file.write_bytes(wrap(kind, body, DETAILS, PLACE, NOW))
    done = subprocess.run(["dcmdump", "+P", "PatientName", str(file)], capture_output=True, text=True)
    assert done.returncode == 0 and "Yılmaz^Ayşe" in done.stdout, done.stderr
