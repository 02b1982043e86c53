"""For administrators: the audit, the settings, what a HIS will need. All of it inside one organization."""

from typing import Annotated, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import page
from pacs.people.audit import MEANINGS, Action, Deed, record, record_once
from pacs.people.scope import Scope
from pacs.portal import administration as views

router = APIRouter(prefix="/admin")
Word = Annotated[str, Query(max_length=200)]
Owner = Annotated[Scope, page_scope("organization.manage")]
Auditor = Annotated[Scope, page_scope("audit.read")]


def audit_filters(
    member: Word = "",
    action: Word = "",
    study: Word = "",
    since: Word = "",
    until: Word = "",
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> views.AuditFilters:
    return views.AuditFilters(member, action, study, since, until, before)


Looked = Annotated[views.AuditFilters, Depends(audit_filters)]


@router.get("/audit")
async def show_audit(request: Request, scope: Auditor, filters: Looked) -> Response:
    """Who did what, when and from where. That somebody reads it is part of it."""
    record_once(services().database, scope, Deed("read-audit"), source_ip=client_address(request))
    rows = views.search_audit(services().database, scope, filters, zone(), limit=views.AUDIT_PAGE)
    return page(
        request,
        "audit.html",
        scope,
        filters=filters,
        rows=rows,
        actions=get_args(Action),
        meanings=MEANINGS,
        before=rows[-1]["id"] if len(rows) == views.AUDIT_PAGE else 0,
    )


@router.get("/audit.csv")
async def export_audit(request: Request, scope: Auditor, filters: Looked) -> Response:
    """The same as a file, at most ten thousand rows."""
    rows = views.search_audit(services().database, scope, filters, zone(), limit=views.AUDIT_EXPORT)
    deed = Deed("read-audit", subject=f"{len(rows)} rows as CSV")
    record(services().database, scope, deed, source_ip=client_address(request))
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return Response(views.audit_csv(rows), headers=headers, media_type="text/csv")


@router.get("/settings")
async def show_settings(request: Request, scope: Owner) -> Response:
    return page(request, "settings.html", scope, rows=views.shown_settings(services().settings))


@router.get("/his")
async def show_his(request: Request, scope: Owner) -> Response:
    return page(request, "awaited.html", scope)


def zone() -> ZoneInfo:
    return ZoneInfo(services().settings.time_zone)
