"""Is this a recording that somebody has spoken into? Told from its bytes, never from its name. Pure.

Asked at the door of the report API, before anything is paid for. Nothing is decoded: containers are walked, and what
holds no sound says nothing new from one moment to the next, so that it can be packed to next to nothing.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from tinytag import TinyTag, TinyTagException

from pacs.dictation.containers import Broken, mp4_boxes, webm_duration_s, webm_tracks
from pacs.errors import InvalidAudio

Kind = Literal["wav", "mp3", "m4a", "ogg", "webm"]

MEDIA_TYPES: dict[Kind, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
}
SHORTEST_S = 0.3
LONGEST_S = 3 * 3600.0
# Silence packs to some 40 bytes a second beside the headers, in every format; one spoken word to thousands.
SILENT_BYTES, SILENT_BYTES_A_SECOND = 1500, 100
SIDE_BYTES = (36, 21, 13)  # from the start of an MP3 frame to its Xing header, by version and channels
OGG_CODECS = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")


@dataclass(frozen=True)
class Recording:
    """What was found out about a recording."""

    kind: Kind
    duration_s: float

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.kind]


def recognise(body: bytes) -> Recording:
    """The kind and length of a recording. Raises InvalidAudio, saying what it is instead."""
    if not body:
        raise InvalidAudio("the recording is empty", field="audio")
    kind = kind_of(body)
    try:
        duration_s = READERS[kind](body)
    except Broken as error:
        raise InvalidAudio(str(error), field="audio") from error
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        limits = f"{SHORTEST_S} s to {LONGEST_S / 3600:.0f} h"
        raise InvalidAudio(f"the recording takes {duration_s:.1f} s: it takes {limits}", field="audio")
    if len(zlib.compress(body, 6)) < SILENT_BYTES + SILENT_BYTES_A_SECOND * duration_s:
        raise InvalidAudio("the recording is silent", field="audio")
    return Recording(kind, duration_s)


def kind_of(body: bytes) -> Kind:
    """By the first bytes. Raises InvalidAudio for what is none of the five."""
    if body[:4] == b"RIFF" and body[8:12] == b"WAVE":
        return "wav"
    if body[:4] == b"OggS":
        return "ogg"
    if body[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if body[4:8] == b"ftyp":
        return "m4a"
    if body[:3] == b"ID3" or (body[0] == 0xFF and body[1:2] and body[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return "mp3"
    raise InvalidAudio("this is no WAV, MP3, M4A, OGG or WebM, whatever its name says", field="audio")


def wav_duration_s(body: bytes) -> float:
    """Raises Broken."""
    bytes_a_second = 0
    for name, start, size in riff_chunks(body):
        if name == b"fmt " and size >= 16:
            bytes_a_second = int.from_bytes(body[start + 8 : start + 12], "little")
        if name == b"data":
            if not bytes_a_second:
                raise Broken("the recording does not say how it is sampled")
            # Who records to a pipe knows no size and writes the largest.
            if start + size > len(body) and size < 0xFFFFFF00:
                raise Broken("the recording is truncated")
            return min(size, len(body) - start) / bytes_a_second
    raise Broken("the recording is truncated: it ends before its sound")


def riff_chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk."""
    at = 12
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        yield body[at : at + 4], at + 8, size
        at += 8 + size + size % 2


def mp3_duration_s(body: bytes) -> float:
    """Raises Broken."""
    tag = tagged(body, ".mp3")
    if not tag.duration:
        raise Broken("there is no sound in the recording, or it is truncated")
    if missing_bytes(body) > 0:
        raise Broken("the recording is truncated")
    return float(tag.duration)


def missing_bytes(body: bytes) -> int:
    """How much shorter the frames are than the Xing or Info header in the first of them says, if it does."""
    at = max(body.find(b"Xing", 0, 8192), body.find(b"Info", 0, 8192))
    frame = next((at - each for each in SIDE_BYTES if body[at - each : at - each + 1] == b"\xff"), -1)
    if at < 0 or frame < 0 or not body[at + 7 : at + 8] or not body[at + 7] & 2:
        return 0
    size_at = at + 8 + (4 if body[at + 7] & 1 else 0)
    return int.from_bytes(body[size_at : size_at + 4], "big") - (len(body) - frame)


def m4a_duration_s(body: bytes) -> float:
    """Raises Broken."""
    movie = mp4_boxes(body)
    if movie.truncated:
        raise Broken("the recording is truncated")
    if not movie.has_sound:
        raise Broken("there is a film in it and no sound")
    return movie.duration_s


def ogg_duration_s(body: bytes) -> float:
    """Raises Broken."""
    if not any(codec in body[:4096] for codec in OGG_CODECS):
        raise Broken("there is a film in it and no sound")
    last = body.rfind(b"OggS")
    lacing = body[last + 27 : last + 27 + body[last + 26]] if last + 26 < len(body) else b""
    whole = last + 27 + len(lacing) + sum(lacing) == len(body)
    if not lacing or not whole or not body[last + 5] & 4:
        raise Broken("the recording is truncated")
    return float(tagged(body, ".ogg").duration or 0)


def webm_sound_s(body: bytes) -> float:
    """Raises Broken."""
    if "sound" not in webm_tracks(body):
        raise Broken("there is a film in it and no sound")
    return webm_duration_s(body)


def tagged(body: bytes, suffix: str) -> TinyTag:
    try:
        return TinyTag.get(f"recording{suffix}", file_obj=BytesIO(body), tags=False)
    except (TinyTagException, ValueError, IndexError, OverflowError) as error:
        raise Broken("the recording is damaged") from error


READERS: dict[Kind, Callable[[bytes], float]] = {
    "wav": wav_duration_s,
    "mp3": mp3_duration_s,
    "m4a": m4a_duration_s,
    "ogg": ogg_duration_s,
    "webm": webm_sound_s,
}
