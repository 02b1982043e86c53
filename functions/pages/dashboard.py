"""The first page of each role: what came in today, and what waits."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from functions.pages.answering import page
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.people.scope import Scope
from pacs.portal.figures import count_failed, held, received, waiting

router = APIRouter()
Anyone = Annotated[Scope, page_scope("account.manage")]


@router.get("/dashboard")
async def show_dashboard(request: Request, scope: Anyone) -> Response:
    """What came in today and what waits, of what somebody sees."""
    database, everything = services().database, scope.role == "admin"
    return page(
        request,
        "dashboard.html",
        scope,
        received=received(database, scope, services().clock.now(), ZoneInfo(services().settings.time_zone)),
        held=held(database, scope),
        failed=count_failed(database, scope) if everything else None,
        queues=waiting(services()) if everything else [],
    )
