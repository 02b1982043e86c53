"""A header as DICOM JSON, the form that viewers read. Asked by the indexer (index_row), the deriver and DICOMweb.

Odd values never raise: what can be told is kept, a number that is none stays a string.

Source: PS3.18 §F
"""

import math
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from struct import unpack_from
from typing import Any

from pacs.dicom.elements import LARGE_BYTES, PIXELS, SPECIFIC_CHARACTER_SET, Element, Item
from pacs.dicom.header import Header

INLINE_LIMIT_BYTES = 1024
AVAILABLE_TRANSFER_SYNTAX_UID = "00083002"
# Viewers need them before the first pixel; fetching each by itself would cost a round trip.
PALETTES = frozenset((*range(0x00281201, 0x00281205), *range(0x00281221, 0x00281224)))
# JSON numbers are doubles to most who read them.
LARGEST_INTEGER = 2**53

Values = list[Any]


def to_dicom_json(
    header: Header, *, bulkdata_uri: Callable[[str], str], inline_limit: int = INLINE_LIMIT_BYTES
) -> dict[str, Any]:
    """The whole dataset in the DICOM JSON model, ready for json.dumps.

    `bulkdata_uri` makes the BulkDataURI of a value from its path ("00420011", "52009229/0/00281201"), which
    `Header.locate` finds again. Pixel data, binary values longer than `inline_limit` bytes (palettes: 64 KiB)
    and values that were not fetched are given so. Texts are Unicode, so the character set becomes ISO_IR 192.

    Source: PS3.18 §F.2
    """
    result = _Writer(bulkdata_uri, inline_limit).item(header.root, "")
    pixels = header.pixel_data
    if pixels is not None:
        key = _key(pixels.tag)
        result[key] = {"vr": pixels.vr, "BulkDataURI": bulkdata_uri(key)}
    if header.transfer_syntax_uid:
        result[AVAILABLE_TRANSFER_SYNTAX_UID] = {"vr": "UI", "Value": [header.transfer_syntax_uid]}
    return dict(sorted(result.items()))


def element_values(item: Item, tag: int, vr: str) -> Values:
    """The values of one attribute that is no binary and no sequence, as the JSON model has them; empty values
    are None. No values when it is missing. `vr` is what the standard says; a text written under another text's
    VR is read by it.
    """
    element = item.elements.get(tag)
    if element is None or not element.value:
        return []
    read = _VALUES.get(vr if vr in _TEXTS and element.vr in _TEXTS else element.vr)
    return read(element.value, item) if read else []


def little_endian(value: bytes, vr: str, header: Header) -> bytes:
    """The bytes of a binary value in the byte order in which bulk data and InlineBinary are given.

    Source: PS3.18 §F.2.7
    """
    return value if header.root.little_endian else _swapped(value, vr)


class _Writer:
    def __init__(self, bulkdata_uri: Callable[[str], str], inline_limit: int) -> None:
        self._bulkdata_uri = bulkdata_uri
        self._inline_limit = inline_limit

    def item(self, item: Item, prefix: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        previous = -1
        ordered = True
        for tag, element in item.elements.items():
            if not tag & 0xFFFF or tag < 0x00030000 or tag >= 0xFFFC0000:  # group lengths, commands, meta, padding
                continue
            if tag < previous:
                ordered = False
            previous = tag
            key = _key(tag)
            read = _VALUES.get(element.vr)
            if read is None or element.value is None:
                result[key] = self._special(item, tag, element, prefix + key)
            else:
                values = read(element.value, item) if element.value else None
                result[key] = {"vr": element.vr, "Value": values} if values else {"vr": element.vr}
        if SPECIFIC_CHARACTER_SET in item.elements:
            result[_key(SPECIFIC_CHARACTER_SET)] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        return result if ordered else dict(sorted(result.items()))

    def _special(self, item: Item, tag: int, element: Element, path: str) -> dict[str, Any]:
        """A sequence, a binary value, or one that was not fetched."""
        if element.items is not None:
            values = [self.item(child, f"{path}/{index}/") for index, child in enumerate(element.items)]
            return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}
        value = element.value
        limit = LARGE_BYTES if tag in PALETTES else self._inline_limit
        if value is None or tag in PIXELS or len(value) > limit:
            return {"vr": element.vr, "BulkDataURI": self._bulkdata_uri(path)}
        if not value:
            return {"vr": element.vr}
        if not item.little_endian:
            value = _swapped(value, element.vr)
        return {"vr": element.vr, "InlineBinary": b64encode(value).decode("ascii")}


