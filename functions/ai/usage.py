"""For administrators: what models cost, by day, provider, model, report and member, and what is left of budgets."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from pacs.ai.configuring import list_configured
from pacs.ai.prices import list_prices, today
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import page
from pacs.people.scope import Scope
from pacs.portal import ai_usage as views
from pacs.portal.ai import LABELS, list_months

router = APIRouter(prefix="/admin/ai")
Word = Annotated[str, Query(max_length=200)]
Keeper = Annotated[Scope, page_scope("ai.manage")]


def filters_of(
    since: Word = "",
    until: Word = "",
    provider: Word = "",
    model: Word = "",
    report: Word = "",
    member: Word = "",
    by: Word = "provider",
) -> views.Filters:
    told = views.Filters(since, until, provider, model, report, member, by)
    return views.with_period(told, services().clock.now(), zone())


Looked = Annotated[views.Filters, Depends(filters_of)]


@router.get("/usage")
async def show_usage(request: Request, scope: Keeper, filters: Looked) -> Response:
    """A period as charts, sums and groups; above it this month's budgets."""
    models = {each.model for each in list_configured(services(), scope)}
    models |= {each.model for each in list_prices(services(), scope)}
    months = list_months(services(), scope)
    usage = views.read_usage(services().database, scope, filters, zone())
    return page(
        request,
        "ai_usage.html",
        scope,
        filters=filters,
        usage=usage,
        month=today(services()).replace(day=1),
        months={name: each for name, each in months.items() if each.used or each.standing.budget is not None},
        models=sorted(each for each in models | {filters.model} if each),
        members=views.list_members(services().database, scope),
        labels=LABELS,
        purposes=views.PURPOSES,
        group_names=views.GROUPS,
        most_groups=views.MOST_GROUPS,
        day_named=views.day_named,
    )


@router.get("/usage.csv")
async def export_usage(scope: Keeper, filters: Looked) -> Response:
    """Call by call as a file, the newest first, at most ten thousand."""
    rows = views.list_calls(services().database, scope, filters, zone())
    name = f"ai-usage-{filters.since}-{filters.until}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(views.calls_csv(rows), headers=headers, media_type="text/csv")


def zone() -> ZoneInfo:
    return ZoneInfo(services().settings.time_zone)
