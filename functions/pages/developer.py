"""For developers: guides, how modalities get here, every operation with a form to try it, the changes.

All of it is public but how modalities get here; what is tried asks for its own rights.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import session_scope
from pacs.entry.portal import page
from pacs.errors import Unauthenticated
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal import developer as views

router = APIRouter(prefix="/dev")
# Beside the functions, in the repository as in what is deployed.
DOCS = Path(__file__).resolve().parents[2] / "docs"
Words = Annotated[str, Query(max_length=200)]


def reader(request: Request) -> Scope | None:
    """Whoever has signed in."""
    try:
        return session_scope(request)
    except Unauthenticated:
        return None


@router.get("")
async def show_start(request: Request) -> Response:
    """Where developers begin."""
    scope = reader(request)
    known = views.connection(services().settings) if scope and may(scope, "account.manage") else None
    origin = services().settings.origin
    told: dict[str, Any] = {"guides": views.guides(DOCS), "files": views.FILES, "connection": known, "origin": origin}
    return page(request, "developer.html", scope, **told)


@router.get("/guides/{guide}")
async def show_guide(request: Request, guide: str) -> Response:
    """One file of docs/, or the changelog."""
    html = views.guide_html(DOCS, guide)
    return page(request, "guide.html", reader(request), guides=views.guides(DOCS), name=guide, html=html)


@router.get("/api")
async def show_operations(request: Request, q: Words = "") -> Response:
    """Every operation, or those that have all the words."""
    found = views.matching(views.operations(DOCS), q)
    return page(request, "operations.html", reader(request), found=found, q=q)


@router.get("/api/{operation}")
async def show_operation(request: Request, operation: str) -> Response:
    """One operation, with a form to try it."""
    found = views.operation(views.operations(DOCS), operation)
    origin = services().settings.origin
    return page(request, "operation.html", reader(request), operation=found, origin=origin)


@router.get("/openapi.json")
async def show_document() -> Response:
    """The description of all operations, for programs."""
    return file("openapi.json", "application/json")


@router.get("/report-api.postman.json")
async def show_collection() -> Response:
    """The requests of the report API, for Postman."""
    return file("report-api.postman.json", "application/json")


@router.get("/raportai.py")
async def show_client() -> Response:
    """The client of the report API, to be copied."""
    return file("clients/raportai.py", "text/x-python; charset=utf-8")


def file(path: str, media_type: str) -> Response:
    headers = {"Cache-Control": "public, max-age=300"}
    return Response((DOCS / path).read_bytes(), headers=headers, media_type=media_type)
