"""For administrators: the DICOM gateway, what arrives, what waits, what failed, and how much is kept."""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.archive.connections import list_connections
from pacs.archive.failures import list_failures
from pacs.archive.rebuilding import retry_failures
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.portal import gateway as views
from pacs.portal.figures import QUEUES, count_failed, held, waiting

router = APIRouter(prefix="/admin/gateway")
Text = Annotated[str, Form(max_length=1024)]
Word = Annotated[str, Query(max_length=64)]
Owner = Annotated[Scope, page_scope("organization.manage")]
HERE = "/admin/gateway"
FAILURES_SHOWN = 100
CONNECTIONS_PAGE = 50


@router.get("")
async def show_gateway(
    request: Request,
    scope: Owner,
    title: Word = "",
    outcome: Word = "",
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """How the door is and who is connected, who was, what waits and what failed."""
    database, queues = services().database, waiting(services())
    connections = list_connections(database, scope, title=title, outcome=outcome, before=before, limit=CONNECTIONS_PAGE)
    nodes = views.nodes(services())
    return page(
        request,
        "gateway.html",
        scope,
        settings=services().settings,
        nodes=nodes,
        live=views.live(nodes, scope),
        last=views.last_received(database, scope),
        connections=connections,
        title=title,
        outcome=outcome,
        before=connections[-1]["id"] if len(connections) == CONNECTIONS_PAGE else 0,
        queues=queues,
        letters=views.dead_letters(services(), scope, [each.queue for each in queues if each.dead]),
        failed=count_failed(database, scope),
        failures=list_failures(database, scope, limit=FAILURES_SHOWN),
    )


@router.get("/storage")
async def show_storage(request: Request, scope: Owner) -> Response:
    """How much is kept: by branch and modality, as rows, and how it grows."""
    database, now = services().database, services().clock.now()
    total = held(database, scope)
    zone = ZoneInfo(services().settings.time_zone)
    return page(
        request,
        "storage.html",
        scope,
        held=total,
        database_bytes=views.database_bytes(database),
        rows=views.rows_of(database, scope),
        parts=views.size_by_branch_and_modality(database, scope),
        growth=views.growth(database, scope, total["size_bytes"], (now - timedelta(days=views.DAYS - 1)), zone),
    )


@router.post("/retry")
async def retry(request: Request, scope: Owner, stage: Text = "", object: Text = "") -> Response:
    """Index again what failed in this organization: one object, or without naming one everything."""
    failures = list_failures(services().database, scope)
    chosen = [each for each in failures if not object or (each["stage"], each["object_key"]) == (stage, object)]
    if object and not chosen:
        raise NotFound("there is no such failure", field="object")
    retry_failures(services(), chosen, [])
    return lead(request, HERE)


@router.post("/redrive")
async def redrive(request: Request, scope: Owner, queue: Text = "") -> Response:
    """Put what a queue has given up back to work."""
    if queue not in QUEUES:
        raise NotFound("there is no such queue", field="queue")
    services().queue.redrive(queue)
    return lead(request, HERE)
