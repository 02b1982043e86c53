"""Every file of pydicom's wheel: as a sender sends it, and as pydicom itself reads it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.journey.instances import BUNDLED, Instance

FILES = {
    str(path.relative_to(BUNDLED)): path
    for folder in ("test_files", "charset_files", "palettes")
    for path in sorted((BUNDLED / folder).rglob("*"))
    if path.is_file()
}
# Files without meta whose sender knows better than to take them for the default syntax.
SYNTAXES = {
    "test_files/ExplVR_BigEndNoMeta.dcm": ExplicitVRBigEndian,
    "test_files/ExplVR_LitEndNoMeta.dcm": ExplicitVRLittleEndian,
}
# What is announced for bytes that say nothing of themselves.
CT_IMAGE, NOBODY = "1.2.840.10008.5.1.4.1.1.2", "1.2.826.0.1.3680043.8.498.78"


@dataclass
class Sent:
    """What became of a file: status and comment of its C-STORE, and what the archive tells of it afterwards.
    A status of None: the presentation context was refused.

    `as_viewers_ask` and `decoded` hold the answers for each of its frames.
    """

    name: str
    instance: Instance
    status: int | None = None
    comment: str = ""
    found: list[dict[str, Any]] = field(default_factory=list)
    original: httpx2.Response = field(default_factory=lambda: httpx2.Response(500))
    answers: dict[str, httpx2.Response] = field(default_factory=dict)
    as_viewers_ask: list[httpx2.Response] = field(default_factory=list)
    decoded: list[httpx2.Response] = field(default_factory=list)
    failures: set[str] = field(default_factory=set)


def read(name: str) -> Dataset:
    """The dataset as pydicom reads it; empty when it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dcmread(FILES[name], force=True)
        except Exception:  # pydicom raises anything for bytes that are no DICOM
            return Dataset()


def instance_of(name: str) -> Instance:
    """What a sender makes of a file: it announces what the dataset says, or else the file meta."""
    with FILES[name].open("rb") as file:
        meta: Mapping[str, Any] | Dataset = {}
        if read_preamble(file, force=True) is not None:
            meta = _read_file_meta_info(file)
        encoded = file.read()
    dataset = read(name)

    def uid(keyword: str, otherwise: str) -> str:
        return str(dataset.get(keyword) or meta.get(f"MediaStorage{keyword}") or otherwise)

    return Instance(
        str(dataset.get("StudyInstanceUID", "")),
        str(dataset.get("SeriesInstanceUID", "")),
        uid("SOPClassUID", CT_IMAGE),
        uid("SOPInstanceUID", NOBODY),
        str(SYNTAXES.get(name) or meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian),
        encoded,
    )


def number_of_frames(dataset: Dataset) -> int:
    if "PixelData" not in dataset:
        return 0
    said = dataset.get_item("NumberOfFrames")
    text = bytes(said.value or b"").strip() if isinstance(said, RawDataElement) else b""
    return int(text) if text.isdigit() else 1


def stored_frames(dataset: Dataset, syntax: UID) -> list[bytes]:
    """The frames as they lie in the file."""
    pixels, count = dataset.PixelData, number_of_frames(dataset)
    if syntax.is_encapsulated:
        return list(generate_frames(pixels, number_of_frames=count))
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
    length = bits // 8 * 2 // 3 if dataset.PhotometricInterpretation == "YBR_FULL_422" else bits // 8
    return [pixels[start : start + length] for start in range(0, length * count, length)]


def decoded_frames(dataset: Dataset) -> list[bytes] | None:
    """The frames as pydicom decodes them, little endian, in RGB; None when it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [np.asarray(each).astype(each.dtype.newbyteorder("<")).tobytes() for each in iter_pixels(dataset)]
        except Exception:  # as its codecs please
            return None


def part_of(answer: httpx2.Response) -> tuple[str, bytes]:
    """Transfer syntax and body of the one part of a multipart answer."""
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].split(";")[0].strip('"').encode()
    head, _, rest = answer.content.partition(b"\r\n\r\n")
    syntax = head.partition(b"transfer-syntax=")[2].split(b"\r\n")[0].decode()
    return syntax, rest[: rest.rindex(b"\r\n--" + boundary)]
