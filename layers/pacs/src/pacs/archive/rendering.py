"""Pictures of instances: rendered frames and thumbnails. Called by functions/dicomweb, frames and deriver.

Source: PS3.18 §10.4.1.1.3 and §10.4.1.1.8.
"""

from dataclasses import dataclass
from typing import Any

from pacs.archive.frames import FrameReader
from pacs.archive.lookup import Instance, Level, find_instance
from pacs.dicom.render import render
from pacs.dicom.transcode import decode_frame
from pacs.errors import ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services

THUMBNAIL_PX = 256


@dataclass(frozen=True)
class Look:
    """How a picture is to look: window (center, width, function), size (width, height) in pixels, format."""

    window: tuple[float, float, str] | None = None
    size: tuple[int, int] | None = None
    format: str = "jpeg"
    quality: int = 90


def render_frame(services: Services, instance: Instance, frame_number: int, look: Look) -> bytes:
    """One frame as a JPEG or PNG picture. Raises NotFound, UndecodablePixels."""
    return render_with(FrameReader(services, instance), instance.transfer_syntax_uid, frame_number, look)


def render_with(reader: FrameReader, transfer_syntax_uid: str, frame_number: int, look: Look) -> bytes:
    dataset: Any = reader.header.dataset
    pixels = decode_frame(reader.stored(frame_number), dataset, transfer_syntax_uid)
    return render(pixels, dataset, window=look.window, size=look.size, format=look.format, quality=look.quality)


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
