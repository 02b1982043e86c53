"""Files as no writer should make them, each by its name: what devices, gateways, disks and attackers bring.

Each is built on a small, complete CT, so that only what its name says is odd about it.
"""

import struct
import zlib
from collections.abc import Iterator

from pacs.dicom.encoding import encode_part10_head

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, JPEG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"
UNDEFINED = 0xFFFFFFFF
LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT")
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

# Preambles that make the file something else, too.
POLYGLOTS = {
    name: begun.ljust(128, b"\1")
    for name, begun in {
        "Windows program": b"MZ",
        "Linux program": b"\x7fELF\2\1\1",
        "macOS program": b"\xcf\xfa\xed\xfe",
        "macOS program of two kinds": b"\xca\xfe\xba\xbe",
        "script": b"#!/bin/sh\nid\nexit\n",
        "page": b"<html><script src=//evil.example></script><!--",
        "archive": b"PK\3\4",
        "document": b"%PDF-1.7\n1 0 obj<<>>",
        "TIFF in name alone": b"II+",
    }.items()
}

Elements = dict[int, bytes]


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """An explicit element; `length` is what it says of itself when that is not the truth."""
    value += b" " * (len(value) % 2)
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + (struct.pack("<HL", 0, length) if vr in LONG else struct.pack("<H", length & 0xFFFF)) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes, *, undefined: bool = False) -> bytes:
    if undefined:
        return implicit(ITEM, b"", UNDEFINED) + content + implicit(ITEM_END, b"")
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def ct(instance: str, **_: bytes) -> Elements:
    """The elements of a CT of 2 × 2 pixels, encoded, by tag."""
    return {
        0x00080016: element(0x00080016, "UI", CT.encode() + b"\0"),
        0x00080018: element(0x00080018, "UI", instance.encode() + b"\0" * (len(instance) % 2)),
        0x00080060: element(0x00080060, "CS", b"CT"),
        0x00100010: element(0x00100010, "PN", b"Odd^File"),
        0x00100020: element(0x00100020, "LO", b"ODD"),
        0x0020000D: element(0x0020000D, "UI", b"1.2.826.0.1.9"),
        0x0020000E: element(0x0020000E, "UI", b"1.2.826.0.1.9.1"),
        0x00280002: element(0x00280002, "US", b"\1\0"),
        0x00280004: element(0x00280004, "CS", b"MONOCHROME2"),
        0x00280010: element(0x00280010, "US", b"\2\0"),
        0x00280011: element(0x00280011, "US", b"\2\0"),
        0x00280100: element(0x00280100, "US", b"\x10\0"),
        0x00280101: element(0x00280101, "US", b"\x10\0"),
        0x00280102: element(0x00280102, "US", b"\x0f\0"),
        0x00280103: element(0x00280103, "US", b"\0\0"),
        0x7FE00010: element(0x7FE00010, "OW", bytes(8)),
    }


def dataset(instance: str, changes: Elements | None = None) -> bytes:
    """The CT with these elements in the place of its own; an empty one is left out."""
    elements = ct(instance) | (changes or {})
    return b"".join(elements[tag] for tag in sorted(elements))


def nested(depth: int, *, undefined: bool) -> bytes:
    content = b""
    for _ in range(depth):
        content = item(content, undefined=undefined)
        if undefined:
            content = element(0x00081115, "SQ", b"", UNDEFINED) + content + implicit(SEQUENCE_END, b"")
        else:
            content = element(0x00081115, "SQ", content)
    return content


