"""Pictures, films and documents that are no DICOM, made instances of it. Pure; called by reading.arriving.

Photographs and scans become Secondary Captures, or VL photographs where the modality says so; PDF and MP4 are wrapped
as they are, and so is a baseline JPEG, without what cameras write beside the picture: where it was taken, for one.

Source: PS3.3 §A.8.1, §A.32.4, §A.32.7, §A.45.1; PS3.5 §8.2.1, §8.2.7
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pacs.dicom.mp4 import read_mp4
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.errors import InvalidInstance

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom.dataset import Dataset

Kind = Literal["dicom", "jpeg", "png", "pdf", "mp4", "zip"]

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
VIDEO_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
EXPLICIT_LITTLE_ENDIAN, JPEG_BASELINE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
PHOTOGRAPHY = "XC"
MOST_PIXELS = 100_000_000
LONGEST_SIDE = 65535
# Markers of JPEG without a length, and those of what cameras write beside the picture (Exif, XMP, IPTC, comments).
STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
BESIDE = frozenset((0xE1, 0xED, 0xFE))
BASELINE, SCAN, END = 0xC0, 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Details:
    """What somebody typed in of a patient and a study. Dates are YYYYMMDD, names as DICOM writes them."""

    patient_name: str
    modality: str
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    patient_age: str = ""
    accession_number: str = ""
    study_description: str = ""
    study_date: str = ""
    study_time: str = ""


@dataclass(frozen=True)
class Place:
    """Where a new instance belongs, and what it is called."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    series_number: int
    instance_number: int
    title: str = ""


def kind_of(head: bytes) -> Kind | None:
    """What a file is by its first 132 bytes; None: nothing that is taken here."""
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head[4:8] == b"ftyp":
        return "mp4"
    return "zip" if head.startswith(b"PK\x03\x04") else None


def series_of(kind: Kind, details: Details) -> tuple[str, int]:
    """The modality and the number of the series that an instance of a kind goes into: one for each kind."""
    if kind == "pdf":
        return "DOC", 3
    return (PHOTOGRAPHY, 2) if kind == "mp4" else (details.modality, 1)


def wrap(kind: Kind, body: bytes, details: Details, place: Place, now: datetime) -> bytes:
    """A Part 10 file of a picture, a film or a document. Raises InvalidInstance for one that cannot be read."""
    dataset = beginning(kind, details, place, now)
    if kind == "pdf":
        syntax = with_document(dataset, body, place)
    elif kind == "mp4":
        syntax = with_video(dataset, body)
    else:
        syntax = with_picture(dataset, kind, body)
    return written(dataset, syntax)


def beginning(kind: Kind, details: Details, place: Place, now: datetime) -> Dataset:
    """Patient, study, series and equipment."""
    from pydicom.dataset import Dataset  # which lists of studies do without

    modality, _ = series_of(kind, details)
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPInstanceUID, made.InstanceCreationDate = place.sop_instance_uid, now.strftime("%Y%m%d")
    made.InstanceCreationTime = now.strftime("%H%M%S")
    made.StudyInstanceUID, made.SeriesInstanceUID = place.study_instance_uid, place.series_instance_uid
    made.PatientName, made.PatientID = details.patient_name, details.patient_id
    made.PatientBirthDate, made.PatientSex = details.patient_birth_date, details.patient_sex
    if details.patient_age:
        made.PatientAge = details.patient_age
    made.StudyDate = made.ContentDate = made.SeriesDate = details.study_date or now.strftime("%Y%m%d")
    made.StudyTime = made.ContentTime = made.SeriesTime = details.study_time or now.strftime("%H%M%S")
    made.AccessionNumber, made.StudyDescription = details.accession_number, details.study_description
    made.ReferringPhysicianName, made.StudyID, made.Manufacturer, made.Laterality = "", "", "", ""
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, place.series_number, place.instance_number
    made.SeriesDescription = place.title[:64]
    return made


def with_document(dataset: Dataset, body: bytes, place: Place) -> str:
    """Source: PS3.3 §C.24.2"""
    del dataset.Laterality
    dataset.SOPClassUID, dataset.ConversionType = ENCAPSULATED_PDF, "WSD"
    dataset.AcquisitionDateTime = dataset.ContentDate + dataset.ContentTime
    dataset.BurnedInAnnotation, dataset.DocumentTitle = "YES", place.title[:1024]
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(body)
    dataset.EncapsulatedDocument = body + b"\0" * (len(body) % 2)
    return EXPLICIT_LITTLE_ENDIAN


def with_video(dataset: Dataset, body: bytes) -> str:
    """Source: PS3.5 §8.2.7, PS3.3 §C.7.6.5"""
    video = read_mp4(body)
    dataset.SOPClassUID = VIDEO_PHOTOGRAPHIC
    as_pixels(dataset, video.rows, video.columns, 3, "YBR_PARTIAL_420")
    dataset.PlanarConfiguration = 0
    as_visible_light(dataset)
    dataset.NumberOfFrames, dataset.FrameTime = video.number_of_frames, f"{video.frame_time_ms:.6g}"
    dataset.FrameIncrementPointer = 0x00181063
    dataset.CineRate = max(1, round(1000 / video.frame_time_ms)) if video.frame_time_ms else 1
    hevc = video.transfer_syntax_uid.endswith(("107", "108"))
    raw = video.rows * video.columns * 3 * video.number_of_frames
    as_lossy(dataset, "ISO_23008_2" if hevc else "ISO_14496_10", raw / len(body))
    encapsulated(dataset, body)
    return video.transfer_syntax_uid


