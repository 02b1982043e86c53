"""STOW-RS. Source: PS3.18 §10.5."""

from fastapi import APIRouter, Request, Response

from pacs.bootstrap import services
from pacs.entry.body import received_body
from pacs.entry.http import CurrentScope
from pacs.entry.stow import store_request

router = APIRouter(prefix="/dicomweb")


@router.post("/studies")
async def store_instances(request: Request, scope: CurrentScope) -> Response:
    """Store instances of any studies."""
    return store_request(services(), scope, request, await received_body(request))


@router.post("/studies/{study}")
async def store_study_instances(request: Request, scope: CurrentScope, study: str) -> Response:
    """Store instances of one study; those of others fail."""
    return store_request(services(), scope, request, await received_body(request), study=study)
