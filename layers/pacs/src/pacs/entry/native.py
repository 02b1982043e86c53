"""DICOM JSON or XML? For searches and metadata, which know both. Used by functions/dicomweb.

Source: PS3.18 §8.7.3.2, §8.7.4
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import Request, Response

from pacs.dicomweb.media import DICOM_JSON, Offer, choose, parse_accept
from pacs.dicomweb.multipart import Part
from pacs.entry.answers import PRIVATE, Version, digest, multipart
from pacs.ports import Services

DICOM_XML = "application/dicom+xml"
OFFERS = (Offer(DICOM_JSON), Offer(DICOM_XML, multipart=True))


def wants_xml(request: Request) -> bool:
    """Whether XML is preferred to JSON. Raises NotAcceptable when neither is accepted."""
    accepted = parse_accept(request.headers.getlist("accept"), request.query_params.getlist("accept"))
    return choose(accepted, OFFERS).multipart


def native_answer(
    services: Services,
    request: Request,
    documents: Iterable[Mapping[str, Any]],
    *,
    modified: datetime | None = None,
) -> Response:
    """Datasets as XML, one part each. A multipart body cannot have no part, so none at all is 204."""
    from pacs.dicomweb.native import to_native  # brings pydicom, which answers in JSON do without

    bodies = [to_native(each) for each in documents]
    if not bodies:
        return Response(status_code=204, headers=PRIVATE)
    parts: Iterator[Part[bytes]] = (Part(each, DICOM_XML) for each in bodies)
    return multipart(services, request, parts, DICOM_XML, Version(digest(*bodies), modified))
