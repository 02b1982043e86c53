"""What stands after the pixel data: digital signatures, private elements, padding. Asked by archive.retrieve when an
instance is written anew, so that nothing of it is lost.

The header ends where the pixels begin, so these elements are read for those who need them only.

Source: PS3.5 §7.1, §A.4
"""

import struct
from contextlib import suppress

from pacs.dicom.elements import ITEM, SEQUENCE_END, Item, Parser
from pacs.dicom.frames import FrameTable
from pacs.dicom.header import Header
from pacs.dicom.source import HEADER_LIMIT_BYTES, ByteSource, RangedFile
from pacs.errors import InvalidInstance

DELIMITER_BYTES = 8


def read_trailing(source: ByteSource, header: Header, table: FrameTable) -> Item:
    """The elements after the pixel data, as far as they can be read; of a deflated object out of the inflated one."""
    trailing = Item(header.root.implicit, header.root.little_endian, header.root)
    file = RangedFile(source, limit_bytes=HEADER_LIMIT_BYTES)
    with suppress(InvalidInstance):  # what is no element is padding, or nobody's
        end = end_of_pixels(file, header, table)
        if end is not None and end < source.size_bytes:
            Parser(file).read_root(trailing, end)
    first = header.pixel_data.tag if header.pixel_data else 0
    trailing.elements = {tag: each for tag, each in trailing.elements.items() if tag > first}
    return trailing


def end_of_pixels(file: RangedFile, header: Header, table: FrameTable) -> int | None:
    """Where the element after the pixel data begins; None when there is no room for one."""
    pixels = header.pixel_data
    if pixels is None:
        return None
    if pixels.length is not None:
        return pixels.offset + pixels.length
    if not table.starts:
        return None
    position, size_bytes = table.starts[-1], file.source.size_bytes
    while position + DELIMITER_BYTES < size_bytes:
        group, number, length = struct.unpack("<HHL", file.read_at(position, DELIMITER_BYTES))
        position += DELIMITER_BYTES
        if group << 16 | number == SEQUENCE_END:
            return position
        if group << 16 | number != ITEM:
            return None
        position += length
    return None
