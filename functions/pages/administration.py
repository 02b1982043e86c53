"""For administrators: members, branches, the gateway, the audit, the settings. All of it inside one organization."""

from typing import Annotated, cast, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from functions.pages.answering import lead, page
from pacs.archive.failures import list_failures
from pacs.archive.rebuilding import retry_failures
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.errors import BadRequest
from pacs.people.audit import Action
from pacs.people.organizations import (
    NewMember,
    add_branch,
    add_member,
    disable_member,
    grant_branches,
    list_branches,
    list_members,
)
from pacs.people.passwords import generated
from pacs.people.scope import MEMBER_ROLES, MemberRole, Scope
from pacs.portal import administration as views
from pacs.portal.figures import count_failed, held, waiting

router = APIRouter(prefix="/admin")
Text = Annotated[str, Form(max_length=512)]
Word = Annotated[str, Query(max_length=200)]
Choices = Annotated[list[str], Form()]
Owner = Annotated[Scope, page_scope("organization.manage")]
Auditor = Annotated[Scope, page_scope("audit.read")]
FAILURES_SHOWN = 100


@router.get("/members")
async def show_members(request: Request, scope: Owner, q: Word = "") -> Response:
    return members_page(request, scope, q=q)


@router.post("/members")
async def create_member(
    request: Request,
    scope: Owner,
    email: Text = "",
    name: Text = "",
    role: Text = "",
    manager: Text = "",
    branches: Choices = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Add a member with a password that is shown this once."""
    known = [each.id for each in list_branches(services().database, scope) if each.id in branches]
    member = NewMember(email.strip(), generated(), cast("MemberRole", role), name, known, manager=bool(manager))
    with services().database.transaction() as statements:
        add_member(statements, scope, member)
    return members_page(request, scope, made=member)


@router.post("/members/branches")
async def replace_grants(
    request: Request,
    scope: Owner,
    member: Text = "",
    branches: Choices = [],  # noqa: B006
) -> Response:
    """Which branches a member sees from now on."""
    with services().database.transaction() as statements:
        grant_branches(statements, scope, member, branches, services().clock.now())
    return lead(request, "/admin/members")


@router.post("/members/disable")
async def stop_member(request: Request, scope: Owner, email: Text = "") -> Response:
    """Let a member in no more, and end its sessions."""
    with services().database.transaction() as statements:
        if disable_member(statements, scope, email, services().clock.now()) == scope.member_id:
            raise BadRequest("nobody disables themselves", field="email")
    return lead(request, "/admin/members")


@router.get("/branches")
async def show_branches(request: Request, scope: Owner) -> Response:
    return page(request, "branches.html", scope, branches=list_branches(services().database, scope))


@router.post("/branches")
async def create_branch(request: Request, scope: Owner, name: Text = "", code: Text = "") -> Response:
    add_branch(services().database, scope, name, code.strip().upper())
    return lead(request, "/admin/branches")


@router.get("/gateway")
async def show_gateway(request: Request, scope: Owner) -> Response:
    """How the archive is reached by modalities, what it holds, what waits and what failed."""
    database = services().database
    return page(
        request,
        "gateway.html",
        scope,
        settings=services().settings,
        last=views.last_received(database, scope),
        held=held(database, scope),
        database_bytes=views.database_bytes(database),
        queues=waiting(services()),
        failed=count_failed(database, scope),
        failures=list_failures(database, scope, limit=FAILURES_SHOWN),
    )


@router.post("/gateway/retry")
async def retry(request: Request, scope: Owner) -> Response:
    """Index again what failed in this organization."""
    retry_failures(services(), list_failures(services().database, scope), [])
    return lead(request, "/admin/gateway")


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
    """Who did what, when and from where."""
    rows = views.search_audit(services().database, scope, filters, zone(), limit=views.AUDIT_PAGE)
    return page(
        request,
        "audit.html",
        scope,
        filters=filters,
        rows=rows,
        actions=get_args(Action),
        before=rows[-1]["id"] if len(rows) == views.AUDIT_PAGE else 0,
    )


@router.get("/audit.csv")
async def export_audit(scope: Auditor, filters: Looked) -> Response:
    """The same as a file, at most ten thousand rows."""
    rows = views.search_audit(services().database, scope, filters, zone(), limit=views.AUDIT_EXPORT)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return Response(views.audit_csv(rows), headers=headers, media_type="text/csv")


@router.get("/settings")
async def show_settings(request: Request, scope: Owner) -> Response:
    return page(request, "settings.html", scope, rows=views.shown_settings(services().settings))


def zone() -> ZoneInfo:
    return ZoneInfo(services().settings.time_zone)


def members_page(request: Request, scope: Scope, *, q: str = "", made: NewMember | None = None) -> Response:
    database, wanted = services().database, q.casefold()
    members = [
        each
        for each in list_members(database, scope)
        if wanted in f"{each['email']} {each['name']} {each['role']} {' '.join(each['branches'])}".casefold()
    ]
    branches = list_branches(database, scope)
    return page(request, "members.html", scope, members=members, branches=branches, roles=MEMBER_ROLES, q=q, made=made)
