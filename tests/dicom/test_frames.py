import zlib
from collections.abc import Callable
from struct import pack

import pytest
from pydicom.encaps import encapsulate, encapsulate_extended

from pacs.dicom.frames import FrameTable, locate_frames
from pacs.dicom.header import inflate, read_header
from pacs.dicom.source import BytesSource
from pacs.errors import NotFound, UndecodablePixels

MakePart10 = Callable[..., bytes]
JPEG, RLE, HTJ2K, MPEG4 = (f"1.2.840.10008.1.2.{end}" for end in ("4.50", "5", "4.201", "4.102"))
IMAGE = {"Rows": 4, "Columns": 6, "BitsAllocated": 16, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def jpeg(number: int, length: int = 100) -> bytes:
    return b"\xff\xd8\xff\xe0" + bytes([number]) * (length - 6) + b"\xff\xd9"


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + pack("<L", len(content)) + content


def frames_of(part10: bytes) -> list[bytes]:
    """Every frame, by way of the packed table, as the archive reads them."""
    header = read_header(BytesSource(part10))
    located = locate_frames(BytesSource(part10), header)
    table = FrameTable.unpack(located.pack(), header.transfer_syntax_uid)
    assert table == located
    content = inflate(part10, 10_000_000) if table.kind == "inflated" else part10
    ranges = [table.range_of(number) for number in range(1, table.number_of_frames + 1)]
    return [table.frame_bytes(content[at : at + length], number) for number, (at, length) in enumerate(ranges, 1)]


@pytest.mark.parametrize(
    "transfer_syntax_uid", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
def test_native_frames(make_part10: MakePart10, transfer_syntax_uid: str) -> None:
    pixels = bytes(range(144))
    part10 = make_part10(transfer_syntax_uid, PixelData=pixels, NumberOfFrames=3, **IMAGE)
    assert frames_of(part10) == [pixels[at : at + 48] for at in (0, 48, 96)]


@pytest.mark.parametrize(("keyword", "size"), [("FloatPixelData", 4), ("DoubleFloatPixelData", 8)])
def test_float_frames(make_part10: MakePart10, keyword: str, size: int) -> None:
    pixels = bytes(range(48)) * size
    values = {keyword: pixels, "Rows": 4, "Columns": 6, "NumberOfFrames": 2}
    assert frames_of(make_part10(**values)) == [pixels[: 24 * size], pixels[24 * size :]]


def test_bits_of_a_frame_begin_at_a_byte(make_part10: MakePart10) -> None:
    image = {**IMAGE, "Rows": 3, "Columns": 5, "BitsAllocated": 1, "NumberOfFrames": 3}
    frames = [0b101010101010101, 0b111000111000111, 0b100000000000001]
    packed = (frames[0] | frames[1] << 15 | frames[2] << 30).to_bytes(6, "little")
    part10 = make_part10(PixelData=packed, **image)
    assert frames_of(part10) == [frame.to_bytes(2, "little") for frame in frames]


def test_subsampled_colour_is_two_thirds_unless_it_is_all_there(make_part10: MakePart10) -> None:
    image = {**IMAGE, "BitsAllocated": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}
    assert list(map(len, frames_of(make_part10(PixelData=bytes(96), NumberOfFrames=2, **image)))) == [48, 48]
    assert list(map(len, frames_of(make_part10(PixelData=bytes(144), NumberOfFrames=2, **image)))) == [72, 72]


@pytest.mark.parametrize(("number_of_frames", "found"), [(None, 1), (0, 2), (-1, 2), (5, 2)])
def test_a_wrong_number_of_native_frames(make_part10: MakePart10, number_of_frames: int | None, found: int) -> None:
    values = {} if number_of_frames is None else {"NumberOfFrames": number_of_frames}
    assert len(frames_of(make_part10(PixelData=bytes(96), **values, **IMAGE))) == found


def test_pixels_without_size_or_too_few_cannot_be_told_apart(make_part10: MakePart10) -> None:
    for part10 in (make_part10(PixelData=bytes(96), BitsAllocated=8), make_part10(PixelData=bytes(20), **IMAGE)):
        with pytest.raises(UndecodablePixels):
            frames_of(part10)


def test_no_pixel_data_no_frames(make_part10: MakePart10) -> None:
    part10 = make_part10()
    table = locate_frames(BytesSource(part10), read_header(BytesSource(part10)))
    assert (table.kind, table.number_of_frames, table.pack()) == ("none", 0, "")
    with pytest.raises(NotFound):
        table.range_of(1)


@pytest.mark.parametrize("has_bot", [True, False])
def test_one_fragment_a_frame(make_part10: MakePart10, has_bot: bool) -> None:
    frames = [jpeg(number, 50 + 2 * number) for number in range(20)]
    part10 = make_part10(JPEG, encapsulate(frames, has_bot=has_bot) + END, NumberOfFrames=20, **IMAGE)
    assert frames_of(part10) == frames


def test_extended_offsets(make_part10: MakePart10) -> None:
    frames = [jpeg(number, 60) for number in range(5)]
    pixels, offsets, lengths = encapsulate_extended(frames)
    tables = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    assert frames_of(make_part10(JPEG, pixels + END, NumberOfFrames=5, **tables, **IMAGE)) == frames


def test_fragments_without_table_are_grouped_by_codestream(make_part10: MakePart10) -> None:
    frames = [jpeg(number, 90) for number in range(4)]
    pixels = encapsulate(frames, fragments_per_frame=3, has_bot=False) + END
    assert frames_of(make_part10(JPEG, pixels, NumberOfFrames=4, **IMAGE)) == frames
    assert frames_of(make_part10(JPEG, pixels, **IMAGE)) == [b"".join(frames)]
    rle = [pack("<LL", 1, 64) + bytes(56) + bytes([number]) * 40 for number in range(3)]
    pixels = encapsulate(rle, fragments_per_frame=2, has_bot=False) + END
    assert frames_of(make_part10(RLE, pixels, NumberOfFrames=3, **IMAGE)) == rle


def test_fragments_that_tell_nothing_are_refused(make_part10: MakePart10) -> None:
    pixels = item(b"") + item(b"abcd") * 5 + END
    with pytest.raises(UndecodablePixels):
        frames_of(make_part10(HTJ2K, pixels, NumberOfFrames=3, **IMAGE))


@pytest.mark.parametrize("table", [(0,), (0, 58, 90), (0, 10, 20), (8, 66, 124), (0, 0, 0), (0, 58, 4_000_000)])
def test_a_wrong_offset_table_is_not_believed(make_part10: MakePart10, table: tuple[int, ...]) -> None:
    frames = [jpeg(number, 50) for number in range(3)]
    pixels = item(pack(f"<{len(table)}L", *table)) + b"".join(map(item, frames)) + END
    assert frames_of(make_part10(JPEG, pixels, NumberOfFrames=3, **IMAGE)) == frames


@pytest.mark.parametrize("syntax", [MPEG4, f"{MPEG4}.1"])
def test_video_is_one_frame(make_part10: MakePart10, syntax: str) -> None:
    stream = [bytes([number]) * 500 for number in range(3)]
    pixels = item(b"") + b"".join(map(item, stream)) + END
    assert frames_of(make_part10(syntax, pixels, NumberOfFrames=250, **IMAGE)) == [b"".join(stream)]


def test_of_a_cut_object_the_whole_frames_are_kept(make_part10: MakePart10) -> None:
    frames = [jpeg(number, 50) for number in range(3)]
    part10 = make_part10(JPEG, encapsulate(frames, has_bot=True) + END, NumberOfFrames=3, **IMAGE)
    assert frames_of(part10[:-20]) == frames[:2]
    assert frames_of(part10[:-8]) == frames
    with pytest.raises(UndecodablePixels):
        frames_of(part10[:-150])


class CountingSource:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size_bytes = len(content)
        self.reads: list[int] = []

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append(length)
        return self.content[offset : offset + length]


@pytest.mark.parametrize("has_bot", [True, False])
def test_large_fragments_are_jumped_over(make_part10: MakePart10, has_bot: bool) -> None:
    frames = [jpeg(number, 300_000) for number in range(30)]
    part10 = make_part10(JPEG, encapsulate(frames, has_bot=has_bot) + END, NumberOfFrames=30, **IMAGE)
    header = read_header(BytesSource(part10))
    source = CountingSource(part10)
    assert locate_frames(source, header).number_of_frames == 30
    assert sum(source.reads) < 200_000
    assert len(source.reads) < (15 if has_bot else 35)


def test_small_fragments_are_read_through_in_few_requests(make_part10: MakePart10) -> None:
    frames = [jpeg(number % 256, 5_000) for number in range(2_000)]
    part10 = make_part10(JPEG, encapsulate(frames, has_bot=False) + END, NumberOfFrames=2_000, **IMAGE)
    source = CountingSource(part10)
    table = locate_frames(source, read_header(BytesSource(part10)))
    assert table.number_of_frames == 2_000
    assert len(source.reads) < 15
    assert len(table.pack()) < 1_000


def test_a_broken_table_in_the_index_is_named() -> None:
    for text in ("x", "n:1", "e:5:z!!", "e:1:2,x", "e:1:z" + "AAAA", "q:1:2:3:4"):
        with pytest.raises(UndecodablePixels):
            FrameTable.unpack(text, JPEG)


def test_bytes_from_elsewhere_are_no_frame() -> None:
    table = FrameTable(JPEG, "encapsulated", 1, starts=(100, 200))
    for raw in (b"", bytes(100), item(b"abc")[:-1], item(b"abc") + b"x"):
        with pytest.raises(UndecodablePixels):
            table.frame_bytes(raw, 1)
    with pytest.raises(UndecodablePixels):
        FrameTable(JPEG, "native", 1, 0, 800).frame_bytes(bytes(99), 1)
    assert zlib.crc32(table.frame_bytes(item(b"abcd"), 1)) == zlib.crc32(b"abcd")
