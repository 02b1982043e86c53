"""Is the header of an object sound, and which instance is it? Told without making elements, several times faster
than by `header`, for the little endian encodings in which nearly everything arrives. Asked by the DICOM door.

It never says no: whatever is odd is left to `header.read_header`, whose word counts. What is found sound here is
sound there, with the same UIDs; the tests hold the two against one another.

Source: PS3.5 §7.1.2, §7.1.3 and §7.5
"""

from struct import Struct, error

from pacs.dicom.elements import EXPLICIT_VRS, ITEM, ITEM_END, PIXELS, SEQUENCE_END, UNDEFINED, private_vr, public_vr
from pacs.dicom.header import REQUIRED_UIDS
from pacs.dicom.uids import is_uid

# Within so many bytes no limit of the parser is near, except the one on depth.
SKIMMED_BYTES = 4 << 20
DEEPEST = 8
LONGEST_HEAD = 12  # of an element: tag, VR and length
ITEM_GROUP, FIRST_TAG = 0xFFFE, 0x00080000

_explicit = Struct("<HH2sH").unpack_from
_implicit = Struct("<HHL").unpack_from
_long = Struct("<L").unpack_from
_LONG_VRS = frozenset(code for code, (_vr, long) in EXPLICIT_VRS.items() if long)

# Of SOP class, SOP instance, study and series.
Uids = tuple[str, str, str, str]
# Of implicit VR: the private creators of the item, by the tag that names them. None: explicit VR.
Creators = dict[int, str] | None


class _Odd(Exception):
    """Here the parser must look."""


def skim(start: bytes, *, implicit: bool, whole: bool) -> Uids | None:
    """The UIDs of SOP class, SOP instance, study and series of a sound dataset that begins with these bytes.

    None: nothing can be said, because it is odd, faulty or longer than `start`, which is all of it when `whole`.
    """
    try:
        # Letters where a VR stands: a sender that says implicit and means explicit, as some do.
        uids = _pass_root(start, {} if implicit and not start[4:6].isalpha() else None, whole)
    except (_Odd, error):
        return None
    texts = [uids.get(tag, b"").rstrip(b"\0 ").decode("latin-1") for tag in REQUIRED_UIDS]
    if not all(map(is_uid, texts)):
        return None
    sop_class, sop_instance, study, series = texts
    return sop_class, sop_instance, study, series


def _pass_root(block: bytes, creators: Creators, whole: bool) -> dict[int, bytes]:
    """Go over the elements up to pixel data or the end of the bytes; the values of the required UIDs."""
    uids: dict[int, bytes] = {}
    at, end, last = 0, len(block), FIRST_TAG - 1
    while end - at >= 8:
        group, number, _length = _implicit(block, at)
        tag = group << 16 | number
        if tag in PIXELS and end - at >= LONGEST_HEAD:
            return uids
        if tag <= last or tag in PIXELS or group == ITEM_GROUP:
            raise _Odd
        last = tag
        after = _pass_element(block, at, end, 0, creators)
        if tag in REQUIRED_UIDS and (creators is not None or block[at + 4 : at + 6] == b"UI"):
            uids[tag] = block[at + 8 : after]
        at = after
    if not whole:
        raise _Odd
    return uids


def _pass_element(block: bytes, at: int, end: int, depth: int, creators: Creators) -> int:
    """Where the next element begins."""
    if creators is None:
        _group, _number, vr, length = _explicit(block, at)
        at += 8
        if vr in _LONG_VRS:
            (length,) = _long(block, at)
            at += 4
            if vr == b"SQ":
                return _pass_sequence(block, at, end, length, depth + 1, creators)
        elif vr not in EXPLICIT_VRS:
            raise _Odd
    else:
        group, number, length = _implicit(block, at)
        at += 8
        kind = _implicit_vr(creators, group, number, block[at : at + length] if length <= 64 else b"")
        if kind == "SQ" or (kind == "" and length == UNDEFINED):
            return _pass_sequence(block, at, end, length, depth + 1, creators)
    at += length
    if at > end:
        raise _Odd
    return at


def _implicit_vr(creators: dict[int, str], group: int, number: int, value: bytes) -> str:
    """The VR of an element that does not tell its own, empty when it is unknown; a private creator is noted."""
    if not group & 1 or number == 0:
        return public_vr(group << 16 | number)
    if number > 0xFF:
        creator = creators.get(group << 16 | number >> 8, "")
        return private_vr(group << 16 | number, creator) if creator else ""
    text = value.rstrip(b"\0 ").decode("latin-1").strip()
    if number < 0x10 or not text.isascii() or not text.isprintable() or "\\" in text:
        raise _Odd
    creators[group << 16 | number] = text
    return "LO"


def _pass_sequence(block: bytes, at: int, end: int, length: int, depth: int, creators: Creators) -> int:
    """Go over the items of a sequence; returns where the next element begins."""
    if length != UNDEFINED:
        if at + length > end:
            raise _Odd
        end = at + length
    if depth > DEEPEST:
        raise _Odd
    while at < end:
        group, number, item_length = _implicit(block, at)
        at += 8
        tag = group << 16 | number
        if tag == SEQUENCE_END and length == UNDEFINED:
            return at
        if tag != ITEM:
            raise _Odd
        at = _pass_item(block, at, end, item_length, depth, None if creators is None else {})
    if length == UNDEFINED:
        raise _Odd
    return at


def _pass_item(block: bytes, at: int, end: int, length: int, depth: int, creators: Creators) -> int:
    if length != UNDEFINED:
        if at + length > end:
            raise _Odd
        end = at + length
    last = -1
    while at < end:
        group, number, _length = _implicit(block, at)
        tag = group << 16 | number
        if tag <= last:
            raise _Odd
        last = tag
        if group == ITEM_GROUP:
            if tag == ITEM_END and length == UNDEFINED:
                return at + 8
            raise _Odd
        at = _pass_element(block, at, end, depth, creators)
    if length == UNDEFINED:
        raise _Odd
    return at
