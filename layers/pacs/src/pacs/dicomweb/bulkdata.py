"""Instances that come as metadata with their bulk data in parts of their own: makes Part 10 files of them.

Called by entry.stow.

Source: PS3.18 §10.5.2 and §8.7.3
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Any

import orjson
from pydicom.uid import AllTransferSyntaxes

from pacs.dicom.encoding import element_head, encode_dataset, encode_part10_head, encode_value, tag_of
from pacs.dicomweb.media import DICOM_JSON, ContentType, parse_content_type
from pacs.dicomweb.multipart import MEMORY_BYTES, ReceivedPart, spooled
from pacs.dicomweb.native_reading import read_native
from pacs.errors import BadRequest, InvalidInstance, PayloadTooLarge, UnknownTransferSyntax

DICOM_XML = "application/dicom+xml"
METADATA_BYTES_MAX = 64 << 20
VALUE_BYTES_MAX = 256 << 20  # of bulk data that is no pixel data
PIECE_BYTES = 1 << 20
EXPLICIT_LITTLE, IMPLICIT_LITTLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
OCTETS = "application/octet-stream"
# What a part is in when its Content-Type names no transfer syntax. Source: PS3.18 Tables 8.7.3-2 and 8.7.3-5
DEFAULT_SYNTAX = {
    OCTETS: EXPLICIT_LITTLE,
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "video/mp4": "1.2.840.10008.1.2.4.102",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
}
# Start of frame → transfer syntax: what calls itself image/jpeg is mostly not the standard's default.
JPEG_FRAMES = {0xC0: "1.2.840.10008.1.2.4.50", 0xC1: "1.2.840.10008.1.2.4.51", 0xC3: "1.2.840.10008.1.2.4.70"}
TRANSFER_SYNTAX_UID, SOP_CLASS_UID, SOP_INSTANCE_UID = "00020010", "00080016", "00080018"
NUMBER_OF_FRAMES = "00280008"
SPECIFIC_CHARACTER_SET = 0x00080005
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
PIXEL_VRS = frozenset(("OB", "OD", "OF", "OW"))
ENCAPSULATED = frozenset(str(uid) for uid in AllTransferSyntaxes if uid.is_encapsulated and "JPIP" not in uid.name)
# One stream, however many frames it has.
VIDEO = frozenset(str(uid) for uid in AllTransferSyntaxes if "MPEG" in uid.name or "HEVC" in uid.name)

Json = dict[str, Any]


@dataclass(frozen=True)
class Pixels:
    """The pixel data of an instance: one body, or one a frame when it is encapsulated."""

    tag: int
    vr: str
    transfer_syntax_uid: str
    bodies: tuple[bytes | Path, ...]

    @property
    def encapsulated(self) -> bool:
        return self.transfer_syntax_uid != EXPLICIT_LITTLE


def read_metadata(part: ReceivedPart, media_type: str) -> list[Json]:
    """The datasets of one metadata part. Raises BadRequest, PayloadTooLarge."""
    if isinstance(part.body, Path) and part.body.stat().st_size > METADATA_BYTES_MAX:
        raise PayloadTooLarge(f"metadata of more than {METADATA_BYTES_MAX >> 20} MB")
    content = part.body.read_bytes() if isinstance(part.body, Path) else part.body
    if media_type == DICOM_XML:
        return [read_native(content)]
    try:
        documents = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest("the metadata is no JSON") from error
    documents = documents if isinstance(documents, list) else [documents]
    if not all(isinstance(each, dict) for each in documents):
        raise BadRequest("the metadata is no list of datasets")
    return documents


def read_request(parts: Iterable[ReceivedPart], media_type: str) -> tuple[list[Json], "BulkData"]:
    """The datasets of a request and what its other parts hold. Raises BadRequest, PayloadTooLarge."""
    documents: list[Json] = []
    bulk = BulkData()
    for part in parts:
        content_type = parse_content_type(part.content_type or OCTETS)
        if content_type.media_type in (media_type, DICOM_JSON, DICOM_XML):
            documents += read_metadata(part, content_type.media_type)
        elif not part.headers.get("content-location"):
            raise BadRequest("a part of bulk data has no Content-Location", field="Content-Location")
        else:
            bulk.add(part.headers["content-location"], part.body, content_type)
    return documents, bulk


class BulkData:
    """The parts of a request by their Content-Location; frames of one instance may share one."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[bytes | Path, ContentType]]] = defaultdict(list)

    def add(self, location: str, body: bytes | Path, content_type: ContentType) -> None:
        self._parts[location].append((body, content_type))

    def parts(self, uri: str) -> list[tuple[bytes | Path, ContentType]]:
        """Raises InvalidInstance when no part has this Content-Location."""
        if uri not in self._parts:
            raise InvalidInstance("no part has the Content-Location of its BulkDataURI")
        return self._parts[uri]

    def value(self, uri: str) -> bytes:
        """The bytes of a value that is no pixel data."""
        parts = self.parts(uri)
        body = parts[0][0]
        if len(parts) > 1 or size_of(body) > VALUE_BYTES_MAX:
            raise InvalidInstance(f"bulk data must be one part of at most {VALUE_BYTES_MAX >> 20} MB")
        return body.read_bytes() if isinstance(body, Path) else body