@lru_cache(maxsize=16384)
def _key(tag: int) -> str:
    return f"{tag:08X}"


def _swapped(value: bytes, vr: str) -> bytes:
    size = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(vr, 1)
    whole = len(value) // size * size
    if size == 1 or not whole:
        return value
    swapped = bytearray(whole)
    for position in range(size):
        swapped[position::size] = value[size - 1 - position : whole : size]
    return bytes(swapped)


def _present(values: Values) -> Values:
    """No values at all when every one of them is empty."""
    return values if any(value is not None for value in values) else []


def _codes(value: bytes, item: Item) -> Values:
    """Values of the default repertoire, where spaces at both ends say nothing."""
    text = item.character_set.decode(value)
    if "\\" not in text:
        text = text.strip()
        return [text] if text else []
    return _present([part.strip() or None for part in text.split("\\")])


def _texts(value: bytes, item: Item) -> Values:
    text = item.character_set.decode(value)
    if "\\" not in text:
        text = text.rstrip()
        return [text] if text else []
    return _present([part.rstrip() or None for part in text.split("\\")])


def _prose(value: bytes, item: Item) -> Values:
    """One value, in which a backslash is a backslash."""
    text = item.character_set.decode(value).rstrip()
    return [text] if text else []


def _names(value: bytes, item: Item) -> Values:
    return _present([_name(part) for part in item.character_set.decode(value).split("\\")])


def _name(text: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("=", 2), strict=False)
    return {kind: group.rstrip() for kind, group in groups if group.strip()} or None


def _decimals(value: bytes, item: Item) -> Values:
    return _present([_decimal(part) for part in value.split(b"\\")])


def _decimal(text: bytes) -> float | int | str | None:
    text = text.strip(b" \0")
    if not text:
        return None
    try:
        number = int(text) if len(text) < 16 and text.isdigit() else float(text)
    except ValueError:
        return _as_it_stands(text)
    if b"_" in text or not math.isfinite(number):
        return _as_it_stands(text)
    return number


def _as_it_stands(text: bytes) -> str:
    return text.decode("ascii", "replace").replace("\0", "")


def _integers(value: bytes, item: Item) -> Values:
    return _present([_integer(part) for part in value.split(b"\\")])


def _integer(text: bytes) -> int | str | None:
    number = _decimal(text)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and abs(number) <= LARGEST_INTEGER:
        return number
    return None if number is None else _as_it_stands(text.strip(b" \0"))


def _tags(value: bytes, item: Item) -> Values:
    numbers = _unpack(value, item, "H", 2)
    return [f"{group:04X}{number:04X}" for group, number in zip(numbers[::2], numbers[1::2], strict=False)]


def _unpack(value: bytes, item: Item, code: str, size: int) -> Values:
    return list(unpack_from(f"{'<' if item.little_endian else '>'}{len(value) // size}{code}", value))


def _numbers(code: str, size: int) -> Callable[[bytes, Item], Values]:
    return lambda value, item: _unpack(value, item, code, size)


def _floats(code: str, size: int) -> Callable[[bytes, Item], Values]:
    def read(value: bytes, item: Item) -> Values:
        return _present([number if math.isfinite(number) else None for number in _unpack(value, item, code, size)])

    return read


def _long_numbers(code: str) -> Callable[[bytes, Item], Values]:
    def read(value: bytes, item: Item) -> Values:
        numbers = _unpack(value, item, code, 8)
        return [number if abs(number) <= LARGEST_INTEGER else str(number) for number in numbers]

    return read


_TEXTS: dict[str, Callable[[bytes, Item], Values]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), _codes),
    **dict.fromkeys(("LO", "SH", "UC"), _texts),
    **dict.fromkeys(("LT", "ST", "UR", "UT"), _prose),
    "PN": _names,
    "DS": _decimals,
    "IS": _integers,
}
_VALUES: dict[str, Callable[[bytes, Item], Values]] = {
    **_TEXTS,
    "AT": _tags,
    "US": _numbers("H", 2),
    "SS": _numbers("h", 2),
    "UL": _numbers("L", 4),
    "SL": _numbers("l", 4),
    "UV": _long_numbers("Q"),
    "SV": _long_numbers("q"),
    "FL": _floats("f", 4),
    "FD": _floats("d", 8),
}
