"""What an object says before its pixels, read with few ranged reads. Asked by the indexer for every object, by
DICOMweb for bulk data, and by whoever decodes pixels.

Source: PS3.10 §7, PS3.5 §7 and §A
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pydicom
from pydicom.charset import default_encoding, python_encoding
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs.dicom.elements import SPECIFIC_CHARACTER_SET, Element, Item, Parser, PixelData, public_vr
from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.source import HEADER_LIMIT_BYTES, ByteSource, BytesSource, InflatedSource, RangedFile
from pacs.dicom.uids import require_uid
from pacs.errors import InvalidInstance

__all__ = ["Header", "LargeValue", "PixelData", "inflate", "parse_header", "read_header"]

# Objects come from others: their odd values are kept, not complained about in every log line.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
TRANSFER_SYNTAX_UID = 0x00020010
REQUIRED_UIDS = {
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
}
OF_PATIENTS = frozenset((0x0020000D, 0x0020000E))


@dataclass(frozen=True)
class LargeValue:
    """A value that was not fetched: where it lies in the object, or in the inflated object."""

    tag: int
    vr: str
    offset: int
    length: int


@dataclass(frozen=True)
class Header:
    """One object without its pixels. Offsets count in the object; of a deflated one in what `inflate` gives."""

    root: Item
    meta: Item
    transfer_syntax_uid: str
    pixel_data: PixelData | None
    deflated: bool = False

    @property
    def sop_class_uid(self) -> str:
        return self.root.text(0x00080016)

    @property
    def sop_instance_uid(self) -> str:
        return self.root.text(0x00080018)

    @property
    def study_instance_uid(self) -> str:
        return self.root.text(0x0020000D)

    @property
    def series_instance_uid(self) -> str:
        return self.root.text(0x0020000E)

    @cached_property
    def dataset(self) -> Dataset:
        """As pydicom's, without pixel data and without the values in `large`; made when first asked."""
        return to_dataset(self.root)

    @cached_property
    def file_meta(self) -> FileMetaDataset:
        return FileMetaDataset(to_dataset(self.meta))

    @cached_property
    def large(self) -> Mapping[str, LargeValue]:
        """Path ("00420011", "52009229/0/00281201": items count from 0) → every value that was not fetched."""
        return dict(_large_values(self.root, ""))

    def locate(self, path: str) -> LargeValue | None:
        """Where the value at a path lies, fetched or not, pixel data too when its length is known; None: nowhere."""
        *steps, last = path.split("/")
        item = self.root
        try:
            for sequence, index in zip(steps[::2], steps[1::2], strict=True):
                item = (item.elements[int(sequence, 16)].items or [])[int(index)]
            tag = int(last, 16)
        except (ValueError, KeyError, IndexError):
            return None
        pixels = self.pixel_data
        if pixels and pixels.tag == tag and not steps:
            return None if pixels.length is None else LargeValue(tag, pixels.vr, pixels.offset, pixels.length)
        element = item.elements.get(tag)
        return LargeValue(tag, element.vr, element.offset, element.length) if element else None


def read_header(source: ByteSource) -> Header:
    """The header of an instance.

    Raises InvalidInstance when these bytes are no DICOM object, or end in the middle of the header, MissingUid
    (field: the keyword) when one of the UIDs that an instance must have is missing or malformed: those of study
    and series only when it belongs to a patient.
    """
    header = parse_header(source)
    of_patients = not is_non_patient(header.sop_class_uid)
    for tag, keyword in REQUIRED_UIDS.items():
        if of_patients or tag not in OF_PATIENTS:
            require_uid(header.root.text(tag), keyword)
    return header


def parse_header(source: ByteSource) -> Header:
    """As read_header, of an object that need not be a composite instance: a DICOMDIR has no study."""
    file = RangedFile(source, limit_bytes=HEADER_LIMIT_BYTES)
    meta, position = _read_meta(file)
    transfer_syntax_uid = meta.text(TRANSFER_SYNTAX_UID) or _guess_transfer_syntax(file, position)
    deflated = transfer_syntax_uid in DEFLATED
    if deflated:
        file = RangedFile(InflatedSource(source, position))
    parser = Parser(file)
    root = Item(transfer_syntax_uid == IMPLICIT_LITTLE, transfer_syntax_uid != EXPLICIT_BIG)
    parser.read_root(root, position)
    return Header(root, meta, transfer_syntax_uid, parser.pixel_data, deflated)


