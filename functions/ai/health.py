"""For administrators: how each provider answered on the last thirty days, and asking all of them now."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from pacs.ai.health_starting import start_run
from pacs.ai.providers import ORCHESTRATOR
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.people.scope import Scope
from pacs.portal import ai_health as views
from pacs.portal.ai import LABELS

router = APIRouter(prefix="/admin/ai/health")
Keeper = Annotated[Scope, page_scope("ai.manage")]


@router.get("")
async def show_health(
    request: Request,
    scope: Keeper,
    run: Annotated[str, Query(max_length=36)] = "",
    tries: Annotated[int, Query(ge=0, le=999)] = 0,
) -> Response:
    """The days, and the failures; with `run` how far that run is, which the page asks again every two seconds."""
    database, zone = services().database, ZoneInfo(services().settings.time_zone)
    days = views.days_until(services().clock.now(), zone)
    return page(
        request,
        "ai_health.html",
        scope,
        run=views.run_of(services(), scope, run) if run and run != "none" else None,
        nobody=run == "none",
        tries=tries,
        days=days,
        lines=views.read_days(database, scope, days, zone),
        failures=views.list_failures(database, scope, days, zone),
        mail=services().settings.ai_health_mail,
        labels=LABELS,
        shown={**LABELS, ORCHESTRATOR: "Orchestrator"},
        state_names=views.STATES,
        kind_names=views.KINDS,
    )


@router.post("")
async def ask_all(request: Request, scope: Keeper) -> Response:
    """Start a run, at most one a minute."""
    run, asked = start_run(services(), scope)
    return lead(request, f"/admin/ai/health?run={run if asked else 'none'}")
