"""An instance written anew in another transfer syntax: all that is not pixels byte for byte as it was received.

Called by archive.retrieve. Values are passed on, never interpreted, so that what is odd in them stays as it is; group
lengths and padding are left out, and everything becomes Explicit VR Little Endian.

Source: PS3.10 §7.1, PS3.5 §7.1.2 and §A
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs.dicom.elements import PIXELS, Element, Item, unambiguous_vr
from pacs.dicom.header import Header

Read = Callable[[int, int], bytes]  # offset and length

DEFLATED_EXPLICIT = "1.2.840.10008.1.2.1.99"
TRANSFER_SYNTAX_UID, MEDIA_CLASS, MEDIA_INSTANCE = 0x00020010, 0x00020002, 0x00020003
IMPLEMENTATION = {0x00020012: b"2.25.7745100516778077740613604775905794500", 0x00020013: b"BULUTPACS "}
BITS_ALLOCATED = 0x00280100
OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
# Source: PS3.5 §7.1.2: these take four bytes of length, all others two.
LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
WORD_BYTES = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
FRAGMENT = b"\xfe\xff\x00\xe0"
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
UNDEFINED = 0xFFFFFFFF


def write_part10(
    header: Header,
    read: Read,
    transfer_syntax_uid: str,
    changes: Mapping[str, str | int],
    pixels: Iterator[bytes],
    trailing: Item,
) -> Iterator[bytes]:
    """A file in another syntax, in pieces: the header with some attributes changed (by keyword), then `pixels`, which
    is the whole element, or nothing, then what stood after them.
    """
    yield bytes(128) + b"DICM" + written_meta(header, transfer_syntax_uid)
    pieces = written_dataset(header, read, changes, pixels, trailing)
    if transfer_syntax_uid != DEFLATED_EXPLICIT:
        yield from pieces
        return
    deflater = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    size = 0
    for piece in pieces:
        size += len(part := deflater.compress(piece))
        yield part
    last = deflater.flush()
    yield last + b"\0" * ((size + len(last)) % 2)


def written_meta(header: Header, transfer_syntax_uid: str) -> bytes:
    """The file meta as it was, but for the syntax and who wrote it."""
    values = {tag: (each.vr, each.value or b"") for tag, each in header.meta.elements.items() if tag & 0xFFFF}
    values |= {
        0x00020001: ("OB", b"\0\1"),
        MEDIA_CLASS: ("UI", header.sop_class_uid.encode()),
        MEDIA_INSTANCE: ("UI", header.sop_instance_uid.encode()),
        TRANSFER_SYNTAX_UID: ("UI", transfer_syntax_uid.encode()),
        **{tag: ("UI" if tag == 0x00020012 else "SH", value) for tag, value in IMPLEMENTATION.items()},
    }
    body = b"".join(written(tag, vr, value) for tag, (vr, value) in sorted(values.items()))
    return written(0x00020000, "UL", struct.pack("<L", len(body))) + body


def written_dataset(
    header: Header, read: Read, changes: Mapping[str, str | int], pixels: Iterator[bytes], trailing: Item
) -> Iterator[bytes]:
    changed = {tag_for_keyword(keyword) or 0: change(keyword, value) for keyword, value in changes.items()}
    for tag in sorted({*header.root.elements, *changed}):
        if tag in changed:
            yield changed[tag]
        elif tag not in OFFSET_TABLES:
            yield from written_element(header.root, tag, header.root.elements[tag], read)
    yield from pixels
    for tag, element in sorted(trailing.elements.items()):
        yield from written_element(trailing, tag, element, read)


def change(keyword: str, value: str | int) -> bytes:
    tag, vr = tag_for_keyword(keyword) or 0, dictionary_VR(keyword)
    return written(tag, vr, struct.pack("<H", value) if isinstance(value, int) else value.encode())


def written_element(item: Item, tag: int, element: Element, read: Read) -> Iterator[bytes]:
    """One element of an item; nothing for what has no place in a dataset that is written anew."""
    if not tag & 0xFFFF or tag < 0x00080000 or tag >= 0xFFFC0000:
        return
    if element.items is not None:
        items = b"".join(written_item(each, read) for each in element.items)
        yield written(tag, "SQ", items)
        return
    value = element.value if element.value is not None else read(element.offset, element.length)
    vr = element.vr if len(element.vr) == 2 else unambiguous_vr(item, tag, element)
    if tag in PIXELS and value.startswith(FRAGMENT):  # an icon, compressed as it was
        yield head(tag, "OB", UNDEFINED) + value + SEQUENCE_END
        return
    yield written(tag, vr, value if item.little_endian else swapped(value, WORD_BYTES.get(vr, 1)))


def written_item(item: Item, read: Read) -> bytes:
    elements = sorted(item.elements.items())
    body = b"".join(piece for tag, each in elements for piece in written_element(item, tag, each, read))
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(body)) + body


def written(tag: int, vr: str, value: bytes) -> bytes:
    """An element with its value, which gets an even length. Text too long for its VR is of VR UN (PS3.5 §6.2.2)."""
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return head(tag, "UN" if vr not in LONG and len(value) > 0xFFFF else vr, len(value)) + value


def head(tag: int, vr: str, length: int) -> bytes:
    form = "<HH2s2xL" if vr in LONG else "<HH2sH"
    return struct.pack(form, tag >> 16, tag & 0xFFFF, vr.encode(), length)


def swapped(value: bytes, size: int) -> bytes:
    """A big-endian value of words of this many bytes in little endian."""
    body = bytearray(value)
    whole = len(value) // size * size
    for position in range(size):
        body[position:whole:size] = value[size - 1 - position : whole : size]
    return bytes(body)


def pixel_word_bytes(header: Header, vr: str) -> int:
    """How long the words of uncompressed pixel data of this VR are: a sample of more than 16 bits is one."""
    return max(WORD_BYTES.get(vr, 1), (header.root.integer(BITS_ALLOCATED) or 0) // 8 if vr == "OW" else 1)


def native_pixels(header: Header, read: Read, piece_bytes: int) -> Iterator[bytes]:
    """The pixel data element as it is, in little endian, in pieces of an even number of words."""
    pixels = header.pixel_data
    if pixels is None or pixels.length is None:
        return
    vr = pixels.vr if len(pixels.vr) == 2 else "OW"
    size = pixel_word_bytes(header, vr)
    yield head(pixels.tag, vr, pixels.length + pixels.length % 2)
    for offset in range(0, pixels.length, piece_bytes):
        piece = read(pixels.offset + offset, min(piece_bytes, pixels.length - offset))
        yield piece if header.root.little_endian else swapped(piece, size)
    yield b"\0" * (pixels.length % 2)


def decoded_pixels(frames: Iterator[bytes], number_of_frames: int, bits_allocated: int) -> Iterator[bytes]:
    """Decoded frames, all of one size, as the pixel data element."""
    first = next(frames)
    length = len(first) * number_of_frames
    yield head(0x7FE00010, "OW" if bits_allocated > 8 else "OB", length + length % 2) + first
    yield from frames
    yield b"\0" * (length % 2)


def encapsulated_pixels(frames: Iterator[bytes]) -> Iterator[bytes]:
    """Compressed frames as the pixel data element: an empty offset table, one fragment for each. PS3.5 §A.4"""
    yield head(0x7FE00010, "OB", UNDEFINED) + FRAGMENT + bytes(4)
    for frame in frames:
        padding = b"\0" * (len(frame) % 2)
        yield FRAGMENT + struct.pack("<L", len(frame) + len(padding)) + frame + padding
    yield SEQUENCE_END
