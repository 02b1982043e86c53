"""WADO-URI for old clients: one object by query parameters, as a file or a picture. Used by functions/dicomweb.

Without `contentType` an image comes as JPEG, anything else as a DICOM file; without `transferSyntax` as it is stored.

Source: PS3.18 §9
"""

from fastapi import Request, Response

from pacs.archive.frames import FrameReader
from pacs.archive.lookup import Instance, Level, find_instance
from pacs.archive.rendering import Look, render_animation, render_frame, retrieve_document
from pacs.dicom.render import Region
from pacs.dicom.uids import is_uid
from pacs.dicomweb.media import MediaRange, Offer, choose, parse_accept
from pacs.dicomweb.viewport import MAX_SIDE_PX, parse_window
from pacs.entry.answers import carried, warned
from pacs.entry.wado import DICOM, IMAGES, annotation, ignored_annotation, instance_answer, instance_offers
from pacs.errors import BadRequest, NotAcceptable
from pacs.people.scope import Scope
from pacs.ports import Services

ROWS, COLUMNS = 0x00280010, 0x00280011
REFUSED = {"anonymize": "anonymized objects", "presentationUID": "presentation states"}


def uri_answer(services: Services, scope: Scope, request: Request) -> Response:
    """The object that studyUID, seriesUID and objectUID name, in the first contentType that can be made."""
    query = request.query_params
    if query.get("requestType") != "WADO":
        raise BadRequest("requestType must be WADO", field="requestType")
    for name, what in REFUSED.items():
        if query.get(name):
            raise NotAcceptable(f"{what} are not to be had by WADO-URI", field=name)
    level = Level(uid(request, "studyUID"), uid(request, "seriesUID"), uid(request, "objectUID"))
    instance = find_instance(services.database, scope, level)
    if (document := retrieve_document(services, instance)) is not None:
        offers = [Offer(document.content_type), *instance_offers([instance], single=True)]
        if chosen(request, offers).media_type != DICOM:
            return carried(services, request, document.body, document.content_type, modified=instance.updated_at)
    pictures = [Offer(each) for each in IMAGES] if instance.frames else []
    offer = chosen(request, [*pictures, *instance_offers([instance], single=True)])
    if offer.media_type not in IMAGES:
        require_no_window(request)
        return instance_answer(services, request, instance, offer.transfer_syntax)
    return picture_answer(services, scope, request, instance, offer.media_type)


def uid(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not is_uid(value):
        raise BadRequest(f"{name} must be a UID", field=name)
    return value


def chosen(request: Request, offers: list[Offer]) -> Offer:
    """What contentType and transferSyntax ask for. Raises NotAcceptable. Source: PS3.18 §9.1.2.2"""
    query = request.query_params
    syntax = query.get("transferSyntax") or None
    if not query.get("contentType"):
        ranges = [MediaRange(DICOM, False, syntax)] if syntax else [MediaRange("*/*", False)]
    else:
        named = parse_accept(query["contentType"].replace(" ", "+"))
        ranges = [MediaRange(each.media_type, False, syntax or each.transfer_syntax, each.quality) for each in named]
    return choose(ranges, offers)


def picture_answer(services: Services, scope: Scope, request: Request, instance: Instance, media_type: str) -> Response:
    frames = instance.frame_table.number_of_frames
    frame_number = whole_number(request, "frameNumber", frames)
    look = uri_look(services, scope, request, instance, media_type)
    if look.format == "gif" and frame_number is None:
        picture = render_animation(services, instance, range(1, frames + 1), look)
    else:
        picture = render_frame(services, instance, frame_number or 1, look)
    answer = carried(services, request, picture, media_type, modified=instance.updated_at)
    return warned(answer, ignored_annotation(request, every=scope.privacy))


def require_no_window(request: Request) -> None:
    """A file has no window. Raises BadRequest. Source: PS3.18 §9.5.1.2.6"""
    for name in ("windowCenter", "windowWidth"):
        if name in request.query_params:
            raise BadRequest("a window is for pictures, not for files", field=name)


def uri_look(services: Services, scope: Scope, request: Request, instance: Instance, media_type: str) -> Look:
    """How the parameters want a picture. Raises BadRequest, naming the parameter. Source: PS3.18 §9.5.1.2"""
    query = request.query_params
    rows, columns = whole_number(request, "rows", MAX_SIDE_PX), whole_number(request, "columns", MAX_SIDE_PX)
    center, width = query.get("windowCenter"), query.get("windowWidth")
    if (center is None) != (width is None):
        raise BadRequest("windowCenter and windowWidth go together", field="windowCenter" if width else "windowWidth")
    return Look(
        window=parse_window(f"{center},{width},linear") if center is not None else None,
        size=(columns or MAX_SIDE_PX, rows or MAX_SIDE_PX) if rows or columns else None,
        region=region_of(services, instance, query["region"]) if query.get("region") else None,
        format=IMAGES[media_type],
        quality=whole_number(request, "imageQuality", 100) or 90,
        annotation=annotation(request, scope),
    )


def region_of(services: Services, instance: Instance, text: str) -> Region:
    """`left,top,right,bottom` as parts of the whole between 0 and 1. Raises BadRequest."""
    try:
        left, top, right, bottom = (float(each) for each in text.split(","))
    except ValueError as error:
        raise BadRequest("region must be left,top,right,bottom", field="region") from error
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadRequest("region must lie between 0 and 1", field="region")
    root = FrameReader(services, instance).header.root
    wide, high = root.integer(COLUMNS) or 0, root.integer(ROWS) or 0
    return left * wide, top * high, (right - left) * wide, (bottom - top) * high


def whole_number(request: Request, name: str, most: int) -> int | None:
    value = request.query_params.get(name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and 0 < int(value[:10]) <= most and len(value) < 11):
        raise BadRequest(f"{name} must be a number from 1 to {most}", field=name)
    return int(value)
