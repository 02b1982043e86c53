"""What does an identifier ask for, and how is a match written? Called by finding and retrieving.

Hierarchical only: relational queries are not negotiated. Source: PS3.4 §C.2.2, §C.4.1, §C.6.1 and §C.6.2
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway_scp.conversation import IDENTIFIER_MISMATCH, Refused
from pacs.dicom.attributes import Level as IndexLevel
from pacs.dicom.attributes import by_name
from pacs.dicom.elements import Item
from pacs.dicom.json import element_values
from pacs.dicom.uids import is_uid

Json = Mapping[str, Any]

CHARACTER_SET, LEVEL, VIEW, RETRIEVE_AE_TITLE = 0x00080005, 0x00080052, 0x00080053, 0x00080054
AVAILABILITY, TIMEZONE = 0x00080056, 0x00080201
CONTROLS = frozenset((CHARACTER_SET, LEVEL, VIEW, RETRIEVE_AE_TITLE, AVAILABILITY, TIMEZONE))
PATIENT_ID, STUDY, SERIES, INSTANCE = 0x00100020, 0x0020000D, 0x0020000E, 0x00080018

PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1", "1.2.840.10008.5.1.4.1.2.2"
UNIQUE: dict[str, int] = {"PATIENT": PATIENT_ID, "STUDY": STUDY, "SERIES": SERIES, "IMAGE": INSTANCE}
SEARCHED: dict[str, IndexLevel] = {"PATIENT": "study", "STUDY": "study", "SERIES": "series", "IMAGE": "instance"}
LEVELS_TO: dict[str, tuple[IndexLevel, ...]] = {
    "PATIENT": ("study",),
    "STUDY": ("study",),
    "SERIES": ("study", "series"),
    "IMAGE": ("study", "series", "instance"),
}
OF_PATIENTS = frozenset(("00100010", "00100020", "00100021", "00100030", "00100040"))
LARGEST_TEXT = 0xFFFE


@dataclass(frozen=True)
class Identifier:
    """`keys`: tag → VR of everything that is told. `pairs`: tag and value of what is matched on."""

    level: str
    above: Mapping[int, str]
    keys: Mapping[int, str]
    pairs: tuple[tuple[str, str], ...]
    unsupported: bool

    @property
    def patients(self) -> bool:
        return self.level == "PATIENT"

    @property
    def searched(self) -> IndexLevel:
        return SEARCHED[self.level]


def read_level(root: Item, sop_class_uid: str) -> tuple[str, dict[int, str]]:
    """The level, and the unique keys above it. Raises Refused (A900) when the identifier does not fit the model."""
    levels = ("STUDY", "SERIES", "IMAGE")
    if sop_class_uid.startswith(PATIENT_ROOT + "."):
        levels = ("PATIENT", *levels)  # type: ignore[assignment]
    level = root.text(LEVEL).upper()
    if level not in levels:
        raise Refused(IDENTIFIER_MISMATCH, "QueryRetrieveLevel is none of this model", LEVEL)
    above = {UNIQUE[each]: single(root, UNIQUE[each]) for each in levels[: levels.index(level)]}
    return level, above


def single(root: Item, tag: int) -> str:
    """The unique key of a level above, which must have one value. Raises Refused (A900)."""
    found = value_of(root, tag)
    wrong = not found or "\\" in found or (set("*?") & set(found) if tag == PATIENT_ID else not is_uid(found))
    if wrong:
        raise Refused(IDENTIFIER_MISMATCH, f"({tag >> 16:04X},{tag & 0xFFFF:04X}) must have a single value", tag)
    return found


def value_of(root: Item, tag: int) -> str:
    """A key's value as text, all its values joined by backslashes; wildcards and ranges as they stand."""
    element = root.elements.get(tag)
    if element is None or not element.value:
        return ""
    if element.vr in ("US", "SS", "UL", "SL"):
        return "\\".join(map(str, element_values(root, tag, element.vr)))
    return root.character_set.decode(element.value).strip(" \0")


def read_query(root: Item, sop_class_uid: str) -> Identifier:
    """A C-FIND's identifier. Keys that this level does not have are told of, and not answered. Raises Refused (A900).

    Source: PS3.4 §C.2.2.1.3
    """
    level, above = read_level(root, sop_class_uid)
    keys: dict[int, str] = {}
    pairs = []
    unsupported = False
    for tag, element in root.elements.items():
        if tag in CONTROLS or not tag & 0xFFFF:
            continue
        name = f"{tag:08X}"
        if not supported(name, level):
            unsupported = True
            continue
        keys[tag] = element.vr
        if element.items is None and (value := value_of(root, tag)):
            pairs.append((name, value))
    keys |= {each: "LO" if each == PATIENT_ID else "UI" for each in (*above, UNIQUE[level])}
    return Identifier(level, above, dict(sorted(keys.items())), tuple(pairs), unsupported)


def supported(tag: str, level: str) -> bool:
    attribute = by_name().get(tag)
    if attribute is None:
        return False
    return tag in OF_PATIENTS if level == "PATIENT" else attribute.level in LEVELS_TO[level]


def write_match(match: Json, asked: Identifier, ae_title: str, *, implicit: bool) -> bytes:
    """A match as the identifier of a pending response. Texts are Unicode. Source: PS3.4 §C.4.1.1.3.2"""
    elements: dict[int, tuple[str, bytes]] = {
        CHARACTER_SET: ("CS", b"ISO_IR 192"),
        LEVEL: ("CS", asked.level.encode()),
        RETRIEVE_AE_TITLE: ("AE", ae_title.encode()),
        AVAILABILITY: ("CS", b"ONLINE"),
    }
    for tag, vr in asked.keys.items():
        known = match.get(f"{tag:08X}")
        elements[tag] = (known["vr"], encode(known)) if known else (vr, b"")
    return b"".join(write_element(tag, *elements[tag], implicit=implicit) for tag in sorted(elements))


def encode(attribute: Json) -> bytes:
    write = WRITERS.get(attribute["vr"])
    values = attribute.get("Value", ())
    return write(values) if write and values else b""


def joined(values: Any) -> bytes:
    return "\\".join("" if each is None else str(each) for each in values).encode()[:LARGEST_TEXT]


def names(values: Any) -> bytes:
    groups = ("Alphabetic", "Ideographic", "Phonetic")
    return joined("=".join((each or {}).get(group, "") for group in groups).rstrip("=") for each in values)


def numbers(code: str) -> Callable[[Any], bytes]:
    return lambda values: b"".join(struct.pack(code, each) for each in values if each is not None)


WRITERS: dict[str, Callable[[Any], bytes]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UT"), joined),
    "PN": names,
    "US": numbers("<H"),
    "SS": numbers("<h"),
    "UL": numbers("<L"),
    "SL": numbers("<l"),
}
LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))


def write_element(tag: int, vr: str, value: bytes, *, implicit: bool) -> bytes:
    """One element, little endian. Source: PS3.5 §7.1"""
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return struct.pack("<HHL", group, number, len(value)) + value
    if vr in LONG:
        return struct.pack("<HH2sxxL", group, number, vr.encode(), len(value)) + value
    return struct.pack("<HH2sH", group, number, vr.encode(), len(value)) + value
