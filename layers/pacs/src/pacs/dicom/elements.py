"""The elements of a dataset as they lie in an object: tag, VR, where the value is, and the value when it is small.

A light tree made by one pass over the header; json and index_row read it directly, because making pydicom's
objects costs several times as much. Asked by header.

Source: PS3.5 §7
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from struct import Struct

from pydicom.datadict import dictionary_VR, private_dictionary_VR

from pacs.dicom.source import RangedFile
from pacs.dicom.text import CharacterSet, character_set
from pacs.errors import InvalidInstance

# Values longer than this are not fetched with the header.
LARGE_BYTES = 64 * 1024
UNDEFINED = 0xFFFFFFFF
DEEPEST = 64
MOST_ELEMENTS = 1_000_000

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, LUT_DATA = 0x00080005, 0x00280103, 0x00283006
PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))

_SHORT_VRS = ("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST")
_LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
# Encoded VR → the VR, and whether its length takes four bytes.
EXPLICIT_VRS = {
    **{vr.encode(): (vr, False) for vr in (*_SHORT_VRS, "TM", "UI", "UL", "US")},
    **{vr.encode(): (vr, True) for vr in _LONG_VRS},
}


@dataclass(slots=True)
class Element:
    """`value` is None when it was not fetched; `items` is not None for a sequence. `offset` is the value's."""

    vr: str
    offset: int
    length: int
    value: bytes | None = None
    items: "list[Item] | None" = None


@dataclass
class Item:
    """One dataset: the root, or an item of a sequence."""

    implicit: bool
    little_endian: bool
    parent: "Item | None" = None
    elements: dict[int, Element] = field(default_factory=dict)

    @cached_property
    def character_set(self) -> CharacterSet:
        declared = self.elements.get(SPECIFIC_CHARACTER_SET)
        if declared is not None and declared.value is not None:
            return character_set(declared.value)
        return self.parent.character_set if self.parent else CharacterSet()

    def text(self, tag: int) -> str:
        """The first value of a text attribute without padding; empty when there is none."""
        element = self.elements.get(tag)
        if element is None or not element.value:
            return ""
        return self.character_set.decode(element.value).split("\\", 1)[0].strip()

    def integer(self, tag: int) -> int | None:
        """The first value of an IS, US, UL, SS or SL attribute; None when there is none, or it is no number."""
        element = self.elements.get(tag)
        if element is None or not element.value:
            return None
        if element.vr == "IS":
            try:
                return int(element.value.split(b"\\", 1)[0].strip(b" \0"))
            except ValueError:
                return None
        size = {"US": 2, "SS": 2, "UL": 4, "SL": 4}.get(element.vr, 0)
        if not size or len(element.value) < size:
            return None
        number = element.value[:size] if self.little_endian else element.value[size - 1 :: -1]
        return int.from_bytes(number, "little", signed=element.vr[0] == "S")


@dataclass(frozen=True, slots=True)
class PixelData:
    """`length` is None when it is undefined: encapsulated."""

    tag: int
    vr: str
    offset: int
    length: int | None


class _Structs:
    def __init__(self, order: str) -> None:
        self.explicit = Struct(order + "HH2sH").unpack
        self.implicit = Struct(order + "HHL").unpack
        self.long = Struct(order + "L").unpack


_LITTLE, _BIG = _Structs("<"), _Structs(">")


