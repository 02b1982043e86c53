"""What tracks are in an MP4 or WebM file, how long do they take, and is the file whole? Pure; asked by audio.

Browsers record to both without knowing how long it will take: durations are added up from the pieces.
Source: ISO/IEC 14496-12; RFC 8794 (EBML); RFC 9559 (Matroska)
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CONTAINERS = (b"moov", b"trak", b"mdia", b"moof", b"traf", b"mvex", b"minf", b"stbl")
# Matroska elements, by their identifiers.
SEGMENT, CLUSTER, TRACKS, TRACK_ENTRY, INFO = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0x1549A966
TRACK_TYPE, TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0x83, 0xE7, 0xA3, 0xA0, 0xA1
TIMESTAMP_SCALE, DURATION = 0x2AD7B1, 0x4489
PARENTS = (SEGMENT, CLUSTER, TRACKS, TRACK_ENTRY, INFO, BLOCK_GROUP)
DEFAULT_SCALE_NS = 1_000_000
DEEPEST = 8


Number = Callable[..., int]  # of an offset in a box, and a size


class Broken(Exception):
    """What is wrong with a file, in words for its sender."""


@dataclass
class Movie:
    """What an MP4 file holds. `duration_s` is that of its sound."""

    has_sound: bool = False
    truncated: bool = False
    duration_s: float = 0.0


@dataclass
class Track:
    number: int = 0
    scale: int = 0
    units: int = 0
    is_sound: bool = False
    sample_units: int = 0


def boxes(body: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the content and end of each box; one that passes the end has the end that it should have."""
    at = start
    while at + 8 <= end:
        size, header = int.from_bytes(body[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(body[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < header:
            raise Broken("the recording is damaged")
        yield body[at + 4 : at + 8], at + header, at + size
        at += size


def mp4_boxes(body: bytes) -> Movie:
    """Walk the boxes of a file, and those of its fragments. Raises Broken."""
    movie, tracks = Movie(), [Track()]
    seen: set[bytes] = set()

    def walk(start: int, end: int, depth: int) -> None:
        for kind, at, stop in boxes(body, start, end):
            seen.add(kind)
            if stop > len(body):
                movie.truncated = True
                return
            if kind == b"trak":
                tracks.append(Track())
            if kind in CONTAINERS and depth < DEEPEST:
                walk(at, stop, depth + 1)
            else:
                read_box(body, kind, at, tracks)

    walk(0, len(body), 0)
    movie.truncated = movie.truncated or not {b"moov", b"mdat"} <= seen
    sound = [track for track in tracks if track.is_sound]
    movie.has_sound = bool(sound)
    if sound and sound[0].scale:
        movie.duration_s = sound[0].units / sound[0].scale
    return movie


def read_box(body: bytes, kind: bytes, at: int, tracks: list[Track]) -> None:
    """Take what one box says of a track: of the last one, or in a fragment of the one that it names."""

    def number(offset: int, size: int = 4) -> int:
        return int.from_bytes(body[at + offset : at + offset + size], "big")

    track = tracks[-1]
    wide = number(0, 1) == 1
    if kind == b"tkhd":
        track.number = number(20 if wide else 12)
    elif kind == b"mdhd":
        track.scale, track.units = (number(20), number(24, 8)) if wide else (number(12), number(16))
    elif kind == b"hdlr":
        track.is_sound = track.is_sound or body[at + 8 : at + 12] == b"soun"
    elif kind == b"trex":
        for each in tracks:
            if each.number == number(4):
                each.sample_units = number(12)
    elif kind == b"tfhd":
        read_fragment_header(tracks, number)
    elif kind == b"trun":
        track.units += run_units(number, track.sample_units)


def read_fragment_header(tracks: list[Track], number: Number) -> None:
    """The track that a fragment goes on is made the last one, with the fragment's length of a sample."""
    flags, wanted = number(1, 3), number(4)
    found = next((each for each in tracks if each.number == wanted), tracks[-1])
    tracks.remove(found)
    tracks.append(found)
    offset = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
    if flags & 8:
        found.sample_units = number(offset)


def run_units(number: Number, sample_units: int) -> int:
    """How long the samples of one run take together."""
    flags, count = number(1, 3), number(4)
    if not flags & 0x100:
        return count * sample_units
    offset = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    step = 4 * (flags & 0xF00).bit_count()
    return sum(number(offset + step * each) for each in range(min(count, 1 << 20)))


def variable(body: bytes, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """A number of variable size, and how many bytes it has; all ones mean unknown and give -1. Raises Broken."""
    if at >= len(body) or not body[at]:
        raise Broken("the recording is truncated" if at >= len(body) else "the recording is damaged")
    size = 9 - body[at].bit_length()
    value = int.from_bytes(body[at : at + size], "big")
    if keep_marker:
        return value, size
    value &= (1 << 7 * size) - 1
    return (-1 if value == (1 << 7 * size) - 1 else value), size


def elements(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and end of every element, parents before what they hold. Raises Broken.

    What has no known size, as browsers write segments and clusters, ends where its next sibling begins: parents are
    stepped into and never stepped over.
    """
    at = 0
    while at < len(body):
        name, name_size = variable(body, at, keep_marker=True)
        size, size_size = variable(body, at + name_size)
        start = at + name_size + size_size
        end = len(body) if size < 0 else start + size
        if end > len(body):
            raise Broken("the recording is truncated")
        if size < 0 and name not in PARENTS:
            raise Broken("the recording is damaged")
        yield name, start, end
        at = start if name in PARENTS else end


def webm_tracks(body: bytes) -> set[str]:
    """ "sound", "film". Raises Broken."""
    kinds = {1: "film", 2: "sound"}
    found = (body[start] for name, start, _ in elements(body) if name == TRACK_TYPE)
    return {kinds.get(each, "other") for each in found}


def webm_duration_s(body: bytes) -> float:
    """What the file says, or when its last block begins. Raises Broken."""
    scale, cluster, last, told = DEFAULT_SCALE_NS, 0, 0, 0.0
    for name, start, end in elements(body):
        if name == TIMESTAMP_SCALE:
            scale = int.from_bytes(body[start:end], "big")
        elif name == DURATION:
            told = struct.unpack(">d" if end - start == 8 else ">f", body[start:end])[0]
        elif name == TIMESTAMP:
            cluster = int.from_bytes(body[start:end], "big")
        elif name in (SIMPLE_BLOCK, BLOCK):
            _, size = variable(body, start)
            last = max(last, cluster + int.from_bytes(body[start + size : start + size + 2], "big", signed=True))
    return max(told, last) * scale / 1e9
