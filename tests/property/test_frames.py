"""Frames out of the table are pydicom's own, for every transfer syntax, table and way of cutting into fragments."""

import io
from itertools import accumulate, pairwise
from random import Random
from struct import pack

import pydicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID, AllTransferSyntaxes

from pacs.dicom.frames import FrameTable, locate_frames
from pacs.dicom.header import inflate, read_header
from pacs.dicom.source import BytesSource
from pacs.errors import PacsError

NATIVE = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
VIDEO = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.7")
REFERENCED = ("1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.4.205")
COMPRESSED = [
    str(each)
    for each in AllTransferSyntaxes
    if each not in NATIVE and not each.startswith(VIDEO) and each not in REFERENCED
]


def part10(transfer_syntax_uid: str, dataset: Dataset, tail: bytes = b"") -> bytes:
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.2.3.4"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    target = io.BytesIO()
    pydicom.dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue() + tail


def frames_of(content: bytes) -> list[bytes]:
    header = read_header(BytesSource(content))
    table = locate_frames(BytesSource(content), header)
    assert FrameTable.unpack(table.pack(), header.transfer_syntax_uid) == table
    if header.deflated:
        content = inflate(content, 1_000_000)
    ranges = [table.range_of(number) for number in range(1, table.number_of_frames + 1)]
    return [table.frame_bytes(content[at : at + length], number) for number, (at, length) in enumerate(ranges, 1)]


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + pack("<L", len(content)) + content


@st.composite
def codestreams(draw: st.DrawFn) -> list[list[bytes]]:
    """Frames as lists of fragments; each begins and ends as a JPEG does, and not elsewhere."""
    frames = []
    for _ in range(draw(st.integers(1, 8))):
        body = draw(st.binary(min_size=10, max_size=200)).replace(b"\xff", b"\0")
        whole = b"\xff\xd8\xff\xe0" + body + bytes(len(body) % 2) + b"\xff\xd9"
        cuts = sorted(draw(st.sets(st.integers(2, len(whole) // 2 - 6), max_size=4)))
        edges = [0, *(2 * cut for cut in cuts), len(whole)]
        frames.append([whole[begin:end] for begin, end in pairwise(edges)])
    return frames


@given(codestreams(), st.sampled_from(COMPRESSED), st.sampled_from(["basic", "extended", "none"]), st.booleans())
def test_encapsulated_frames(frames: list[list[bytes]], transfer_syntax_uid: str, table: str, delimited: bool) -> None:
    if table == "extended":  # which allows one fragment a frame
        frames = [[b"".join(fragments)] for fragments in frames]
    sizes = [sum(8 + len(fragment) for fragment in fragments) for fragments in frames]
    offsets = [0, *accumulate(sizes)][:-1]
    dataset = Dataset()
    dataset.NumberOfFrames = len(frames)
    extended = None
    if table == "extended":
        extended = (pack(f"<{len(offsets)}Q", *offsets), pack(f"<{len(sizes)}Q", *(size - 8 for size in sizes)))
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = extended
    basic = pack(f"<{len(offsets)}L", *offsets) if table == "basic" else b""
    pixels = item(basic) + b"".join(item(fragment) for fragments in frames for fragment in fragments)
    end = b"\xfe\xff\xdd\xe0\0\0\0\0" if delimited else b""
    content = part10(transfer_syntax_uid, dataset, b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + pixels + end)
    expected = list(generate_frames(pixels, number_of_frames=len(frames), extended_offsets=extended))
    assert frames_of(content) == expected == [b"".join(fragments) for fragments in frames]


@given(
    st.sampled_from(NATIVE),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)),
    st.sampled_from([("MONOCHROME2", 1, 1), ("MONOCHROME2", 1, 8), ("MONOCHROME2", 1, 16), ("PALETTE COLOR", 1, 32)])
    | st.sampled_from([("RGB", 3, 8), ("RGB", 3, 16), ("YBR_FULL", 3, 8), ("YBR_FULL_422", 3, 8)]),
    st.randoms(use_true_random=False),
)
def test_native_frames(
    transfer_syntax_uid: str, shape: tuple[int, int, int], kind: tuple[str, int, int], random: Random
) -> None:
    rows, columns, number_of_frames = shape
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel, dataset.BitsAllocated = kind
    columns *= 2 if kind[0] == "YBR_FULL_422" else 1
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, number_of_frames
    dataset.BitsStored, dataset.PixelRepresentation = kind[2], 0
    if kind[1] == 3:
        dataset.PlanarConfiguration = 0
    length = get_expected_length(dataset)
    dataset.PixelData = pixels = random.randbytes(length + length % 2)
    frame_length = length // number_of_frames
    frames = frames_of(part10(transfer_syntax_uid, dataset))
    assert len(frames) == number_of_frames
    for index, frame in enumerate(frames):
        if kind[2] == 1:
            bits = rows * columns
            whole = int.from_bytes(pixels, "little") >> index * bits
            assert int.from_bytes(frame, "little") == whole & ((1 << bits) - 1)
        else:
            assert frame == pixels[index * frame_length :][:frame_length]


@given(st.binary(max_size=400), st.sampled_from(COMPRESSED), st.integers(-1, 5))
def test_garbage_is_refused_or_read_but_never_breaks(garbage: bytes, transfer_syntax_uid: str, count: int) -> None:
    dataset = Dataset()
    dataset.NumberOfFrames = count
    tail = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0" + garbage
    try:
        frames_of(part10(transfer_syntax_uid, dataset, tail))
    except PacsError as error:
        assert error.message
