"""Pictures of instances: rendered frames and thumbnails. Called by functions/dicomweb, frames and deriver.

Source: PS3.18 §10.4.1.1.3 and §10.4.1.1.8.
"""

from dataclasses import dataclass
from typing import Any

from pacs.archive.frames import FrameReader
from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.retrieve import read_original_header
from pacs.dicom.render import Format, render
from pacs.dicom.transcode import decode_frame
from pacs.errors import NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services

THUMBNAIL_PX, THUMBNAIL_QUALITY = 256, 80
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


def representative(services: Services, scope: Scope, level: Level) -> Instance:
    """The middle one of a level's images; of a level without images the middle instance. Raises NotFound."""
    instances = find_instances(services.database, scope, level)
    images = [each for each in instances if each.frames] or instances
    return images[len(images) // 2]


def thumbnail(services: Services, scope: Scope, level: Level) -> bytes:
    """A small JPEG of a level's middle image. Raises NotFound, UndecodablePixels."""
    return thumbnail_of(services, representative(services, scope, level))


def thumbnail_of(
    services: Services, instance: Instance, *, size: tuple[int, int] | None = None, frame_number: int | None = None
) -> bytes:
    """A small JPEG of an instance's middle frame, made once, or of another frame or size.

    Raises NotFound, UndecodablePixels.
    """
    reader = FrameReader(services, instance)
    if size or frame_number:
        look = Look(size=size or (THUMBNAIL_PX, THUMBNAIL_PX), quality=THUMBNAIL_QUALITY)
        return render_with(reader, instance.transfer_syntax_uid, frame_number or middle(reader), look)
    try:
        return services.derived.get(instance.path.thumbnail)[1]
    except ObjectNotFound:
        return make_thumbnail(services, instance, reader)


def middle(reader: FrameReader) -> int:
    return (reader.number_of_frames + 1) // 2


def make_thumbnail(services: Services, instance: Instance, reader: FrameReader) -> bytes:
    look = Look(size=(THUMBNAIL_PX, THUMBNAIL_PX), quality=THUMBNAIL_QUALITY)
    picture = render_with(reader, instance.transfer_syntax_uid, middle(reader), look)
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
