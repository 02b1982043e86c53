"""What does an MP4 file hold? Its one video track, as far as DICOM must know it. Called by dicom.wrapping.

Source: ISO/IEC 14496-12 (boxes), ISO/IEC 14496-15 (avcC, hvcC)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pacs.errors import InvalidInstance

# Boxes that hold others on the way to what is asked for.
TRACKS = (b"moov", b"trak")
SAMPLE_TABLE = (b"mdia", b"minf", b"stbl")
H264_HIGH_41 = "1.2.840.10008.1.2.4.102"
H264_HIGH_42 = "1.2.840.10008.1.2.4.104"
HEVC_MAIN_51 = "1.2.840.10008.1.2.4.107"
HEVC_MAIN10_51 = "1.2.840.10008.1.2.4.108"
# profile_idc of baseline, main and high, all of which a decoder of High Profile decodes if baseline is constrained.
H264_PROFILES = (66, 77, 100)
CONSTRAINED = 0x40


@dataclass(frozen=True)
class Video:
    """The video of a file. `transfer_syntax_uid` names the profile and level that it keeps to."""

    transfer_syntax_uid: str
    rows: int
    columns: int
    number_of_frames: int
    frame_time_ms: float


def read_mp4(body: bytes) -> Video:
    """The video track of a file. Raises InvalidInstance when there is none, or none that DICOM has a syntax for."""
    try:
        tracks = [track for track in inside(body, (0, len(body)), TRACKS) if handler(body, track) == b"vide"]
        if len(tracks) != 1:
            raise InvalidInstance("the file has no video track, or more than one", field="files")
        return video_of(body, tracks[0])
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise InvalidInstance("the file is no MP4 file that can be read", field="files") from error


Span = tuple[int, int]


def boxes(body: bytes, span: Span) -> Iterator[tuple[bytes, Span]]:
    """The boxes between two offsets: the type of each, and where its content lies."""
    position, end = span
    while position + 8 <= end:
        size, kind = struct.unpack_from(">L4s", body, position)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", body, position + 8)[0], 16
        size = size or end - position
        if size < head or position + size > end:
            raise InvalidInstance("the file is no MP4 file that can be read", field="files")
        yield kind, (position + head, position + size)
        position += size


def inside(body: bytes, span: Span, path: tuple[bytes, ...]) -> list[Span]:
    """The contents of all boxes at a path of types."""
    spans = [span]
    for wanted in path:
        spans = [content for each in spans for kind, content in boxes(body, each) if kind == wanted]
    return spans


def handler(body: bytes, track: Span) -> bytes:
    found = inside(body, track, (b"mdia", b"hdlr"))
    return body[found[0][0] + 8 : found[0][0] + 12] if found else b""


def video_of(body: bytes, track: Span) -> Video:
    timescale, duration = media_time(body, inside(body, track, (b"mdia", b"mdhd"))[0])
    [table] = inside(body, track, SAMPLE_TABLE)[:1]
    sizes = inside(body, table, (b"stsz",))[0]
    (number_of_frames,) = struct.unpack_from(">L", body, sizes[0] + 8)
    description = inside(body, table, (b"stsd",))[0]
    # Of the description's entries only one may be used; eight bytes go before it.
    kind, entry = next(boxes(body, (description[0] + 8, description[1])))
    columns, rows = struct.unpack_from(">HH", body, entry[0] + 24)
    syntax = syntax_of(kind, dict(boxes(body, (entry[0] + 78, entry[1]))), body)
    if not number_of_frames or not rows or not columns:
        raise InvalidInstance("the video has no frames in one piece", field="files")
    return Video(syntax, rows, columns, number_of_frames, duration / timescale * 1000 / number_of_frames)


def media_time(body: bytes, header: Span) -> tuple[int, int]:
    """Timescale and duration."""
    if body[header[0]] == 1:
        scale, duration = struct.unpack_from(">LQ", body, header[0] + 20)
    else:
        scale, duration = struct.unpack_from(">LL", body, header[0] + 12)
    return scale, duration


def syntax_of(kind: bytes, held: dict[bytes, Span], body: bytes) -> str:
    """The transfer syntax whose profile and level the video keeps to.

    Source: PS3.5 §8.2.7 and §8.2.8
    """
    if kind in (b"avc1", b"avc3") and b"avcC" in held:
        profile, compatible, level = body[held[b"avcC"][0] + 1 : held[b"avcC"][0] + 4]
        good = profile in H264_PROFILES and (profile != 66 or compatible & CONSTRAINED)
        if good and level <= 42:
            return H264_HIGH_41 if level <= 41 else H264_HIGH_42
    if kind in (b"hvc1", b"hev1") and b"hvcC" in held:
        start = held[b"hvcC"][0]
        profile, level = body[start + 1] & 0x1F, body[start + 12]
        if profile in (1, 2) and level <= 153:
            return HEVC_MAIN_51 if profile == 1 else HEVC_MAIN10_51
    known = "H.264 up to High Profile, Level 4.2, or HEVC up to Main 10, Level 5.1"
    raise InvalidInstance(f"videos are {known}", field="files")
