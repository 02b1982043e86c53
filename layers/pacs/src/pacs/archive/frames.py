"""Frames: one range of the original, made ready to send once, then served from the derived store.

Called by functions/frames on a miss, by the deriver beforehand, and by rendering. Source: PS3.18 §10.4.1.1.6.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs.archive.lookup import Instance, Level, find_instance, require_same_version
from pacs.archive.source import StoreSource
from pacs.dicom.correcting import corrected_header
from pacs.dicom.frames import FrameTable
from pacs.dicom.header import Header, inflate, read_header
from pacs.dicom.part10 import pixel_word_bytes, swapped
from pacs.dicom.source import ByteSource, BytesSource
from pacs.dicom.transcode import (
    blanked,
    decode_frame,
    encode_frame,
    is_plain,
    little_endian_bytes,
    needs_transcoding,
    to_explicit_little_endian,
)
from pacs.dicomweb.multipart import wrap_single
from pacs.errors import BadRequest, BeingReplaced, NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services

if TYPE_CHECKING:
    from pacs.dicom.transcode import Pixels

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
BITS_ALLOCATED = 0x00280100
INFLATED_LIMIT = 2 << 30


@dataclass(frozen=True)
class Frame:
    """One frame's bytes, and the syntax in which they are sent."""

    body: bytes
    transfer_syntax_uid: str

    @property
    def content_type(self) -> str:
        return f"application/octet-stream; transfer-syntax={self.transfer_syntax_uid}"


