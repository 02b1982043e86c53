"""One page of a search as JSON or XML. Used by functions/dicomweb.

Source: PS3.18 §8.3.4.4, §10.6.3
"""

from collections.abc import Callable

import orjson
from fastapi import Request, Response

from pacs.archive.pages import Page
from pacs.dicomweb.media import DICOM_JSON
from pacs.dicomweb.query import Query
from pacs.entry.answers import squeezed, warned
from pacs.entry.native import native_answer, wants_xml
from pacs.ports import Services

MORE = "There are additional results that can be requested."  # how many is not counted, which would cost a scan


def page_answer(services: Services, request: Request, query: Query, search: Callable[[], Page]) -> Response:
    """What a search finds, with its warnings. Nothing found is 200 with an empty array."""
    xml = wants_xml(request)
    page = search()
    found = (
        native_answer(services, request, page.items)
        if xml
        else squeezed(services, request, orjson.dumps(page.items), DICOM_JSON)
    )
    return warned(found, [*query.warnings, *([MORE] if page.more else [])])
