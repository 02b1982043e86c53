"""Where each frame of an instance lies, and what its bytes are. Asked by the indexer (once, for the index), by the
deriver and by DICOMweb (for every frame).

Source: PS3.5 §8 and §A.4, PS3.3 §C.7.6.3
"""

import base64
import binascii
import zlib
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from pacs.dicom.encapsulation import locate_fragments
from pacs.dicom.header import Header
from pacs.dicom.source import ByteSource
from pacs.errors import NotFound, UndecodablePixels

NUMBER_OF_FRAMES, ROWS, COLUMNS = 0x00280008, 0x00280010, 0x00280011
SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, BITS_ALLOCATED = 0x00280002, 0x00280004, 0x00280100
FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}
MOST_FRAMES = 10_000_000
# Longer lists of frame sizes are compressed.
PLAIN_CHARACTERS = 200

Kind = Literal["none", "native", "inflated", "encapsulated"]


@dataclass(frozen=True)
class FrameTable:
    """`native` and `inflated`: `frame_bits` each, one after the other, from `offset` on; inflated ones lie in what
    `pacs.dicom.header.inflate` gives. `encapsulated`: frame n lies from `starts[n - 1]` to `starts[n]`, item headers
    included.
    """

    transfer_syntax_uid: str
    kind: Kind = "none"
    number_of_frames: int = 0
    offset: int = 0
    frame_bits: int = 0
    starts: tuple[int, ...] = ()

    def range_of(self, frame_number: int) -> tuple[int, int]:
        """Offset and length of the one range that holds a frame; what is read there goes through `frame_bytes`.

        Raises NotFound when there is no such frame.
        """
        if not 1 <= frame_number <= self.number_of_frames:
            raise NotFound("there is no such frame", field="frame")
        if self.kind == "encapsulated":
            start, end = self.starts[frame_number - 1], self.starts[frame_number]
            return start, end - start
        first_bit = (frame_number - 1) * self.frame_bits
        start, end = first_bit // 8, (first_bit + self.frame_bits + 7) // 8
        return self.offset + start, end - start

    def frame_bytes(self, raw: bytes, frame_number: int) -> bytes:
        """The frame out of its range: fragments joined without item headers, bits moved to begin at a byte.

        Raises UndecodablePixels when the range is not what the table says.
        """
        if self.kind == "encapsulated":
            return _join_fragments(raw)
        if len(raw) < self.range_of(frame_number)[1]:
            raise UndecodablePixels("the pixel data ends before the frame does")
        shift = (frame_number - 1) * self.frame_bits % 8
        spare = self.frame_bits % 8
        if not shift and not spare:
            return raw
        bits = int.from_bytes(raw, "little") >> shift & (1 << self.frame_bits) - 1
        return bits.to_bytes((self.frame_bits + 7) // 8, "little")

    def pack(self) -> str:
        """A compact text for a column of the index; `unpack` reads it."""
        if self.kind == "none":
            return ""
        if self.kind != "encapsulated":
            return f"{self.kind[0]}:{self.offset}:{self.frame_bits}:{self.number_of_frames}"
        sizes = ",".join(str(end - start) for start, end in pairwise(self.starts))
        if len(sizes) > PLAIN_CHARACTERS:
            sizes = "z" + base64.b64encode(zlib.compress(sizes.encode(), 9)).decode()
        return f"e:{self.starts[0]}:{sizes}"

    @classmethod
    def unpack(cls, text: str, transfer_syntax_uid: str) -> "FrameTable":
        """Raises UndecodablePixels when the text is not what `pack` writes."""
        if not text:
            return cls(transfer_syntax_uid)
        try:
            kind, first, *rest = text.split(":")
            if kind != "e":
                frame_bits, count = map(int, rest)
                return cls(transfer_syntax_uid, "native" if kind == "n" else "inflated", count, int(first), frame_bits)
            sizes = rest[0]
            if sizes.startswith("z"):
                sizes = zlib.decompress(base64.b64decode(sizes[1:])).decode()
            starts = tuple(accumulate(map(int, sizes.split(",")), initial=int(first)))
        except (ValueError, IndexError, zlib.error, binascii.Error) as error:
            raise UndecodablePixels("the index holds no readable frame table") from error
        return cls(transfer_syntax_uid, "encapsulated", len(starts) - 1, starts=starts)


def locate_frames(source: ByteSource, header: Header) -> FrameTable:
    """Where the frames lie. `source` must be the one that the header was read from; of native pixel data none of it is
    read, of encapsulated only offset table and item headers. Video counts as one frame. When there are fewer whole
    frames than announced, the table holds those.

    Raises UndecodablePixels when there is pixel data but its frames cannot be told apart.
    """
    pixels = header.pixel_data
    if pixels is None:
        return FrameTable(header.transfer_syntax_uid)
    number_of_frames = _announced(header)
    if pixels.length is None:
        starts = locate_fragments(source, header, number_of_frames)
        return FrameTable(header.transfer_syntax_uid, "encapsulated", len(starts) - 1, starts=tuple(starts))
    frame_bits = _frame_bits(header, number_of_frames or 1, pixels.length)
    available = pixels.length if header.deflated else min(pixels.length, source.size_bytes - pixels.offset)
    whole = available * 8 // frame_bits
    if not whole:
        raise UndecodablePixels("the pixel data is shorter than one frame")
    count = min(number_of_frames or whole, whole, MOST_FRAMES)
    kind: Kind = "inflated" if header.deflated else "native"
    return FrameTable(header.transfer_syntax_uid, kind, count, pixels.offset, frame_bits)


def _announced(header: Header) -> int | None:
    """How many frames the dataset says there are: one when it does not say, None when it says nonsense."""
    if not header.root.text(NUMBER_OF_FRAMES):
        return 1
    number = header.root.integer(NUMBER_OF_FRAMES)
    return number if number and 0 < number <= MOST_FRAMES else None


def _frame_bits(header: Header, number_of_frames: int, length: int) -> int:
    """The size of a native frame in bits."""
    root = header.root
    assert header.pixel_data is not None
    bits_allocated = FLOAT_BITS.get(header.pixel_data.tag) or root.integer(BITS_ALLOCATED) or 0
    pixels = (root.integer(ROWS) or 0) * (root.integer(COLUMNS) or 0)
    bits = pixels * (root.integer(SAMPLES_PER_PIXEL) or 1) * bits_allocated
    if bits <= 0:
        raise UndecodablePixels("rows, columns or bits allocated are missing")
    subsampled = root.text(PHOTOMETRIC_INTERPRETATION) == "YBR_FULL_422"
    # Some say YBR_FULL_422 and send every chrominance sample all the same.
    if subsampled and length * 8 < bits * number_of_frames:
        return bits // 3 * 2
    return bits


def _join_fragments(raw: bytes) -> bytes:
    position = 0
    fragments = []
    while position + 8 <= len(raw) and raw[position : position + 4] == b"\xfe\xff\x00\xe0":
        end = position + 8 + int.from_bytes(raw[position + 4 : position + 8], "little")
        fragments.append(raw[position + 8 : end])
        position = end
    if position != len(raw) or not fragments:
        raise UndecodablePixels("the frame is not where the index says")
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)
