"""The Non-Patient Instance service: hanging protocols, palettes, templates and what else has no study.

Source: PS3.18 §12
"""

from fastapi import APIRouter, Request, Response

from pacs.archive.non_patient import (
    find_non_patient,
    open_non_patient_bulkdata,
    require_category,
    require_instance,
    search_non_patient,
)
from pacs.bootstrap import services
from pacs.dicomweb.non_patient import parse_non_patient_query
from pacs.entry.body import received_body
from pacs.entry.bulkdata import value_answer
from pacs.entry.http import READ, CurrentScope
from pacs.entry.non_patient import non_patient_answer
from pacs.entry.pages import page_answer
from pacs.entry.stow import store_request

KIND = "/dicomweb/{category}"
INSTANCE = KIND + "/{instance}"
router = APIRouter()


@router.api_route(KIND, methods=[*READ])
async def search_instances(request: Request, scope: CurrentScope, category: str) -> Response:
    """Instances of a kind, of no patient."""
    query = parse_non_patient_query(request.query_params.multi_items())
    return page_answer(services(), request, query, lambda: search_non_patient(services(), scope, category, query))


@router.post(KIND)
async def store_instances(request: Request, scope: CurrentScope, category: str) -> Response:
    """Store instances of a kind, of no patient; others fail."""
    require_category(category)
    return store_request(services(), scope, request, await received_body(request), category=category)


@router.post(INSTANCE)
async def store_instance(request: Request, scope: CurrentScope, category: str, instance: str) -> Response:
    """Store one instance of no patient; another fails."""
    require_category(category)
    require_instance(instance)
    body = await received_body(request)
    return store_request(services(), scope, request, body, category=category, instance=instance)


@router.api_route(INSTANCE, methods=[*READ])
async def retrieve_instance(request: Request, scope: CurrentScope, category: str, instance: str) -> Response:
    """One instance of no patient: its metadata, or itself as it was received, as Accept asks."""
    return non_patient_answer(services(), scope, request, category, instance)


@router.api_route(INSTANCE + "/bulkdata/{path:path}", methods=[*READ])
async def retrieve_bulk(request: Request, scope: CurrentScope, category: str, instance: str, path: str) -> Response:
    """The value behind a BulkDataURI of an instance of no patient."""
    found = find_non_patient(services(), scope, category, instance)
    value = open_non_patient_bulkdata(services(), found, path)
    location = f"/dicomweb{found.url}/bulkdata/{path}"
    return value_answer(services(), request, value, location, found.received_at)
