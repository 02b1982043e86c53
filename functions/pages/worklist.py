"""The list of studies from which the viewer is opened."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from functions.pages.answering import lead, page
from pacs.archive.lookup import require_studies
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.portal.studies import Filters, list_studies, seen_branches
from pacs.viewing.launch import check_studies, launch_url

router = APIRouter()
Reader = Annotated[Scope, page_scope("worklist.read")]
Opener = Annotated[Scope, page_scope("launch.create")]
Word = Annotated[str, Query(max_length=200)]
OFFSET_MAX = 100_000


@router.get("/worklist")
async def show_worklist(
    request: Request,
    scope: Reader,
    name: Word = "",
    patient: Word = "",
    accession: Word = "",
    modality: Word = "",
    since: Word = "",
    until: Word = "",
    branch: Word = "",
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> Response:
    """The studies that match the form above them."""
    filters = Filters(name, patient, accession, modality, since, until, branch)
    database = services().database
    found = list_studies(database, scope, filters, offset=offset, origin=services().settings.origin)
    return page(request, "worklist.html", scope, filters=filters, found=found, branches=seen_branches(database, scope))


@router.post("/worklist/open")
async def open_study(request: Request, scope: Opener, study: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Open a study in the viewer by a link that is good for it alone."""
    check_studies([study])
    require_studies(services().database, scope, [study])
    settings = services().settings
    url = launch_url(settings, services().tokens, scope, [study], ttl_s=settings.launch_ttl_s)
    record(services().database, scope, Deed("launch", study), source_ip=client_address(request))
    return lead(request, url.removeprefix(settings.origin))
