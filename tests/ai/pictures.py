"""Studies to be looked at: slices, pictures with names drawn in, loops, what is no picture. All of one study."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from pacs.ai.key_images import KEY_OBJECT_SELECTION

ULTRASOUND, SECONDARY = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7"
SR, PDF = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.104.1"
STUDY = generate_uid()


def filed(dataset: Dataset) -> bytes:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def ct(sample: Callable[[str], bytes], **given: Any) -> bytes:
    """A slice of 128 × 128 pixels; all of these are of one study."""
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    dataset.StudyInstanceUID = STUDY
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    return filed(dataset)


def picture(sample: Callable[[str], bytes], pixels: Any, **given: Any) -> bytes:
    """An uncompressed picture in colour or grey, of an ultrasound device unless another kind is given."""
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    for name in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
        dataset.pop(name, None)
    dataset.StudyInstanceUID, dataset.Modality, dataset.SOPClassUID = STUDY, "US", ULTRASOUND
    dataset.SeriesInstanceUID, dataset.PixelRepresentation = generate_uid(), 0
    frames = pixels.shape[0] if pixels.ndim == 4 else 1
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if pixels.ndim > 2 else pixels.shape
    dataset.SamplesPerPixel = 3 if pixels.ndim > 2 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim > 2 else "MONOCHROME2"
    dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = frames
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelData = pixels.tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    return filed(dataset)


def without_pixels(sample: Callable[[str], bytes], **given: Any) -> bytes:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    for name in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        del dataset[name]
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, generate_uid()
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    return filed(dataset)


def video(sample: Callable[[str], bytes]) -> bytes:
    dataset = dcmread(
        io.BytesIO(picture(sample, np.zeros((16, 16, 3), np.uint8), BurnedInAnnotation="NO", SeriesNumber=8))
    )
    dataset.PixelData = encapsulate([b"\0\0\1\xb3" + bytes(60)])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")
    return filed(dataset)


def selection(sample: Callable[[str], bytes], title: str, uid: str) -> bytes:
    """A key object selection that marks one image."""
    name, reference, content = Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = title, "DCM", "Of Interest"
    reference.ReferencedSOPInstanceUID = uid
    content.ValueType, content.ReferencedSOPSequence = "IMAGE", Sequence([reference])
    given = {"ConceptNameCodeSequence": Sequence([name]), "ContentSequence": Sequence([content])}
    return without_pixels(sample, Modality="KO", SOPClassUID=KEY_OBJECT_SELECTION, **given)


def opened(jpeg: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def markers(jpeg: bytes) -> set[int]:
    """The segments before the samples."""
    found, at = set(), 2
    while jpeg[at + 1] != 0xDA:
        found.add(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return found