class Parser:
    """Reads elements out of a RangedFile into Items. `pixel_data` is set when the root came to it."""

    def __init__(self, file: RangedFile) -> None:
        self.file = file
        self.pixel_data: PixelData | None = None
        self._count = 0

    def read_root(self, item: Item, position: int, group: int | None = None, until: int | None = None) -> int:
        """Fill the root up to pixel data, the end, or where another than this group begins; returns where that is.

        `until` is a tag after which nothing more is read.
        """
        item.implicit = self._looks_implicit(position, item.implicit)
        return self._read_elements(item, position, None, 0, group, until)

    def _looks_implicit(self, position: int, assumed: bool) -> bool:
        """Some write explicit VR where they say implicit, and the other way round; letters tell."""
        vr = self.file.read_at(position + 4, 2)
        return assumed if len(vr) < 2 else not (0x40 < vr[0] < 0x5B and 0x40 < vr[1] < 0x5B)

    def _head(self, item: Item, position: int) -> tuple[int, str, int, int]:
        """Tag, VR, length and offset of the value of the element at a position; tag -1 at the end of the file."""
        head = self.file.read_at(position, 8)
        if len(head) < 8:
            return -1, "", 0, position
        structs = _LITTLE if item.little_endian else _BIG
        if not item.implicit:
            group, number, code, length = structs.explicit(head)
            tag = group << 16 | number
            vr, long = EXPLICIT_VRS.get(code, ("", False))
            if long:
                rest = self.file.read_at(position + 8, 4)
                if len(rest) < 4:
                    raise truncated()
                length = structs.long(rest)[0]
                return tag, vr, length, position + 12
            if vr:
                return tag, vr, length, position + 8
            if code.isalpha() and code.isupper():
                return tag, "UN", length, position + 8
        group, number, length = structs.implicit(head)
        tag = group << 16 | number
        return tag, implicit_vr(item, tag), length, position + 8

    def _read_elements(
        self,
        item: Item,
        position: int,
        end: int | None,
        depth: int,
        group: int | None = None,
        until: int | None = None,
    ) -> int:
        elements = item.elements
        while end is None or position < end:
            tag, vr, length, offset = self._head(item, position)
            if tag == -1:
                if depth:
                    raise truncated()
                break
            if (group is not None and tag >> 16 != group) or (tag == 0 and length == 0 and not depth):
                break
            if tag >> 16 == 0xFFFE and tag != ITEM:
                if depth:
                    return offset if tag == ITEM_END else position
                position = offset
                continue
            if tag in PIXELS and not depth:
                self.pixel_data = PixelData(tag, vr, offset, None if length == UNDEFINED else length)
                break
            element = Element(vr, offset, length)
            position = self._read_value(item, tag, element, depth)
            elements[tag] = element
            self._count_one()
            if tag == until:
                break
        return position

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise InvalidInstance(f"the header has more than {MOST_ELEMENTS} elements")

    def _read_value(self, item: Item, tag: int, element: Element, depth: int) -> int:
        """Read, or pass over, the value; returns where the next element begins."""
        offset, length = element.offset, element.length
        if length == UNDEFINED:
            if element.vr in ("SQ", "UN") and tag not in PIXELS:
                element.vr = "SQ"
                return self._read_sequence(item, element, None, depth + 1)
            return self._read_fragments(item, element)
        end = offset + length
        if element.vr == "UN" and not item.implicit:
            self._recognise(item, tag, element, depth)
        elif len(element.vr) > 2:
            element.vr = unambiguous_vr(item, tag, element)
        if element.vr == "SQ":
            if element.items is None:
                self._read_sequence(item, element, end, depth + 1)
        elif length > LARGE_BYTES:
            if not self.file.reaches(end):
                raise truncated()
        else:
            element.value = self.file.read_at(offset, length)
            if len(element.value) < length:
                raise truncated()
        return end

    def _recognise(self, item: Item, tag: int, element: Element, depth: int) -> None:
        """Give an element that passed through someone who did not know it the VR that it has.

        Source: PS3.5 §6.2.2
        """
        vr = implicit_vr(item, tag)
        if vr == "SQ":
            try:
                self._read_sequence(item, element, element.offset + element.length, depth + 1)
            except InvalidInstance:
                element.items = None
                return
        element.vr = unambiguous_vr(item, tag, element) if len(vr) > 2 else vr

    def _read_sequence(self, parent: Item, element: Element, end: int | None, depth: int) -> int:
        if depth > DEEPEST:
            raise InvalidInstance(f"sequences are nested deeper than {DEEPEST}")
        structs = _LITTLE if parent.little_endian else _BIG
        element.items = items = []
        position = element.offset
        while end is None or position < end:
            head = self.file.read_at(position, 8)
            if len(head) < 8:
                raise truncated()
            group, number, length = structs.implicit(head)
            tag = group << 16 | number
            position += 8
            if tag == SEQUENCE_END:
                break
            if tag != ITEM:
                raise InvalidInstance("a sequence holds something that is not an item")
            implicit = parent.implicit or self._looks_implicit(position, assumed=False)
            item = Item(implicit, parent.little_endian, parent)
            item_end = None if length == UNDEFINED else position + length
            position = self._read_elements(item, position, item_end, depth)
            items.append(item)
            self._count_one()
        element.length = position - element.offset if end is None else element.length
        return position

    def _read_fragments(self, item: Item, element: Element) -> int:
        """An encapsulated value that is not the pixel data of the root, an icon for instance."""
        structs = _LITTLE if item.little_endian else _BIG
        position = element.offset
        while True:
            head = self.file.read_at(position, 8)
            if len(head) < 8:
                raise truncated()
            group, number, length = structs.implicit(head)
            if group << 16 | number == SEQUENCE_END:
                break
            if group << 16 | number != ITEM or length == UNDEFINED:
                raise InvalidInstance("a value of undefined length holds something that is not an item")
            position += 8 + length
        element.vr = "OB" if len(element.vr) != 2 else element.vr
        element.length = position - element.offset
        if element.length <= LARGE_BYTES:
            element.value = self.file.read_at(element.offset, element.length)
        return position + 8


def truncated() -> InvalidInstance:
    return InvalidInstance("the object ends in the middle of its header")


@lru_cache(maxsize=8192)
def public_vr(tag: int) -> str:
    """The VR of a standard attribute; empty when the standard has none. It may be ambiguous ("US or SS")."""
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


@lru_cache(maxsize=8192)
def private_vr(tag: int, creator: str) -> str:
    try:
        return private_dictionary_VR(tag, creator)
    except KeyError:
        return ""


def implicit_vr(item: Item, tag: int, unknown: str = "UN") -> str:
    """The VR of an element that does not tell its own."""
    if not tag >> 16 & 1:
        return public_vr(tag) or unknown
    number = tag & 0xFFFF
    if 0x10 <= number <= 0xFF:
        return "LO"
    creator = item.text(tag & 0xFFFF0000 | number >> 8)
    return (private_vr(tag, creator) if creator else "") or unknown


def unambiguous_vr(item: Item, tag: int, element: Element) -> str:
    """Which of several VRs an implicit element has.

    Source: PS3.5 §A.1, PS3.6 §6 notes
    """
    if "OW" not in element.vr:
        holder: Item | None = item
        while holder is not None and PIXEL_REPRESENTATION not in holder.elements:
            holder = holder.parent
        return "SS" if holder is not None and holder.integer(PIXEL_REPRESENTATION) == 1 else "US"
    if tag == LUT_DATA and element.length == 2:
        return "US"
    return "OW"
