"""WADO-RS answers that negotiate: instances, frames, pictures. Used by functions/dicomweb and functions/frames.

Source: PS3.18 §8.7.3, §10.4.
"""

from collections.abc import Iterator, Sequence

from fastapi import Request, Response

from pacs.archive.frames import DEFLATED, EXPLICIT_LITTLE_ENDIAN, Frame, FrameReader, make_frame, parse_frame_list
from pacs.archive.lookup import Instance, Level, find_instance, find_instances
from pacs.archive.rendering import (
    Look,
    render_animation,
    render_frame,
    representative,
    retrieve_document,
    stored_video,
    thumbnail_of,
)
from pacs.archive.retrieve import file_pieces, transcode_instance, written_syntax
from pacs.dicom.colouring import AS_IT_IS, SRGB
from pacs.dicom.render import Format
from pacs.dicom.transcode import ENCODED
from pacs.dicomweb.media import MediaRange, Offer, choose, parse_accept
from pacs.dicomweb.multipart import Part
from pacs.dicomweb.viewport import parse_annotation, parse_profile, parse_size, parse_viewport, parse_window
from pacs.entry.answers import (
    CARRIED_MAX_BYTES,
    Version,
    carried,
    digest,
    gathered,
    multipart,
    ranged,
    wants_whole,
    warned,
)
from pacs.errors import BadRequest
from pacs.objects import Piece
from pacs.people.scope import Scope
from pacs.ports import Services

DICOM = "application/dicom"
OCTETS = "application/octet-stream"
IMAGES: dict[str, Format] = {"image/jpeg": "jpeg", "image/png": "png", "image/gif": "gif"}
WRITTEN = (EXPLICIT_LITTLE_ENDIAN, DEFLATED, *ENCODED)
# Source: PS3.18 Table 8.7.3-5.
MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


def accepted(request: Request) -> tuple[MediaRange, ...]:
    return parse_accept(request.headers.getlist("accept"), request.query_params.getlist("accept"))


def retrieve_answer(services: Services, scope: Scope, request: Request, level: Level) -> Response:
    """The instances of a level as they were received, or in the syntax asked for; one alone also as a single part."""
    instances = find_instances(services.database, scope, level)
    offer = choose(accepted(request), instance_offers(instances, single=level.instance is not None))
    syntax = offer.transfer_syntax
    if offer.multipart:
        parts = dicom_parts(services, instances, syntax)
        return multipart(services, request, parts, DICOM, version(instances, DICOM, syntax))
    return instance_answer(services, request, instances[0], syntax)


def instance_answer(services: Services, request: Request, instance: Instance, syntax: str) -> Response:
    """One instance as a file, in the syntax it is stored in or in another."""
    if syntax != instance.transfer_syntax_uid or instance.correction:
        same = syntax == instance.transfer_syntax_uid
        pieces = file_pieces(services, instance) if same else transcode_instance(services, instance, syntax)
        return gathered(services, request, pieces, DICOM, version([instance], DICOM, syntax))
    # Whole bytes are right whichever version the index knows: size and tag are those of the store.
    key, start = instance.object_key, b""
    if wants_whole(request) and instance.size_bytes <= CARRIED_MAX_BYTES:
        info, start = services.originals.read_start(key, CARRIED_MAX_BYTES)
    else:
        info = services.originals.head(key)
    stored = Version(info.metadata.get("sha256") or instance.sha256, instance.updated_at)
    return ranged(request, services.originals, key, info.size_bytes, DICOM, stored, start=start)


def instance_offers(instances: Sequence[Instance], *, single: bool) -> list[Offer]:
    """As what instances can be sent: as they are, or written anew. The syntax is empty when they are of several."""
    stored = {each.transfer_syntax_uid for each in instances}
    first = stored.pop() if len(stored) == 1 else ""
    others = [each for each in WRITTEN if each != first]
    if not any(each.frames for each in instances):
        others = [each for each in others if each not in ENCODED]
    kinds = (False, True) if single else (True,)
    return [Offer(DICOM, multipart=kind, transfer_syntax=each) for each in (first, *others) for kind in kinds]


def version(instances: Sequence[Instance], *variant: object) -> Version:
    """The version of what is made of instances in one way."""
    tag = digest(*variant, *(each.version for each in instances))
    return Version(tag, max(each.updated_at for each in instances))