def private_elements(number: int) -> bytes:
    blocks = range(0x10, 0x10 + -(-number // 0x100))
    creators = (element(0x00090000 | block, "LO", b"ODD") for block in blocks)
    tags = (0x00090000 | block << 8 | low for block in blocks for low in range(0x100))
    return b"".join(creators) + b"".join(element(tag, "LO", b"x") for tag in list(tags)[:number])


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def in_implicit(instance: str) -> bytes:
    """The CT in implicit VR, with an explicit item in a sequence and an implicit one in an UN."""
    elements = {tag: each[8:] for tag, each in ct(instance).items() if tag != 0x7FE00010}
    content = {tag: implicit(tag, value) for tag, value in elements.items()}
    content[0x00081115] = implicit(0x00081115, item(element(0x0020000E, "UI", b"1.2.3\0")))
    content[0x7FE00010] = implicit(0x7FE00010, bytes(8))
    return b"".join(content[tag] for tag in sorted(content))


def changed() -> dict[str, Elements]:
    """What is odd about one element of an explicit dataset."""
    return {**odd_values(), **odd_pixels(), **odd_identities(), **odd_texts(), **odd_structures()}


def odd_values() -> dict[str, Elements]:
    return {
        "nothing": {},
        "group length": {0x00080000: element(0x00080000, "UL", b"\xff\xff\xff\xff")},
        "implicit item in a sequence": {0x00081115: element(0x00081115, "SQ", item(implicit(0x00080018, b"1.2.3\0")))},
        "implicit sequence in UN": {0x00091001: element(0x00091001, "UN", item(implicit(0x00100010, b"A")), None)},
        "undefined lengths": {0x00081115: nested(3, undefined=True)},
        "UN of undefined length": {
            0x00091001: element(0x00091001, "UN", b"", UNDEFINED)
            + item(implicit(0x00100020, b"x"), undefined=True)
            + implicit(SEQUENCE_END, b"")
        },
        "number as text": {0x00280010: element(0x00280010, "LO", b"two")},
        "text as number": {0x00100010: element(0x00100010, "US", b"\1\0")},
        "sequence as text": {0x00100010: element(0x00100010, "SQ", item(element(0x00100020, "LO", b"x")))},
        "VR that is none": {0x00100010: element(0x00100010, "ZZ", b"Odd^File")},
        "VR of blanks": {0x00100010: element(0x00100010, "  ", b"Odd^File")},
        "US of one byte": {0x00280010: struct.pack("<HH2sHc", 0x28, 0x10, b"US", 1, b"\2")},
        "NaN and infinity": {
            0x00189073: element(0x00189073, "FD", struct.pack("<3d", float("nan"), float("inf"), -0.0))
        },
        "NaN in FL": {0x00720074: element(0x00720074, "FL", struct.pack("<f", float("nan")))},
        "2.0 in IS": {0x00200013: element(0x00200013, "IS", b"2.0 ")},
        "words in IS and DS": {
            0x00200013: element(0x00200013, "IS", b"one "),
            0x00281050: element(0x00281050, "DS", b"NaN\\1e999\\x"),
        },
        "IS beyond 32 bits": {0x00200013: element(0x00200013, "IS", b"99999999999999999999")},
        "date that is none": {
            0x00080020: element(0x00080020, "DA", b"20269999"),
            0x00080030: element(0x00080030, "TM", b"9x"),
        },
    }


def odd_pixels() -> dict[str, Elements]:
    fragments = item(b"") + item(b"\xff\xd8\xff\xd9") + implicit(SEQUENCE_END, b"")
    return {
        "empty pixel data": {0x7FE00010: element(0x7FE00010, "OW", b"")},
        "short pixel data": {0x7FE00010: element(0x7FE00010, "OW", b"\1\2")},
        "pixel data longer than the file": {0x7FE00010: element(0x7FE00010, "OW", bytes(8), 0xFFFFFFF0)},
        "encapsulated in a native syntax": {0x7FE00010: element(0x7FE00010, "OB", b"", UNDEFINED) + fragments},
        "no rows": {0x00280010: b"", 0x00280011: b""},
        "huge rows": {
            0x00280010: element(0x00280010, "US", b"\xff\xff"),
            0x00280011: element(0x00280011, "US", b"\xff\xff"),
        },
        "a billion frames": {0x00280008: element(0x00280008, "IS", b"1000000000")},
        "minus one frame": {0x00280008: element(0x00280008, "IS", b"-1")},
    }


def odd_identities() -> dict[str, Elements]:
    return {
        "no instance UID": {0x00080018: b""},
        "no study UID": {0x0020000D: b""},
        "empty series UID": {0x0020000E: element(0x0020000E, "UI", b"")},
        "path in a UID": {0x0020000D: element(0x0020000D, "UI", b"../../../etc/x")},
        "UID of 66 characters": {0x0020000D: element(0x0020000D, "UI", b"1." + b"2" * 64)},
    }


def odd_texts() -> dict[str, Elements]:
    return {
        "CRLF in a name": {0x00100010: element(0x00100010, "PN", b"A\r\nX-Evil: 1\r\n\r\n")},
        "NUL in a name": {
            0x00100010: element(0x00100010, "PN", b"A\0B"),
            0x00100020: element(0x00100020, "LO", b"\0\0\0\0"),
        },
        "broken UTF-8": {
            0x00080005: element(0x00080005, "CS", b"ISO_IR 192"),
            0x00100010: element(0x00100010, "PN", b"\xff\xfe\xc3\xed\xa0\x80"),
        },
        "unknown character set": {
            0x00080005: element(0x00080005, "CS", b"\xff\\NONE"),
            0x00100010: element(0x00100010, "PN", b"\x1b$)C\xa4\xa2"),
        },
        "name with many groups": {0x00100010: element(0x00100010, "PN", b"=" * 60 + b"^" * 60)},
        "a name of 60 KB": {0x00100010: element(0x00100010, "PN", b"A" * 60_000)},
    }


def odd_structures() -> dict[str, Elements]:
    long_tail = element(0x00081115, "SQ", b"", UNDEFINED)
    return {
        "10,000 private elements": {0x00090010: private_elements(10_000)},
        "60 levels": {0x00081115: nested(60, undefined=False)},
        "1,000 levels": {0x00081115: nested(1_000, undefined=True)},
        "1,000 levels of defined length": {0x00081115: nested(1_000, undefined=False)[:60_000]},
        "100,000 empty items": {0x00081115: element(0x00081115, "SQ", item(b"") * 100_000)},
        "huge length": {0x00091001: element(0x00091001, "OB", b"x", 0xFFFFFFF0)},
        "huge sequence": {0x00081115: element(0x00081115, "SQ", item(b""), 0x7FFFFFFF)},
        "item beyond its sequence": {0x00081115: element(0x00081115, "SQ", implicit(ITEM, b"", 0x7FFFFFFF))},
        "sequence without an end": {0x00081115: long_tail},
        "sequence of no items": {0x00081115: element(0x00081115, "SQ", b"\1\2\3\4\5\6\7\x08")},
        "odd length": {0x00100020: struct.pack("<HH2sH3s", 0x10, 0x20, b"LO", 3, b"ODD")},
        "elements in disorder": {0x00000001: element(0x00400244, "DA", b"20260101")},
        "trailing padding": {0xFFFCFFFC: element(0xFFFCFFFC, "OB", bytes(64))},
        "delimiters among elements": {0x00090000: implicit(ITEM_END, b"") + implicit(SEQUENCE_END, b"")},
    }


def datasets() -> Iterator[tuple[str, str, str, bytes]]:
    """Name, instance UID, transfer syntax and the bytes of each dataset."""
    number = 0

    def uid() -> str:
        nonlocal number
        number += 1
        return f"1.2.826.0.1.9.1.{number}"

    for name, changes in changed().items():
        instance = uid()
        yield name, instance, EXPLICIT, dataset(instance, changes)
    instance = uid()
    yield "implicit VR with an explicit item", instance, IMPLICIT, in_implicit(instance)
    for name, syntax in {"implicit": IMPLICIT, "big endian": BIG, "deflated": DEFLATED, "private": "1.2.3"}.items():
        instance = uid()
        yield f"explicit VR that says {name}", instance, syntax, dataset(instance)
    instance = uid()
    yield "native pixels that say JPEG", instance, JPEG, dataset(instance)
    instance = uid()
    yield "deflate bomb", instance, DEFLATED, deflated(element(0x00080000, "OB", bytes(100 << 20)) + dataset(instance))
    instance = uid()
    bomb = dataset(instance, {0x00091001: element(0x00091001, "OB", bytes(100 << 20))})
    yield "deflate bomb after the UIDs", instance, DEFLATED, deflated(bomb)
    instance = uid()
    endless = element(0x00081115, "SQ", b"", UNDEFINED) + item(b"", undefined=True) * 3_000_000
    yield "three million items", instance, DEFLATED, deflated(dataset(instance, {0x00091001: endless}))
    instance = uid()
    many = element(0x00091001, "LO", b"") * 3_000_000
    yield "three million elements", instance, DEFLATED, deflated(dataset(instance, {0x00091001: many}))
    instance = uid()
    yield "deflated and cut", instance, DEFLATED, deflated(dataset(instance))[:-20]
    instance = uid()
    yield "deflated rubbish", instance, DEFLATED, b"\x07" * 100
    whole = dataset(uid())
    for end in range(0, len(whole), 13):
        yield f"cut after {end} bytes", f"1.2.826.0.1.9.1.{number}", EXPLICIT, whole[:end]


def part10s() -> Iterator[tuple[str, bytes]]:
    """Every dataset as a file, and files whose head is odd."""
    for name, instance, syntax, content in datasets():
        yield name, encode_part10_head(CT, instance, syntax) + content
    instance = "1.2.826.0.1.9.1.9999"
    head, content = encode_part10_head(CT, instance, EXPLICIT), dataset(instance)
    yield "no file at all", b""
    yield "rubbish", bytes(range(256)) * 8
    yield "no preamble", head[128:] + content
    yield "no head", content
    yield "preamble alone", head[:132]
    yield "meta alone", head
    for name, preamble in POLYGLOTS.items():
        yield f"a preamble that makes it a {name}", preamble + head[128:] + content
    yield "meta without a length", head[:132] + head[144:] + content
    yield "meta with a wrong length", head[:140] + b"\xff\xff\xff\x7f" + head[144:] + content
    yield "meta of another instance", encode_part10_head(CT, "1.2.3", EXPLICIT) + content
    yield "meta with no transfer syntax", encode_part10_head(CT, instance, "") + content