def with_picture(dataset: Dataset, kind: Kind, body: bytes) -> str:
    """A picture as it is where DICOM has a syntax for it, else its pixels."""
    dataset.SOPClassUID = VL_PHOTOGRAPHIC if dataset.Modality == PHOTOGRAPHY else SECONDARY_CAPTURE
    if dataset.SOPClassUID == VL_PHOTOGRAPHIC:
        as_visible_light(dataset)
    else:
        dataset.ConversionType, dataset.PatientOrientation = "WSD", ""
    dataset.BurnedInAnnotation = "YES"  # nobody has looked
    picture = opened(body)
    kept = kept_jpeg(picture, body) if kind == "jpeg" else b""
    if kind == "jpeg":
        as_lossy(dataset, "ISO_10918_1", picture.width * picture.height * len(picture.getbands()) / len(body))
    if kept:
        grey = picture.mode == "L"
        halved = picture.layer[0][1:3] != (1, 1)  # type: ignore[attr-defined]  # how often the first component is sampled
        space = "MONOCHROME2" if grey else "YBR_FULL_422" if halved else "YBR_FULL"
        as_pixels(dataset, picture.height, picture.width, 1 if grey else 3, space)
        if not grey:
            dataset.PlanarConfiguration = 0
        encapsulated(dataset, kept)
        return JPEG_BASELINE
    with_pixels(dataset, picture)
    return EXPLICIT_LITTLE_ENDIAN


def opened(body: bytes) -> Image:
    """A picture whose size is known to be bearable. Its pixels are not read yet. Raises InvalidInstance."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # ours is the limit below
    try:
        picture = Image.open(io.BytesIO(body), formats=("JPEG", "PNG"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidInstance("the picture cannot be read", field="files") from error
    if picture.width * picture.height > MOST_PIXELS or max(picture.size) > LONGEST_SIDE:
        raise InvalidInstance("the picture is too large", field="files")
    return picture


def kept_jpeg(picture: Image, body: bytes) -> bytes:
    """A baseline JPEG without what stands beside its picture; empty when its pixels must be taken out of it.

    Turned ones are, because viewers know nothing of Exif; and those whose colours are no YCbCr of JFIF.
    """
    turned = picture.getexif().get(0x0112, 1) != 1
    if turned or picture.mode not in ("L", "RGB") or picture.info.get("adobe_transform", 1) != 1:
        return b""
    kept, position, baseline = bytearray(body[:2]), 2, False
    while position + 4 <= len(body) and body[position] == 0xFF:
        marker = body[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == SCAN:
            end = body.rfind(b"\xff\xd9")
            return bytes(kept + body[position : end + 2]) if baseline and end > position else b""
        if marker in STANDALONE:
            return b""
        if marker in FRAMES:
            if marker != BASELINE:
                return b""
            baseline = True
        length = int.from_bytes(body[position + 2 : position + 4], "big")
        if marker not in BESIDE:
            kept += body[position : position + 2 + length]
        position += 2 + length
    return b""


def with_pixels(dataset: Dataset, picture: Image) -> None:
    """The pixels of a picture, upright, uncompressed, on white where it was transparent."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            clear = upright.convert("RGBA")
            ground = Image.new("RGBA", clear.size, "white")
            upright = Image.alpha_composite(ground, clear).convert("RGB")
        elif upright.mode.startswith("I"):
            upright = Image.fromarray((np.asarray(upright) >> 8).astype("uint8"))  # of 16 bits
        upright = upright.convert("L" if upright.mode in ("L", "1") else "RGB")
        pixels = upright.tobytes()
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidInstance("the picture cannot be read", field="files") from error
    grey = upright.mode == "L"
    as_pixels(dataset, upright.height, upright.width, 1 if grey else 3, "MONOCHROME2" if grey else "RGB")
    if not grey:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = "OB"


def as_pixels(dataset: Dataset, rows: int, columns: int, samples: int, space: str) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = samples, space
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0


def as_visible_light(dataset: Dataset) -> None:
    """Source: PS3.3 §C.8.12.1 and §C.7.6.14"""
    dataset.ImageType, dataset.AcquisitionContextSequence = ["ORIGINAL", "PRIMARY"], []
    dataset.LossyImageCompression = "00"
    dataset.PatientOrientation = ""


def as_lossy(dataset: Dataset, method: str, ratio: float) -> None:
    """Source: PS3.3 §C.7.6.1.1.5"""
    dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", method
    dataset.LossyImageCompressionRatio = f"{max(ratio, 0.01):.6g}"


def encapsulated(dataset: Dataset, body: bytes) -> None:
    from pydicom.encaps import encapsulate

    dataset.PixelData = encapsulate([body])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def written(dataset: Dataset, syntax: str) -> bytes:
    """The file, with its meta information."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()