def compose(document: Json, bulk: BulkData, folder: Path) -> bytes | Path:
    """The Part 10 file of a dataset; a large one is a new file in the folder.

    Raises InvalidInstance, which names what is wrong, UnknownTransferSyntax, StoreUnavailable.
    """
    known = {tag_of(key): value for key, value in document.items()}
    tag = next((each for each in PIXELS if each in known), 0)
    pixels = pixels_of(document, tag, known[tag], bulk) if tag else None
    # Whatever the dataset was written in once: what JSON and XML bring is Unicode, which `encode_dataset` tells.
    known[SPECIFIC_CHARACTER_SET] = None
    before = {f"{each:08X}": value for each, value in known.items() if each < PIXELS[0]}
    after = {f"{each:08X}": value for each, value in known.items() if each > PIXELS[-1]}
    syntax = pixels.transfer_syntax_uid if pixels else EXPLICIT_LITTLE
    head = encode_part10_head(text_of(document, SOP_CLASS_UID), text_of(document, SOP_INSTANCE_UID), syntax)
    encoded = [head + encode_dataset(before, bulk.value), encode_dataset(after, bulk.value)]
    return spooled(pieces(encoded[0], pixels, encoded[1]), folder, MEMORY_BYTES)


def pieces(before: bytes, pixels: Pixels | None, after: bytes) -> Iterator[bytes]:
    yield before
    if pixels:
        yield from pixel_pieces(pixels)
    yield after


def pixel_pieces(pixels: Pixels) -> Iterator[bytes]:
    """The element of pixel data, its bodies in pieces. Source: PS3.5 §A.4"""
    if not pixels.encapsulated:
        (body,) = pixels.bodies
        yield element_head(pixels.tag, pixels.vr, even(size_of(body)))
        yield from padded(body)
        return
    yield element_head(pixels.tag, "OB", 0xFFFFFFFF) + pack("<HHL", 0xFFFE, 0xE000, 0)
    for body in pixels.bodies:
        yield pack("<HHL", 0xFFFE, 0xE000, even(size_of(body)))
        yield from padded(body)
    yield pack("<HHL", 0xFFFE, 0xE0DD, 0)


def padded(body: bytes | Path) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    else:
        with body.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    if size_of(body) % 2:
        yield b"\0"


def even(size_bytes: int) -> int:
    if size_bytes >= 0xFFFFFFFE:
        raise InvalidInstance("a value of pixel data is larger than an element can be")
    return size_bytes + size_bytes % 2


def size_of(body: bytes | Path) -> int:
    return len(body) if isinstance(body, bytes) else body.stat().st_size


def pixels_of(document: Json, tag: int, attribute: Any, bulk: BulkData) -> Pixels:
    path = f"{tag:08X}"
    announced = text_of(document, TRANSFER_SYNTAX_UID)
    uri = attribute.get("BulkDataURI") if isinstance(attribute, dict) else None
    if isinstance(uri, str):
        vr, _ = encode_value({"vr": attribute.get("vr")}, bulk.value, path)
        parts = bulk.parts(uri)
        bodies = tuple(body for body, _ in parts)
        syntax = kept_syntax(syntax_of(*parts[0], announced))
    else:
        vr, value = encode_value(attribute, bulk.value, path)
        bodies = (value,)
        syntax = kept_syntax(announced or EXPLICIT_LITTLE)
    if vr not in PIXEL_VRS:
        raise InvalidInstance(f"{path}: pixel data is not of the VR {vr}", field=path)
    frames = 1 if syntax == EXPLICIT_LITTLE or syntax in VIDEO else frames_of(document)
    if len(bodies) != frames:
        raise InvalidInstance(f"{path}: {frames} parts are needed, {len(bodies)} came", field=path)
    return Pixels(tag, vr, syntax, bodies)


def syntax_of(body: bytes | Path, content_type: ContentType, announced: str) -> str:
    """The transfer syntax of a part: what it says, what the metadata says, or what is usual for its media type."""
    named = content_type.parameters.get("transfer-syntax", announced)
    if named:
        return named
    if content_type.media_type == "image/jpeg":
        return jpeg_syntax(next(padded(body), b""))
    return DEFAULT_SYNTAX.get(content_type.media_type, "")


def jpeg_syntax(start: bytes) -> str:
    """By the first start-of-frame marker. Source: ISO/IEC 10918-1 §B.1.1.3"""
    position = 2
    while start[position : position + 1] == b"\xff" and position + 4 <= len(start):
        marker = start[position + 1]
        if marker in JPEG_FRAMES:
            return JPEG_FRAMES[marker]
        position += 2 + int.from_bytes(start[position + 2 : position + 4], "big")
    return DEFAULT_SYNTAX["image/jpeg"]


def kept_syntax(uid: str) -> str:
    """What the instance will be in. Raises UnknownTransferSyntax for what bulk data does not come in."""
    if uid in (EXPLICIT_LITTLE, IMPLICIT_LITTLE):
        return EXPLICIT_LITTLE
    if uid in ENCAPSULATED:
        return uid
    raise UnknownTransferSyntax("7FE00010: the transfer syntax is missing or unknown", field="7FE00010")


def frames_of(document: Json) -> int:
    text = text_of(document, NUMBER_OF_FRAMES)
    return int(text) if text.isdecimal() else 1


def text_of(document: Mapping[str, Any], key: str) -> str:
    """The first value of an attribute as text; empty when it has none."""
    attribute = document.get(key)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return str(values[0]).strip() if isinstance(values, list) and values and values[0] is not None else ""
