"""The DICOM JSON model as the bytes of a dataset: explicit VR little endian, texts in UTF-8. Asked by
dicomweb.bulkdata.

Source: PS3.5 §7.1.2, PS3.18 §F.2
"""

import math
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from functools import partial
from struct import pack
from typing import Any

from pydicom.valuerep import format_number_as_ds

from pacs.dicom.elements import DEEPEST
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.errors import InvalidInstance

Json = Mapping[str, Any]
# Gives the bytes that a BulkDataURI names; raises InvalidInstance when there are none.
Bulk = Callable[[str], bytes]

SPECIFIC_CHARACTER_SET = "00080005"
# Told by servers of a dataset, and no part of it.
NOT_KEPT = frozenset(("00083002", "00081190"))
LONGEST_SHORT = 0xFFFE
LONGEST = 0xFFFFFFFE

_INTEGERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q"}
_FLOATS = {"FL": "f", "FD": "d"}
_BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_SEVERAL = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"))
_PROSE = frozenset(("LT", "ST", "UR", "UT"))
_LONG = _BINARY | frozenset(("SQ", "SV", "UC", "UR", "UT", "UV"))
_KNOWN = frozenset((*_INTEGERS, *_FLOATS, *_LONG, *_SEVERAL, *_PROSE, "AT", "DS", "IS", "PN"))


