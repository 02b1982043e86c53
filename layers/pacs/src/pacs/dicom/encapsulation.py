"""Where the frames of encapsulated pixel data begin: by the offset tables when they are right, else by walking
over the items. Asked by frames.

Source: PS3.5 §A.4, PS3.3 §C.7.6.3.1.8
"""

from itertools import pairwise
from struct import unpack

from pacs.dicom.header import Header
from pacs.dicom.source import ByteSource, RangedFile
from pacs.dicom.transcode import VIDEO
from pacs.errors import UndecodablePixels

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
EXTENDED_OFFSET_TABLE = 0x7FE00001
# Up to this size fragments are read through in blocks on the way to the next; larger ones are jumped over.
READ_THROUGH_BYTES = 64 * 1024
# So many entries of an offset table are held against the items; a wrong table is wrong at once or everywhere.
CHECKED_ENTRIES = 8
MOST_FRAGMENTS = 10_000_000
SIGNATURE_BYTES = 12


def locate_fragments(source: ByteSource, header: Header, number_of_frames: int | None) -> list[int]:
    """Offsets of the first item of each frame, and at last the end of the last frame.

    `number_of_frames` is None when the dataset does not tell. Raises UndecodablePixels.
    """
    assert header.pixel_data is not None
    walker = _Walker(source)
    table_offset = header.pixel_data.offset
    table_length = walker.item_length(table_offset)
    if table_length is None:
        raise UndecodablePixels("the pixel data does not begin with an offset table")
    first = table_offset + 8 + table_length
    video = header.transfer_syntax_uid in VIDEO
    if not video:
        for offsets in (_extended_offsets(walker, header), _basic_offsets(walker, table_offset + 8, table_length)):
            if offsets and (number_of_frames is None or len(offsets) == number_of_frames):
                starts = walker.verify([first + offset for offset in offsets], first)
                if starts:
                    return starts
    fragments = walker.fragments(first)
    if len(fragments) < 2:
        raise UndecodablePixels("the pixel data ends before its first frame does")
    return _group(walker, fragments, 1 if video else number_of_frames)


def _basic_offsets(walker: "_Walker", offset: int, length: int) -> tuple[int, ...]:
    content = walker.file.read_at(offset, length) if length <= 4 * MOST_FRAGMENTS else b""
    return unpack(f"<{len(content) // 4}L", content[: len(content) // 4 * 4])


def _extended_offsets(walker: "_Walker", header: Header) -> tuple[int, ...]:
    table = header.root.elements.get(EXTENDED_OFFSET_TABLE)
    if table is None or table.length > 8 * MOST_FRAGMENTS:
        return ()
    content = table.value if table.value is not None else walker.file.read_at(table.offset, table.length)
    return unpack(f"<{len(content) // 8}Q", content[: len(content) // 8 * 8])


def _group(walker: "_Walker", fragments: list[int], number_of_frames: int | None) -> list[int]:
    """Which of the fragments begin a frame, when no table tells. `fragments` ends with the end of the last."""
    count = len(fragments) - 1
    if number_of_frames == 1:
        return [fragments[0], fragments[-1]]
    if number_of_frames is not None and count <= number_of_frames:
        return fragments
    starts = [each for each in fragments[1:-1] if walker.begins_codestream(each)]
    if number_of_frames is None:
        return [fragments[0], *starts, fragments[-1]]
    if len(starts) + 1 < number_of_frames:
        raise UndecodablePixels("the frames cannot be told apart: there is no offset table")
    return [fragments[0], *starts, fragments[-1]][: number_of_frames + 1]


class _Walker:
    """Steps from item to item, reading little."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.file = RangedFile(source)
        self._signatures: dict[int, bytes] = {}
        self._read_through = True

    def _read(self, offset: int, length: int) -> bytes:
        return self.file.read_at(offset, length) if self._read_through else self._source.read(offset, length)

    def item_length(self, offset: int) -> int | None:
        """The length of the item whose header stands here; None when none does, or it is not all there."""
        head = self._read(offset, 8 + SIGNATURE_BYTES)
        if head[:4] != ITEM or len(head) < 8:
            return None
        length = int.from_bytes(head[4:8], "little")
        if offset + 8 + length > self._source.size_bytes:
            return None
        self._signatures[offset] = head[8 : 8 + min(length, SIGNATURE_BYTES)]
        return length

    def fragments(self, offset: int) -> list[int]:
        """Offsets of all whole items from here on, and the end of the last."""
        offsets = [offset]
        while (length := self.item_length(offset)) is not None:
            self._read_through = length <= READ_THROUGH_BYTES
            offset += 8 + length
            offsets.append(offset)
            if len(offsets) > MOST_FRAGMENTS:
                raise UndecodablePixels("the pixel data has too many fragments")
        return offsets

    def verify(self, starts: list[int], first: int) -> list[int]:
        """The starts with the end of the last frame; empty when the table does not fit the items."""
        if starts[0] != first or any(after < before + 8 for before, after in pairwise(starts)):
            return []
        self._read_through = starts[-1] - first <= READ_THROUGH_BYTES * len(starts)
        step = max(1, len(starts) // CHECKED_ENTRIES)
        if any(self.item_length(start) is None for start in starts[::step]):
            return []
        last = self.fragments(starts[-1])
        return [*starts, last[-1]] if len(last) > 1 else []

    def begins_codestream(self, offset: int) -> bool:
        """Whether a fragment begins as JPEG, JPEG-LS, JPEG 2000 (bare or boxed), JPEG XL and RLE do."""
        signature = self._signatures.get(offset, b"")
        return (
            signature.startswith((b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a"))
            or signature[4:8] in (b"jP  ", b"JXL ")
            or (signature[4:8] == b"\x40\0\0\0" and signature[1:4] == b"\0\0\0" and 1 <= signature[0] <= 15)
        )