def dicom_parts(services: Services, instances: list[Instance], syntax: str) -> Iterator[Part[Piece]]:
    for each in instances:
        if syntax in ("", each.transfer_syntax_uid):
            yield Part(file_pieces(services, each), f"{DICOM}; transfer-syntax={each.transfer_syntax_uid}")
        else:
            pieces = transcode_instance(services, each, syntax)
            yield Part(pieces, f"{DICOM}; transfer-syntax={written_syntax(each, syntax)}")


def frames_answer(services: Services, scope: Scope, request: Request, level: Level, frame_list: str) -> Response:
    """One frame, ready made when it can be, or a list of frames. Single part when one is asked for so."""
    numbers = parse_frame_list(frame_list)
    instance = find_instance(services.database, scope, level)
    reader = FrameReader(services, instance)
    as_stored = names_stored(request, instance, reader)
    first = reader.as_stored(numbers[0]) if as_stored else reader.sendable(numbers[0])
    offer = choose(accepted(request), frame_offers(first.transfer_syntax_uid, single=len(numbers) == 1))
    plain = offer.media_type == OCTETS and offer.transfer_syntax == first.transfer_syntax_uid
    if plain and offer.multipart and len(numbers) == 1 and not as_stored:
        ready = make_frame(services, instance, reader, numbers[0])
        modified = instance.updated_at
        return carried(services, request, ready.body, ready.content_type, etag=ready.etag, modified=modified)
    same = as_stored and offer.transfer_syntax == first.transfer_syntax_uid
    frames = (reader.as_stored(each) if same else convert(reader, each, offer.transfer_syntax) for each in numbers)
    content_type = f"{offer.media_type}; transfer-syntax={offer.transfer_syntax}"
    if not offer.multipart:
        return carried(services, request, next(frames).body, content_type, modified=instance.updated_at)
    places = (f"{address(instance)}/frames/{number}" for number in numbers)
    parts: Iterator[Part[Piece]] = (
        Part(each.body, content_type, place) for each, place in zip(frames, places, strict=True)
    )
    return multipart(services, request, parts, offer.media_type, version([instance], content_type, numbers))


def names_stored(request: Request, instance: Instance, reader: FrameReader) -> bool:
    """Whether Accept names the very syntax in which frames lie that nobody here writes: viewers who do not name it are
    sent those that they cannot decode in another.
    """
    syntax = instance.transfer_syntax_uid
    given = reader.table.kind == "encapsulated" and syntax not in ENCODED and not instance.masks
    return given and any(each.transfer_syntax == syntax for each in accepted(request))


def address(instance: Instance) -> str:
    """The path of an instance, as BulkDataURIs and Content-Location begin."""
    path = instance.path
    return f"/dicomweb/studies/{path.study}/series/{path.series}/instances/{path.instance}"


def frame_offers(syntax: str, *, single: bool) -> list[Offer]:
    """What frames can be sent as: as they are, under the name of their codec, decoded, encoded."""
    offers = [Offer(OCTETS, multipart=True, transfer_syntax=syntax)]
    if syntax in MEDIA_TYPES:
        offers.append(Offer(MEDIA_TYPES[syntax], multipart=True, transfer_syntax=syntax))
    if syntax != EXPLICIT_LITTLE_ENDIAN:
        offers.append(Offer(OCTETS, multipart=True, transfer_syntax=EXPLICIT_LITTLE_ENDIAN))
    for encoded in (each for each in ENCODED if each != syntax):
        offers += [Offer(each, True, encoded) for each in (OCTETS, MEDIA_TYPES[encoded])]
    if single:
        offers += [Offer(each.media_type, transfer_syntax=each.transfer_syntax) for each in list(offers)]
    return offers


def convert(reader: FrameReader, frame_number: int, syntax: str) -> Frame:
    frame = reader.sendable(frame_number)
    return frame if frame.transfer_syntax_uid == syntax else reader.encoded(frame_number, syntax)