def encode_part10_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and file meta information. Source: PS3.10 §7.1"""
    texts = (
        (0x0002, "UI", sop_class_uid),
        (0x0003, "UI", sop_instance_uid),
        (0x0010, "UI", transfer_syntax_uid),
        (0x0012, "UI", IMPLEMENTATION_CLASS_UID),
        (0x0013, "SH", IMPLEMENTATION_VERSION_NAME),
    )
    elements = element_bytes(0x00020001, "OB", b"\0\1") + b"".join(
        element_bytes(0x00020000 | number, vr, text.encode("ascii", "replace")) for number, vr, text in texts
    )
    return bytes(128) + b"DICM" + element_bytes(0x00020000, "UL", pack("<L", len(elements))) + elements


def encode_dataset(document: Json, bulk: Bulk, *, path: str = "") -> bytes:
    """The elements of a dataset in their order, without group lengths, command and file meta.

    Every item tells that its texts are UTF-8, when it tells anything of it. Raises InvalidInstance, which names the
    path of the element at fault ("00400275/0/00400009"; items count from 0) and never its value.
    """
    encoded: list[bytes] = []
    for tag, key in sorted({tag_of(key, path): key for key in document}.items()):
        at = f"{path}{tag:08X}"
        if tag < 0x00030000 or not tag & 0xFFFF or at in NOT_KEPT:
            continue
        attribute = {"vr": "CS", "Value": ["ISO_IR 192"]} if at.endswith(SPECIFIC_CHARACTER_SET) else document[key]
        vr, value = encode_value(attribute, bulk, at)
        if len(value) > (LONGEST if vr in _LONG else LONGEST_SHORT):
            raise fault(at, "the value is too long")
        encoded.append(element_bytes(tag, vr, value))
    return b"".join(encoded)


def element_bytes(tag: int, vr: str, value: bytes) -> bytes:
    """One element with its value, which is padded to an even length."""
    if len(value) % 2:
        value += b"\0" if vr in _BINARY or vr == "UI" else b" "
    return element_head(tag, vr, len(value)) + value


def element_head(tag: int, vr: str, length: int) -> bytes:
    group, number = tag >> 16, tag & 0xFFFF
    if vr in _LONG:
        return pack("<HH2sHL", group, number, vr.encode(), 0, length)
    return pack("<HH2sH", group, number, vr.encode(), length)


def tag_of(key: Any, path: str = "") -> int:
    """The number of a tag of eight hexadecimal digits. Raises InvalidInstance."""
    try:
        if len(key) == 8 and key.isalnum():
            return int(key, 16)
    except (TypeError, ValueError):
        pass
    raise InvalidInstance(f"{path or 'the dataset'} holds a name that is no tag", field=path or None)


def fault(path: str, problem: str) -> InvalidInstance:
    return InvalidInstance(f"{path}: {problem}", field=path)


def encode_value(attribute: Any, bulk: Bulk, path: str) -> tuple[str, bytes]:
    """The VR and the bytes of one attribute of the model."""
    vr = attribute.get("vr") if isinstance(attribute, dict) else None
    if not isinstance(vr, str) or vr not in _KNOWN:
        raise fault(path, "the VR is missing or unknown")
    forms = [name for name in ("Value", "InlineBinary", "BulkDataURI") if name in attribute]
    if len(forms) > 1:
        raise fault(path, f"only one of {', '.join(forms)} may be given")
    if "BulkDataURI" in forms and vr != "SQ":
        return vr, bulk_value(attribute["BulkDataURI"], bulk, path)
    if "InlineBinary" in forms and vr in _BINARY:
        return vr, inline_value(attribute["InlineBinary"], path)
    if "Value" not in forms and forms:
        raise fault(path, f"{forms[0]} is not for the VR {vr}")
    values = attribute.get("Value")
    if values is None:
        return vr, b""
    if not isinstance(values, list) or vr in _BINARY:
        raise fault(path, f"Value must be {'absent' if vr in _BINARY else 'a list'} for the VR {vr}")
    if vr == "SQ":
        return vr, encode_items(values, bulk, path)
    return vr, encode_values(vr, values, path)


def bulk_value(uri: Any, bulk: Bulk, path: str) -> bytes:
    if not isinstance(uri, str):
        raise fault(path, "BulkDataURI must be text")
    try:
        return bulk(uri)
    except InvalidInstance as error:
        raise fault(path, error.message) from error


def inline_value(text: Any, path: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, TypeError, ValueError) as error:
        raise fault(path, "InlineBinary is not base64") from error


def encode_items(values: list[Any], bulk: Bulk, path: str) -> bytes:
    if path.count("/") // 2 >= DEEPEST:
        raise InvalidInstance(f"sequences are nested deeper than {DEEPEST}")
    encoded = []
    for index, item in enumerate(values):
        if not isinstance(item, dict | None):
            raise fault(path, "an item must be an object")
        content = encode_dataset(item or {}, bulk, path=f"{path}/{index}/")
        encoded.append(pack("<HHL", 0xFFFE, 0xE000, len(content)) + content)
    return b"".join(encoded)


def encode_values(vr: str, values: list[Any], path: str) -> bytes:
    try:
        if vr in _INTEGERS:
            return b"".join(pack("<" + _INTEGERS[vr], integer(value)) for value in values)
        if vr in _FLOATS:
            return b"".join(pack("<" + _FLOATS[vr], floating(value)) for value in values)
        if vr == "AT":
            tags = [tag_of(value, path) for value in values]
            return b"".join(pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)
        if vr in _PROSE and len(values) > 1:
            raise fault(path, f"the VR {vr} has one value")
        return "\\".join(map(_AS_TEXT.get(vr, partial(plain, several=vr in _SEVERAL)), values)).encode()
    except (struct.error, OverflowError, TypeError, ValueError) as error:
        raise fault(path, f"a value does not fit the VR {vr}") from error


def integer(value: Any) -> int:
    """A whole number, or the text of one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def floating(value: Any) -> float:
    """A number or the text of one; null is what JSON has for no number."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def decimal(value: Any) -> str:
    """At most sixteen characters. A text stays as it is."""
    if value is None or isinstance(value, str):
        return plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    text = repr(value)
    return text if len(text) <= 16 else format_number_as_ds(float(value))


def whole(value: Any) -> str:
    return plain(value) if value is None or isinstance(value, str) else str(integer(value))


def plain(value: Any, *, several: bool = True) -> str:
    """A text; in a VR that may have several, a backslash would make two of one."""
    if value is None:
        return ""
    if not isinstance(value, str) or (several and "\\" in value):
        raise TypeError
    return value


def name(value: Any) -> str:
    """A person's name, given by its groups or, as some do, as plain text."""
    if isinstance(value, dict):
        groups = (plain(value.get(kind)) for kind in ("Alphabetic", "Ideographic", "Phonetic"))
        return "=".join(groups).rstrip("=")
    return plain(value)


_AS_TEXT: dict[str, Callable[[Any], str]] = {"DS": decimal, "IS": whole, "PN": name}
