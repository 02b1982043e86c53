"""Pictures of instances: rendered frames and thumbnails. Called by functions/dicomweb, frames and deriver.

Source: PS3.18 §10.4.1.1.3 and §10.4.1.1.8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs.archive.frames import FrameReader, take_back_if_outdated
from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.retrieve import read_original_header
from pacs.dicom.annotating import Texts, annotated, texts_of
from pacs.dicom.colouring import NONE, profile_in
from pacs.dicom.json import little_endian
from pacs.dicom.render import Format, Region, animate, draw, number, profile_of, render
from pacs.dicom.transcode import VIDEO, video_media_type
from pacs.errors import BadRequest, NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import ObjectInfo, Services

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom.dataset import Dataset

THUMBNAIL_PX, THUMBNAIL_QUALITY = 256, 80
ANIMATED_FRAMES_MAX, ANIMATED_PX = 300, 512
ANIMATED_PIXELS_MAX = ANIMATED_FRAMES_MAX * ANIMATED_PX**2  # more than these are fitted, unless a size is asked for
DEFAULT_FRAME_MS, FASTEST_FRAME_MS = 100, 20
# Palettes, segmented ones, and the data of lookup tables. Source: PS3.6 §6
TABLES = frozenset((0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283006))
TABLE_MAX_BYTES = 1 << 20
ICC_PROFILE, PROFILE_MAX_BYTES = 0x00282000, 8 << 20
ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
ENCAPSULATED_DOCUMENT = "00420011"
DOCUMENT_MEDIA_TYPE, DOCUMENT_LENGTH = 0x00420012, 0x00420015


@dataclass(frozen=True)
class Look:
    """How a picture is to look: window (center, width, function), size in pixels and region (see `render`), format,
    what is written into it (see dicom.annotating), its colour profile (see dicom.colouring).
    """

    window: tuple[float, float, str] | None = None
    size: tuple[int, int] | None = None
    region: Region | None = None
    format: Format = "jpeg"
    quality: int = 90
    annotation: Sequence[str] = ()
    profile: str = ""


def render_frame(services: Services, instance: Instance, frame_number: int, look: Look) -> bytes:
    """One frame as a picture. Raises NotFound, UndecodablePixels."""
    return render_with(FrameReader(services, instance), frame_number, look)


def render_with(reader: FrameReader, frame_number: int, look: Look) -> bytes:
    return render(
        reader.pixels(frame_number),
        dataset_with_tables(reader),
        window=look.window,
        size=look.size,
        format=look.format,
        quality=look.quality,
        frame_number=frame_number,
        region=look.region,
        texts=texts_for(reader, frame_number, look),
        profile=look.profile,
        source=source_profile(reader, frame_number) if look.profile not in ("", NONE) else b"",
    )


def texts_for(reader: FrameReader, frame_number: int, look: Look) -> Texts | None:
    several = reader.number_of_frames > 1
    frame = f"{frame_number}/{reader.number_of_frames}" if several else ""
    return texts_of(reader.header.root, look.annotation, frame) if look.annotation else None


def source_profile(reader: FrameReader, frame_number: int) -> bytes:
    """The colour profile of a frame: that of the header, else the one in its own bytes; empty without one."""
    found = profile_of(dataset_with_tables(reader, profiles=True), frame_number)
    return found or profile_in(reader.stored(frame_number))


def render_animation(services: Services, instance: Instance, frame_numbers: Sequence[int], look: Look) -> bytes:
    """Frames one after the other as an animated GIF, at the pace of the header. Raises NotFound, UndecodablePixels,
    BadRequest for more frames than anybody looks at in this way.
    """
    if len(frame_numbers) > ANIMATED_FRAMES_MAX:
        raise BadRequest(f"at most {ANIMATED_FRAMES_MAX} frames are animated: name them", field="frames")
    reader = FrameReader(services, instance)
    dataset = dataset_with_tables(reader)
    pixels = len(frame_numbers) * int(number(dataset, "Rows") or 0) * int(number(dataset, "Columns") or 0)
    size = look.size or ((ANIMATED_PX, ANIMATED_PX) if pixels > ANIMATED_PIXELS_MAX else None)

    def drawn(frame_number: int) -> "Image":
        image = draw(reader.pixels(frame_number), dataset, look.window, size, frame_number, look.region)
        texts = texts_for(reader, frame_number, look)
        return annotated(image, texts) if texts else image

    images = map(drawn, frame_numbers)
    return animate(images, max(int(number(dataset, "FrameTime") or DEFAULT_FRAME_MS), FASTEST_FRAME_MS))


def dataset_with_tables(reader: FrameReader, *, profiles: bool = False) -> "Dataset":
    """The header with those lookup tables and palettes that are too large to be read with it; colour profiles too."""
    from pydicom.dataelem import DataElement
    from pydicom.tag import BaseTag

    header = reader.header
    for path, large in header.large.items():
        wanted = profiles and large.tag == ICC_PROFILE and large.length <= PROFILE_MAX_BYTES
        if not wanted and (large.tag not in TABLES or large.length > TABLE_MAX_BYTES):
            continue
        item: Any = header.dataset
        steps = path.split("/")[:-1]
        for sequence, index in zip(steps[::2], steps[1::2], strict=True):
            item = item[BaseTag(int(sequence, 16))].value[int(index)]
        if BaseTag(large.tag) not in item:
            vr = "OB" if wanted else "OW"
            value = little_endian(reader.read(large.offset, large.length), vr, header)
            item[BaseTag(large.tag)] = DataElement(BaseTag(large.tag), vr, value)
    return header.dataset


def representative(services: Services, scope: Scope, level: Level) -> Instance:
    """The middle one of a level's images; of a level without images the middle instance. Raises NotFound."""
    instances = find_instances(services.database, scope, level)
    images = [each for each in instances if each.frames] or instances
    return images[len(images) // 2]


def thumbnail(services: Services, scope: Scope, level: Level) -> bytes:
    """A small JPEG of a level's middle image. Raises NotFound, UndecodablePixels."""
    return thumbnail_of(services, representative(services, scope, level))


def thumbnail_of(
    services: Services,
    instance: Instance,
    *,
    size: tuple[int, int] | None = None,
    frame_number: int | None = None,
) -> bytes:
    """A small JPEG of an instance's middle frame, made once, or of another frame or size.

    Raises NotFound, UndecodablePixels.
    """
    reader = FrameReader(services, instance)
    if size or frame_number or instance.masks:  # the one that is kept shows everything
        look = Look(size=size or (THUMBNAIL_PX, THUMBNAIL_PX), quality=THUMBNAIL_QUALITY)
        return render_with(reader, frame_number or middle(reader), look)
    try:
        return services.derived.get(instance.path.thumbnail)[1]
    except ObjectNotFound:
        picture = make_thumbnail(services, instance, reader)
    take_back_if_outdated(services, instance, instance.path.thumbnail)
    return picture


def middle(reader: FrameReader) -> int:
    return (reader.number_of_frames + 1) // 2


def make_thumbnail(services: Services, instance: Instance, reader: FrameReader) -> bytes:
    look = Look(size=(THUMBNAIL_PX, THUMBNAIL_PX), quality=THUMBNAIL_QUALITY)
    picture = render_with(reader, middle(reader), look)
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


def stored_video(services: Services, instance: Instance) -> ObjectInfo | None:
    """An instance's video stream in the derived store, made when it is not there; None: no video.

    Raises NotFound, BeingReplaced.
    """
    if instance.transfer_syntax_uid not in VIDEO:
        return None
    key = instance.path.video
    try:
        return services.derived.head(key)
    except ObjectNotFound:
        stream = FrameReader(services, instance).sendable(1).body
        content_type = video_media_type(stream, instance.transfer_syntax_uid)
        services.derived.put(key, stream, content_type=content_type)
        made = services.derived.head(key)
        take_back_if_outdated(services, instance, key)
        return made
