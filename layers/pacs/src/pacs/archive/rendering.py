"""Pictures of instances: rendered frames and thumbnails. Called by functions/dicomweb, frames and deriver.

Source: PS3.18 §10.4.1.1.3 and §10.4.1.1.8.
"""

from dataclasses import dataclass
from typing import Any

from pacs.archive.frames import FrameReader
from pacs.archive.lookup import Instance, Level, find_instance
from pacs.archive.retrieve import read_original_header
from pacs.dicom.render import Format, render
from pacs.dicom.transcode import decode_frame
from pacs.errors import NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services

THUMBNAIL_PX = 256
ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
ENCAPSULATED_DOCUMENT = "00420011"
DOCUMENT_MEDIA_TYPE, DOCUMENT_LENGTH = 0x00420012, 0x00420015
# MPEG-2, MPEG-4 and HEVC. Source: PS3.5 §A.4.5 to §A.4.9.
VIDEO_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))


@dataclass(frozen=True)
class Look:
    """How a picture is to look: window (center, width, function), size (width, height) in pixels, format."""

    window: tuple[float, float, str] | None = None
    size: tuple[int, int] | None = None
    format: Format = "jpeg"
    quality: int = 90


def render_frame(services: Services, instance: Instance, frame_number: int, look: Look) -> bytes:
    """One frame as a JPEG or PNG picture. Raises NotFound, UndecodablePixels."""
    return render_with(FrameReader(services, instance), instance.transfer_syntax_uid, frame_number, look)


def render_with(reader: FrameReader, transfer_syntax_uid: str, frame_number: int, look: Look) -> bytes:
    dataset: Any = reader.header.dataset
    pixels = decode_frame(reader.stored(frame_number), dataset, transfer_syntax_uid)
    return render(
        pixels,
        dataset,
        window=look.window,
        size=look.size,
        format=look.format,
        quality=look.quality,
        frame_number=frame_number,
    )


def thumbnail(services: Services, scope: Scope, level: Level) -> bytes:
    """A small JPEG of an instance's middle frame, made once. Raises NotFound, UndecodablePixels."""
    instance = find_instance(services.database, scope, level)
    try:
        return services.derived.get(instance.path.thumbnail)[1]
    except ObjectNotFound:
        return make_thumbnail(services, instance, FrameReader(services, instance))


def make_thumbnail(services: Services, instance: Instance, reader: FrameReader) -> bytes:
    middle = (reader.number_of_frames + 1) // 2
    look = Look(size=(THUMBNAIL_PX, THUMBNAIL_PX), quality=80)
    picture = render_with(reader, instance.transfer_syntax_uid, middle, look)
    services.derived.put(instance.path.thumbnail, picture, content_type="image/jpeg")
    return picture


@dataclass(frozen=True)
class Document:
    """An encapsulated document as it was put in."""

    body: bytes
    content_type: str


def retrieve_document(services: Services, instance: Instance) -> Document | None:
    """The document inside an encapsulated document (PDF, CDA, STL …); None for other instances."""
    if not instance.sop_class_uid.startswith(ENCAPSULATED):
        return None
    source, header = read_original_header(services, instance)
    found = header.locate(ENCAPSULATED_DOCUMENT)
    if found is None:
        raise NotFound("the instance holds no document")
    body = source.read(found.offset, found.length)
    length = header.root.integer(DOCUMENT_LENGTH)
    media_type = header.root.text(DOCUMENT_MEDIA_TYPE) or "application/pdf"
    return Document(body[:length] if length else body, media_type)


def stored_video(services: Services, instance: Instance) -> str | None:
    """The key in the derived store of an instance's video stream, made when it is not there; None: no video."""
    if instance.transfer_syntax_uid not in VIDEO_SYNTAXES:
        return None
    key = instance.path.video
    try:
        services.derived.head(key)
    except ObjectNotFound:
        services.derived.put(key, FrameReader(services, instance).stored(1), content_type="video/mp4")
    return key
