"""What is told of a patient instead of what an original says: the same in metadata, in files and on the wire.

Works on the two forms that a dataset has here, DICOM JSON and a parsed header; both end up with the same attributes,
and with an item of the Original Attributes Sequence that says what stood there, when that was changed and why. Pixels
and all that follows them are left alone. Called by the archive and the DICOM door for instances of corrected studies.

Source: PS3.3 §C.12.1.1.9 (Original Attributes)
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from struct import pack
from typing import Any, Literal

from pacs.dicom.elements import PIXELS, SPECIFIC_CHARACTER_SET, Element, Item, unambiguous_vr
from pacs.dicom.header import Header, inflate, read_header
from pacs.dicom.json import element_values
from pacs.dicom.part10 import FRAGMENT, LONG, SEQUENCE_END, UNDEFINED, Read, written_meta
from pacs.dicom.source import BytesSource
from pacs.dicom.text import CharacterSet

Json = dict[str, Any]
Deed = Literal["correct", "merge", "undo"]

# What may be told otherwise, by keyword: tag and VR.
CORRECTABLE: dict[str, tuple[str, str]] = {
    "AccessionNumber": ("00080050", "SH"),
    "PatientName": ("00100010", "PN"),
    "PatientID": ("00100020", "LO"),
    "IssuerOfPatientID": ("00100021", "LO"),
    "PatientBirthDate": ("00100030", "DA"),
    "PatientSex": ("00100040", "CS"),
}
# Reason for the Attribute Modification: a wrong value, or one that another system had for the same patient.
REASONS: dict[Deed, str] = {"correct": "CORRECT", "merge": "COERCE", "undo": "CORRECT"}
MODIFYING_SYSTEM = "Bulut PACS"
ORIGINAL_ATTRIBUTES, MODIFIED_ATTRIBUTES = 0x04000561, 0x04000550
TEXTS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
INFLATED_LIMIT = 2 << 30
UTF_8 = b"ISO_IR 192"
ESCAPE = b"\x1b"


@dataclass(frozen=True)
class Correction:
    """`attributes`: the DICOM JSON of what is told, by tag; none when everything is as the originals say again."""

    attributes: Mapping[str, Json]
    at: datetime
    deed: Deed

    @property
    def about(self) -> dict[str, tuple[str, str]]:
        """VR and value of what is told of the change itself, by tag."""
        return {
            "04000562": ("DT", self.at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")),
            "04000563": ("LO", MODIFYING_SYSTEM),
            "04000564": ("LO", ""),
            "04000565": ("CS", REASONS[self.deed]),
        }


def corrected_document(document: Json, correction: Correction) -> Json:
    """The DICOM JSON of an instance with what is told instead; itself when it says all of that already."""
    told = correction.attributes
    changed = [tag for tag in told if document.get(tag, {}).get("Value", []) != told[tag].get("Value", [])]
    if not changed:
        return document
    item: Json = {
        tag: {"vr": vr, **({"Value": [value]} if value else {})} for tag, (vr, value) in correction.about.items()
    }
    before = {tag: document.get(tag, {"vr": told[tag]["vr"]}) for tag in sorted(changed)}
    item[key(MODIFIED_ATTRIBUTES)] = {"vr": "SQ", "Value": [before]}
    sequence = key(ORIGINAL_ATTRIBUTES)
    earlier = document.get(sequence, {}).get("Value", [])
    changes: Json = {tag: told[tag] for tag in changed}
    changes[sequence] = {"vr": "SQ", "Value": [*earlier, dict(sorted(item.items()))]}
    if not all(as_text(told[tag]).isascii() for tag in changed):
        changes[key(SPECIFIC_CHARACTER_SET)] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return dict(sorted({**document, **changes}.items()))


def key(tag: int) -> str:
    return f"{tag:08X}"


def as_text(attribute: Mapping[str, Any]) -> str:
    """The value of one of these attributes as PS3.5 writes it; empty without one."""
    value = (attribute.get("Value") or [""])[0]
    if isinstance(value, dict):
        groups = [value.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return str(value)


def corrected_header(header: Header, correction: Correction, read: Read) -> Header:
    """A header with what is told instead; itself when it says all of that already.

    All of its texts become UTF-8 when its character set has no letters for what is told. `read` takes offset and
    length, as of the original (of a deflated one: inflated).
    """
    told = correction.attributes
    changed = {
        int(tag, 16): attribute
        for tag, attribute in told.items()
        if element_values(header.root, int(tag, 16), attribute["vr"]) != attribute.get("Value", [])
    }
    if not changed:
        return header
    root, texts = header.root, {tag: as_text(attribute) for tag, attribute in changed.items()}
    if any(encoded(root.character_set, each) is None for each in texts.values()):
        root = in_utf8(root, read)
    else:
        root = Item(root.implicit, root.little_endian, None, dict(root.elements))
    before = {tag: root.elements.get(tag) or element(attribute["vr"], b"") for tag, attribute in changed.items()}
    item = Item(root.implicit, root.little_endian, root)
    item.elements = {int(tag, 16): element(vr, value.encode()) for tag, (vr, value) in correction.about.items()}
    item.elements[MODIFIED_ATTRIBUTES] = sequence([Item(root.implicit, root.little_endian, item, before)])
    earlier = root.elements.get(ORIGINAL_ATTRIBUTES)
    items = [*((earlier and earlier.items) or []), item]
    for tag, text in texts.items():
        root.elements[tag] = element(changed[tag]["vr"], encoded(root.character_set, text) or b"")
    root.elements[ORIGINAL_ATTRIBUTES] = sequence(items)
    root.elements = dict(sorted(root.elements.items()))
    return replace(header, root=root)


def element(vr: str, value: bytes) -> Element:
    return Element(vr, 0, len(value), value)


def sequence(items: list[Item]) -> Element:
    return Element("SQ", 0, 0, None, items)


def encoded(character_set: CharacterSet, text: str) -> bytes | None:
    """A text in a character set; None when that cannot say it without escapes."""
    if text.isascii():
        return text.encode()
    for codec in filter(None, (character_set.whole, character_set.right)):
        try:
            value = text.encode(codec)
        except UnicodeEncodeError:
            return None
        return value if character_set.decode(value) == text else None
    return None


def in_utf8(item: Item, read: Read, parent: Item | None = None) -> Item:
    """A copy of an item whose texts are UTF-8; one inside it that names its own character set stays as it is."""
    if parent is not None and SPECIFIC_CHARACTER_SET in item.elements:
        return item
    copy = Item(item.implicit, item.little_endian, parent)
    for tag, each in item.elements.items():
        if each.items is not None:
            copy.elements[tag] = sequence([in_utf8(child, read, copy) for child in each.items])
            continue
        copy.elements[tag] = each
        if each.vr in TEXTS:
            value = each.value if each.value is not None else read(each.offset, each.length)
            if not value.isascii() or ESCAPE in value:
                copy.elements[tag] = element(each.vr, item.character_set.decode(value).encode())
    if parent is None:
        copy.elements[SPECIFIC_CHARACTER_SET] = element("CS", UTF_8)
    return copy


# Bytes as they are sent, or offset and length of what is sent as it stands in the original.
Part = bytes | tuple[int, int]


def corrected_file(header: Header, read: Read, size_bytes: int) -> Iterator[Part]:
    """The file of a corrected header, in its own transfer syntax: the pixels, and what follows, are the original's.

    Source: PS3.10 §7.1
    """
    yield bytes(128) + b"DICM" + written_meta(header, header.transfer_syntax_uid)
    yield from written_item(header.root, header.root, read)
    if header.pixel_data is not None:
        start = head_of_pixels(header, read)
        yield start, size_bytes - start


def head_of_pixels(header: Header, read: Read) -> int:
    """Where the element of the pixel data begins: its value stands behind eight or twelve bytes."""
    assert header.pixel_data is not None
    order = "<" if header.root.little_endian else ">"
    offset, tag = header.pixel_data.offset, header.pixel_data.tag
    long = read(offset - 12, 4) == pack(order + "HH", tag >> 16, tag & 0xFFFF)
    return offset - (12 if long else 8)


def written_item(root: Item, item: Item, read: Read) -> Iterator[Part]:
    """The elements of an item in the encoding of the root; values too long to have been read come as they stand."""
    for tag, each in sorted(item.elements.items()):
        if not tag & 0xFFFF or tag < 0x00080000 or tag >= 0xFFFC0000:
            continue  # group lengths, meta and padding have no place in a dataset that is written anew
        if each.items is not None:
            items = b"".join(written_child(root, child, read) for child in each.items)
            yield head(root, tag, "SQ", len(items)) + items
            continue
        vr = each.vr if len(each.vr) == 2 else unambiguous_vr(item, tag, each)
        start = each.value[:4] if each.value is not None else read(each.offset, 4)
        if tag in PIXELS and start == FRAGMENT:  # an icon, compressed as it was
            value = each.value if each.value is not None else read(each.offset, each.length)
            yield head(root, tag, "OB", UNDEFINED) + value + SEQUENCE_END
        elif each.value is None:
            yield head(root, tag, vr, each.length + each.length % 2)
            yield each.offset, each.length
            yield b"\0" * (each.length % 2)
        else:
            padding = (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(each.value) % 2)
            yield head(root, tag, vr, len(each.value) + len(padding)) + each.value + padding


def written_child(root: Item, item: Item, read: Read) -> bytes:
    """An item of a sequence, whole."""
    parts = written_item(root, item, read)
    content = b"".join(each if isinstance(each, bytes) else read(*each) for each in parts)
    return pack(("<" if root.little_endian else ">") + "HHL", 0xFFFE, 0xE000, len(content)) + content


def head(root: Item, tag: int, vr: str, length: int) -> bytes:
    """Tag, VR and length. Text too long for its VR is of VR UN. Source: PS3.5 §6.2.2, §7.1"""
    order, group, number = "<" if root.little_endian else ">", tag >> 16, tag & 0xFFFF
    if root.implicit:
        return pack(order + "HHL", group, number, length)
    if vr not in LONG and length > 0xFFFF:
        vr = "UN"
    form = "HH2s2xL" if vr in LONG else "HH2sH"
    return pack(order + form, group, number, vr.encode(), length)


def corrected_part10(original: bytes, correction: Correction) -> bytes:
    """A whole file with what is told instead, in its own transfer syntax. Raises InvalidInstance."""
    header = read_header(BytesSource(original))
    body = inflate(original, INFLATED_LIMIT) if header.deflated else original

    def read(offset: int, length: int) -> bytes:
        return body[offset : offset + length]

    parts = corrected_file(corrected_header(header, correction, read), read, len(body))
    meta, *rest = (each if isinstance(each, bytes) else read(*each) for each in parts)
    return meta + (deflated(rest) if header.deflated else b"".join(rest))


def deflated(parts: Iterable[bytes]) -> bytes:
    """A dataset as the deflated syntaxes have it. Source: PS3.5 §A.5"""
    deflater = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    body = b"".join(deflater.compress(each) for each in parts) + deflater.flush()
    return body + b"\0" * (len(body) % 2)