def rendered_answer(services: Services, scope: Scope, request: Request, level: Level, frame_list: str = "") -> Response:
    """A picture of a level's middle instance or of one frame, a GIF of all; PDF and video are sent as they are."""
    instance = representative(services, scope, level)
    modified = instance.updated_at
    if (document := retrieve_document(services, instance)) is not None:
        colour_profile(request, scope, carried=False)
        answer = carried(services, request, document.body, document.content_type, modified=modified)
        return warned(answer, ignored_annotation(request, every=True))
    if (video := stored_video(services, instance)) is not None:
        colour_profile(request, scope, carried=False)
        media_type = choose(accepted(request), [Offer(video.content_type)]).media_type
        stored = version([instance], media_type)
        answer = ranged(request, services.derived, video.key, video.size_bytes, media_type, stored)
        return warned(answer, ignored_annotation(request, every=True))
    media_type = choose(accepted(request), [Offer(each) for each in IMAGES]).media_type
    asked = look(request, scope, IMAGES[media_type])
    if asked.format == "gif":
        every = range(1, instance.frame_table.number_of_frames + 1)
        numbers = parse_frame_list(frame_list) if frame_list else every
        picture = render_animation(services, instance, numbers, asked)
    else:
        picture = render_frame(services, instance, one_frame(instance, frame_list), asked)
    answer = carried(services, request, picture, media_type, modified=modified)
    return warned(answer, ignored_annotation(request, every=scope.privacy))


def one_frame(instance: Instance, frame_list: str) -> int:
    """The one frame of a list, the middle one without. Raises BadRequest when there are several."""
    numbers = parse_frame_list(frame_list) if frame_list else [(instance.frame_table.number_of_frames + 1) // 2]
    if len(numbers) != 1:
        raise BadRequest("one frame at a time is rendered", field="frames")
    return numbers[0]


def thumbnail_answer(
    services: Services, scope: Scope, request: Request, level: Level, frame_list: str = ""
) -> Response:
    """A small JPEG of a level's middle instance or of one frame; `viewport` names another size."""
    instance = representative(services, scope, level)
    choose(accepted(request), [Offer("image/jpeg")])
    query = request.query_params
    size = parse_size(query["viewport"]) if "viewport" in query else None
    frame_number = one_frame(instance, frame_list) if frame_list else None
    picture = thumbnail_of(services, instance, size=size, frame_number=frame_number)
    return carried(services, request, picture, "image/jpeg", modified=instance.updated_at)


def look(request: Request, scope: Scope, format: Format) -> Look:
    """How the query string wants a picture. Raises BadRequest, naming the parameter. Source: PS3.18 §8.3.5."""
    query = request.query_params
    quality = query.get("quality", "90")
    if not (quality.isascii() and quality.isdigit() and 1 <= int(quality) <= 100):
        raise BadRequest("quality must be a number from 1 to 100", field="quality")
    viewport = parse_viewport(query["viewport"]) if "viewport" in query else None
    return Look(
        window=parse_window(query["window"]) if "window" in query else None,
        size=viewport.size if viewport else None,
        region=viewport.region if viewport else None,
        format=format,
        quality=int(quality),
        annotation=annotation(request, scope),
        profile=colour_profile(request, scope, carried=format != "gif"),
    )


def annotation(request: Request, scope: Scope) -> list[str]:
    """What is written into a picture; nothing for those who may not know whose it is."""
    return [] if scope.privacy else annotations(request)[0]


def ignored_annotation(request: Request, *, every: bool) -> list[str]:
    """What is told of annotations that are not made: of those that nobody makes, or of every one."""
    known, unknown = annotations(request)
    missing = [*known, *unknown] if every else unknown
    return [f"The following annotation values are not supported: {', '.join(missing)}"] if missing else []


def annotations(request: Request) -> tuple[list[str], list[str]]:
    """See parse_annotation; WADO-URI has another name for the parameter, too. Raises BadRequest."""
    query = request.query_params
    text = query.get("annotation", query.get("imageAnnotation"))
    return ([], []) if text is None else parse_annotation(text)


def colour_profile(request: Request, scope: Scope, *, carried: bool) -> str:
    """Which profile a picture shall have; never one of the instance for those who may not know whose it is.

    Raises BadRequest, also when the answer cannot have the one that is asked for.
    """
    if "iccprofile" not in request.query_params:
        return ""
    asked = parse_profile(request.query_params["iccprofile"], carried=carried)
    return SRGB if scope.privacy and asked == AS_IT_IS else asked
