"""The page on which people bring studies; the files go part by part to where /uploads says."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import page
from pacs.people.scope import Scope
from pacs.portal.pages import connecting_to
from pacs.portal.worklist import seen_branches
from pacs.reading.uploads import parts_origin

router = APIRouter()
Bringer = Annotated[Scope, page_scope("studies.upload")]


@router.get("/upload")
async def show_upload(request: Request, scope: Bringer) -> Response:
    """Files, folders and zips to choose or to drop, and what is typed in for what is no DICOM."""
    response = page(request, "upload.html", scope, branches=seen_branches(services().database, scope))
    if origin := parts_origin(services()):
        response.headers["Content-Security-Policy"] = connecting_to(origin)
    return response
