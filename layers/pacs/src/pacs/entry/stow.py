"""STOW-RS requests: takes the parts out of a body and stores each. Used by functions/dicomweb.

Source: PS3.18 §10.5.
"""

from pathlib import Path
from tempfile import gettempdir

import orjson
from fastapi import Request, Response

from pacs.archive.storing import store_instance
from pacs.dicomweb.media import DICOM_JSON, MULTIPART, ContentType, Offer, choose, parse_accept, parse_content_type
from pacs.dicomweb.multipart import ReceivedPart, read_parts
from pacs.dicomweb.stow import store_answer
from pacs.errors import UnsupportedMediaType
from pacs.people.scope import Scope
from pacs.ports import Services

DICOM = "application/dicom"
ANSWERS = (Offer(DICOM_JSON),)


def store_request(services: Services, scope: Scope, request: Request, body: bytes, study: str | None) -> Response:
    """Store every instance of a request and tell of each: 200 all, 202 some, 409 none."""
    chosen = choose(parse_accept(request.headers.getlist("accept")), ANSWERS)
    content_type = parse_content_type(request.headers.get("content-type"))
    source_ip = request.client.host if request.client else ""
    results = [
        store_instance(services, scope, part.body, study=study, source_ip=source_ip)
        for part in parts(content_type, body)
    ]
    status, answer = store_answer(results, base_url=f"{services.settings.origin}/dicomweb")
    return Response(orjson.dumps(answer), status, media_type=chosen.media_type)


def parts(content_type: ContentType, body: bytes) -> list[ReceivedPart]:
    """The Part 10 files of a body. Raises UnsupportedMediaType, BadRequest."""
    if content_type.media_type == DICOM:
        return [ReceivedPart(body)]
    if content_type.media_type != MULTIPART or content_type.parameters.get("type", DICOM).lower() != DICOM:
        raise UnsupportedMediaType(f'{DICOM} or {MULTIPART}; type="{DICOM}" is stored here', field="Content-Type")
    boundary = content_type.parameters.get("boundary", "")
    # The body is in memory already, so its parts are too.
    return list(read_parts([body], boundary, spool=Path(gettempdir()), memory_bytes=len(body)))
