"""An instance in another, uncompressed transfer syntax, for peers that do not take the stored one. Called by sending.

Source: PS3.5 §A.1 and §A.2
"""

import io
import warnings
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.dicom.correcting import Correction, corrected_part10
from pacs.dicom.frames import FrameTable
from pacs.dicom.header import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, read_header
from pacs.dicom.part10 import native_pixels, write_part10
from pacs.dicom.source import BytesSource
from pacs.dicom.trailing import read_trailing
from pacs.dicom.transcode import to_explicit_little_endian
from pacs.errors import NotAcceptable, PacsError, UndecodablePixels

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
PIECE_BYTES = 8 << 20
AS_THEY_ARE = {EXPLICIT_LITTLE, IMPLICIT_LITTLE, "1.2.840.10008.1.2.1.99"}


def reencoded(part10: bytes, frames: str, transfer_syntax_uid: str, correction: Correction | None = None) -> bytes:
    """The dataset in explicit or implicit VR little endian, with what is told instead. `frames` is the index's packed
    frame table of the original, `part10`.

    Raises UndecodablePixels, NotAcceptable for what has no such form.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return encode(decoded(part10, frames, correction), transfer_syntax_uid)
        except PacsError:
            raise
        except Exception as error:  # pydicom says everything about odd values in exceptions of all kinds
            raise UndecodablePixels("the instance cannot be written in another transfer syntax") from error


def decoded(part10: bytes, frames: str, correction: Correction | None) -> Dataset:
    told = corrected_part10(part10, correction) if correction else part10
    dataset = dcmread(io.BytesIO(told), force=True)
    stored = str(dataset.file_meta.TransferSyntaxUID)
    if stored in AS_THEY_ARE:
        return dataset
    table = FrameTable.unpack(frames, stored)
    if stored == EXPLICIT_BIG:
        return dcmread(io.BytesIO(little_endian(told, table)))
    if stored in DEFLATED:
        raise NotAcceptable("referenced pixels are sent as they are stored, or not at all")
    if not table.number_of_frames:
        if any(each in dataset for each in PIXELS):
            raise UndecodablePixels("the index knows no frames of this instance")
        return dataset
    pixels = bytearray()
    changes: dict[str, Any] = {}
    for frame_number in range(1, table.number_of_frames + 1):
        start, length = table.range_of(frame_number)
        frame = table.frame_bytes(part10[start : start + length], frame_number)
        native, changes = to_explicit_little_endian(frame, dataset, stored)
        pixels += native
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = bytes(pixels) + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = "OB" if int(dataset.BitsAllocated) <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    return dataset


def little_endian(part10: bytes, table: FrameTable) -> bytes:
    """A big-endian file in Explicit VR Little Endian, words of pixels and all other values turned round."""
    source = BytesSource(part10)
    header = read_header(source)
    pixels = native_pixels(header, source.read, PIECE_BYTES)
    trailing = read_trailing(source, header, table)
    return b"".join(write_part10(header, source.read, EXPLICIT_LITTLE, {}, pixels, trailing))


def encode(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = transfer_syntax_uid == IMPLICIT_LITTLE, True
    for tag in [tag for tag in dataset.keys() if tag.element == 0 or tag.group <= 2]:  # noqa: SIM118
        del dataset[tag]
    write_dataset(file, dataset)
    return file.getvalue()