class FrameReader:
    """Frames of one original, read by range, or out of `original` when the caller has all of it."""

    def __init__(self, services: Services, instance: Instance, original: bytes | None = None) -> None:
        self._services = services
        self._instance = instance
        self.table: FrameTable = instance.frame_table
        self._original = original
        self._inflated: bytes | None = None
        self._header: Header | None = None
        self._kept: tuple[int, bytes] | None = None  # the frame read last: it is looked at before it is sent

    @property
    def number_of_frames(self) -> int:
        return self.table.number_of_frames

    @property
    def size_bytes(self) -> int:
        """Of what `read` reads."""
        if self._instance.transfer_syntax_uid == DEFLATED:
            self.read(0, 0)
            return len(self._inflated or b"")
        return self._instance.size_bytes

    @property
    def header(self) -> Header:
        """What is told of the patient instead stands in it."""
        if self._header is None:
            self._header = read_header(self._source())
            if self._instance.correction:
                self._header = corrected_header(self._header, self._instance.correction, self.read)
        return self._header

    def _source(self) -> ByteSource:
        if self._original is not None:
            return BytesSource(self._original)
        source = StoreSource(self._services.originals, self._instance.object_key)
        require_same_version(self._instance, source.info)
        return source

    def stored(self, frame_number: int) -> bytes:
        """The bytes of a frame in the stored syntax (inflated, when that is the deflated one)."""
        if not 1 <= frame_number <= self.number_of_frames:
            raise NotFound("no such frame", field="frames")
        if self._kept is None or self._kept[0] != frame_number:
            offset, length = self.table.range_of(frame_number)
            self._kept = frame_number, self.table.frame_bytes(self.read(offset, length), frame_number)
        return self._kept[1]

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes of the original, of a deflated one as if it had been stored inflated."""
        if self._instance.transfer_syntax_uid == DEFLATED:
            if self._inflated is None:
                original = self._original or self._services.originals.get(self._instance.object_key)[1]
                self._inflated = inflate(original, limit_bytes=INFLATED_LIMIT)
            return self._inflated[offset : offset + length]
        if self._original is not None:
            return self._original[offset : offset + length]
        return self._services.originals.read(self._instance.object_key, offset, length)

    def sendable(self, frame_number: int) -> Frame:
        """A frame as viewers can decode it: as stored, or transcoded. Raises NotFound, UndecodablePixels."""
        if self._instance.masks:
            return self.decoded(frame_number)
        syntax = self._instance.transfer_syntax_uid
        stored = self.stored(frame_number)
        if not is_plain(self.header) and needs_transcoding(self.header.dataset, syntax, stored):
            return self.decoded(frame_number)
        return self.as_stored(frame_number)

    def as_stored(self, frame_number: int) -> Frame:
        """A frame in its stored syntax, of a deflated original in the one it is deflated from. Raises NotFound."""
        syntax = self._instance.transfer_syntax_uid
        return Frame(self.stored(frame_number), EXPLICIT_LITTLE_ENDIAN if syntax == DEFLATED else syntax)

    def decoded(self, frame_number: int) -> Frame:
        """A frame uncompressed. Raises NotFound, UndecodablePixels."""
        if self._instance.masks:
            return Frame(little_endian_bytes(self.pixels(frame_number)), EXPLICIT_LITTLE_ENDIAN)
        syntax = self._instance.transfer_syntax_uid
        stored, vr = self.decodable(frame_number)
        body, _changed = to_explicit_little_endian(stored, self.header.dataset, syntax, vr)
        return Frame(body, EXPLICIT_LITTLE_ENDIAN)

    def unswapped(self, frame_number: int) -> Frame:
        """An uncompressed frame in little endian. Its samples, bits and planes stay as the metadata tell of them.

        Raises NotFound.
        """
        stored, vr = self.decodable(frame_number)
        if self._instance.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN:
            stored = swapped(stored, pixel_word_bytes(self.header, vr))
        return Frame(stored, EXPLICIT_LITTLE_ENDIAN)

    def pixels(self, frame_number: int) -> "Pixels":
        """A frame as an array of its samples, blank where it is masked. Raises NotFound, UndecodablePixels."""
        syntax = self._instance.transfer_syntax_uid
        stored, vr = self.decodable(frame_number)
        pixels = decode_frame(stored, self.header.dataset, syntax, vr)
        return blanked(pixels, self._instance.masks) if self._instance.masks else pixels

    def decodable(self, frame_number: int) -> tuple[bytes, str]:
        """A stored frame with the VR that a decoder is told.

        Bytes in big-endian words stand in swapped pairs, and a pair may belong to two frames: PS3.5 §8.1.1.
        """
        stored, vr = self.stored(frame_number), self.pixel_vr
        bits = self.header.root.integer(BITS_ALLOCATED)
        if self._instance.transfer_syntax_uid != EXPLICIT_BIG_ENDIAN or vr != "OW" or bits not in (1, 8):
            return stored, vr
        offset, length = self.table.range_of(frame_number)
        before = (offset - self.table.offset) % 2
        pairs = bytearray(self.read(offset - before, before + length + (before + length) % 2))
        pairs += bytes(len(pairs) % 2)
        pairs[0::2], pairs[1::2] = pairs[1::2], pairs[0::2]
        return self.table.frame_bytes(bytes(pairs[before : before + length]), frame_number), "OB"

    @property
    def pixel_vr(self) -> str:
        """OB, OW …, where the object says so itself."""
        vr = self.header.pixel_data.vr if self.header.pixel_data else ""
        return vr if len(vr) == 2 else ""

    def encoded(self, frame_number: int, transfer_syntax_uid: str) -> Frame:
        """A frame in a syntax that a client asked for. Raises NotFound, UndecodablePixels, NotAcceptable."""
        if transfer_syntax_uid == EXPLICIT_LITTLE_ENDIAN:
            decode = self.table.kind == "encapsulated" or self._instance.masks
            return self.decoded(frame_number) if decode else self.unswapped(frame_number)
        stored = self._instance.transfer_syntax_uid
        body = encode_frame(self.pixels(frame_number), self.header.dataset, stored, transfer_syntax_uid)
        return Frame(body, transfer_syntax_uid)


@dataclass(frozen=True)
class ReadyFrame:
    """A frame as it lies in the derived store. `etag` is that of the object, which the edge tells too."""

    body: bytes
    content_type: str
    etag: str


def wrapped(frame: Frame) -> tuple[bytes, str]:
    """A frame as the one part of a multipart body, and the Content-Type of the whole."""
    return wrap_single(frame.body, frame.content_type)


def make_frame(services: Services, instance: Instance, reader: FrameReader, frame_number: int) -> ReadyFrame:
    """One frame ready to send: from the derived store, or made and written back.

    Raises NotFound, UndecodablePixels, BeingReplaced.
    """
    key = instance.path.frame(frame_number)
    try:
        info, body = services.derived.get(key)
        return ReadyFrame(body, info.content_type, info.etag)
    except ObjectNotFound:
        body, content_type = wrapped(reader.sendable(frame_number))
    etag = services.derived.put(key, body, content_type=content_type)
    take_back_if_outdated(services, instance, key)
    return ReadyFrame(body, content_type, etag)


def take_back_if_outdated(services: Services, instance: Instance, key: str) -> None:
    """Delete what was made of an instance when that was deleted or replaced meanwhile.

    Asked after it is written: what the index loses later is taken away by whoever deletes or replaces it.
    Raises NotFound, BeingReplaced.
    """
    path = instance.path
    level = Level(path.study, path.series, path.instance)
    try:
        now = find_instance(services.database, Scope(path.organization_id, "system"), level)
        if now.sha256 != instance.sha256:
            raise BeingReplaced("this instance was replaced in this moment: ask again")
    except (NotFound, BeingReplaced):
        services.derived.delete(key)
        raise


def parse_frame_list(text: str) -> list[int]:
    """`1,4,9` as numbers from 1. Raises BadRequest."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 1 << 31 for part in parts):
        raise BadRequest("frames must be numbers from 1, joined by commas", field="frames")
    return [int(part) for part in parts]