def inflate(part10: bytes, limit_bytes: int) -> bytes:
    """A deflated object as if it had been stored inflated; the file meta is left as it is.

    Raises InvalidInstance when it cannot be inflated, or would have more than `limit_bytes`.
    """
    source = BytesSource(part10)
    _, position = _read_meta(RangedFile(source, limit_bytes=HEADER_LIMIT_BYTES))
    inflated = InflatedSource(source, position, limit_bytes).read(0, limit_bytes + 1)
    if len(inflated) > limit_bytes:
        raise InvalidInstance(f"the object inflates to more than {limit_bytes} bytes")
    return inflated


def _read_meta(file: RangedFile) -> tuple[Item, int]:
    """The file meta, empty when there is none, and where the dataset begins."""
    position = 0
    if file.read_at(128, 4) == b"DICM":
        position = 132
    elif file.read_at(0, 4) == b"DICM":
        position = 4
    meta = Item(implicit=False, little_endian=True)
    if file.read_at(position, 2) == b"\x02\x00":
        position = Parser(file).read_root(meta, position, group=2)
    elif position == 0 and not _plainly_dicom(file):
        raise InvalidInstance("this is no DICOM object")
    if file.read_at(position, 2) == b"\0\0":  # a command set that some receivers leave before the dataset
        position = Parser(file).read_root(Item(implicit=True, little_endian=True), position, group=0)
    return meta, position


def _plainly_dicom(file: RangedFile) -> bool:
    """Without preamble and meta: does it begin with a known element of the identifying group, and a sane length?"""
    head = file.read_at(0, 8)
    if len(head) < 8:
        return False
    for order in ("little", "big"):
        group, number = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)
        if group == 8 and public_vr(group << 16 | number):
            explicit = head[4:6].isalpha() and head[4:6].isupper()
            return explicit or (order == "little" and file.reaches(8 + int.from_bytes(head[4:8], "little")))
    return False


def _guess_transfer_syntax(file: RangedFile, position: int) -> str:
    """What the first element looks like, when the file meta does not tell."""
    head = file.read_at(position, 6)
    if not (head[4:6].isalpha() and head[4:6].isupper()):
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if head[0] == 0 and head[1] != 0 else EXPLICIT_LITTLE


def _large_values(item: Item, prefix: str) -> Iterator[tuple[str, LargeValue]]:
    for tag, element in item.elements.items():
        path = f"{prefix}{tag:08X}"
        if element.items is not None:
            for index, child in enumerate(element.items):
                yield from _large_values(child, f"{path}/{index}/")
        elif element.value is None:
            yield path, LargeValue(tag, element.vr, element.offset, element.length)


def to_dataset(item: Item) -> Dataset:
    """pydicom's view of an item; values are converted when they are first touched."""
    content = {BaseTag(tag): _to_data_element(item, tag, element) for tag, element in item.elements.items()}
    encoding = _python_encodings(item.parent) if item.parent else default_encoding
    dataset = Dataset({tag: each for tag, each in content.items() if each is not None}, parent_encoding=encoding)
    dataset.set_original_encoding(item.implicit, item.little_endian, _python_encodings(item))
    return dataset


def _python_encodings(item: Item) -> list[str]:
    """The declared character sets in pydicom's names, without its warnings about the ones it does not know."""
    holder: Item | None = item
    while holder is not None and SPECIFIC_CHARACTER_SET not in holder.elements:
        holder = holder.parent
    declared = holder.elements[SPECIFIC_CHARACTER_SET].value if holder else None
    terms = (declared or b"").decode("ascii", "replace").split("\\")
    return [python_encoding.get(term.strip(" \0"), default_encoding) for term in terms]


def _to_data_element(item: Item, tag: int, element: Element) -> DataElement | RawDataElement | None:
    if element.items is not None:
        children = Sequence([to_dataset(child) for child in element.items])
        return DataElement(BaseTag(tag), "SQ", children, element.offset, already_converted=True)
    if element.value is None:
        return None
    value = element.value or (b"" if empty_value_for_VR(element.vr, raw=True) is not None else None)
    order = (item.implicit, item.little_endian)
    return RawDataElement(BaseTag(tag), element.vr, element.length, value, element.offset, *order)
