"""For administrators: the organization's members with their rights, and its branches."""

from typing import Annotated, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from pacs.archive.peers import branch_titles, open_branch
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest
from pacs.people.organizations import (
    NewMember,
    add_branch,
    add_member,
    disable_member,
    grant_branches,
    list_branches,
)
from pacs.people.passwords import generated
from pacs.people.scope import MEMBER_ROLES, MemberRole, Scope
from pacs.people.standing import change_role, enable_member, set_window
from pacs.portal.members import Wanted, search_branches, search_members
from pacs.portal.moments import moment_of

router = APIRouter(prefix="/admin")
Text = Annotated[str, Form(max_length=512)]
Word = Annotated[str, Query(max_length=200)]
Choices = Annotated[list[str], Form()]
Owner = Annotated[Scope, page_scope("organization.manage")]
LIST = "/admin/members"


def wanted(q: Word = "", role: Word = "", branch: Word = "", state: Word = "") -> Wanted:
    return Wanted(q, role, branch, state)


@router.get("/members")
async def show_members(request: Request, scope: Owner, filters: Annotated[Wanted, Depends(wanted)]) -> Response:
    return members_page(request, scope, filters)


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
    return members_page(request, scope, Wanted(), made=member)


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
    return lead(request, LIST)


@router.post("/members/role")
async def replace_role(
    request: Request, scope: Owner, member: Text = "", role: Text = "", manager: Text = ""
) -> Response:
    """What a member may do from the next sign-in on."""
    with services().database.transaction() as statements:
        change_role(statements, scope, member, role, manager=bool(manager), now=services().clock.now())
    return lead(request, LIST)


@router.post("/members/importer")
async def replace_window(
    request: Request,
    scope: Owner,
    member: Text = "",
    begins: Annotated[str, Form(alias="from", max_length=32)] = "",
    ends: Annotated[str, Form(alias="until", max_length=32)] = "",
) -> Response:
    """When a member may upload, and do nothing else; without an end it may what its role says again."""
    with services().database.transaction() as statements:
        now, zone = services().clock.now(), ZoneInfo(services().settings.time_zone)
        window = moment_of(begins, "from", zone), moment_of(ends, "until", zone)
        set_window(statements, scope, member, *window, now)
    return lead(request, LIST)


@router.post("/members/disable")
async def stop_member(request: Request, scope: Owner, email: Text = "") -> Response:
    """Let a member in no more, and end its sessions."""
    with services().database.transaction() as statements:
        if disable_member(statements, scope, email, services().clock.now()) == scope.member_id:
            raise BadRequest("nobody disables themselves", field="email")
    return lead(request, LIST)


@router.post("/members/enable")
async def let_member_in(request: Request, scope: Owner, member: Text = "") -> Response:
    """Let a member in again."""
    with services().database.transaction() as statements:
        enable_member(statements, scope, member)
    return lead(request, LIST)


@router.get("/branches")
async def show_branches(request: Request, scope: Owner, q: Word = "") -> Response:
    """The branches whose name or code holds what is looked for."""
    branches = search_branches(services().database, scope, q)
    return page(request, "branches.html", scope, branches=branches, q=q, titles=branch_titles(services(), scope))


@router.post("/branches")
async def create_branch(request: Request, scope: Owner, name: Text = "", code: Text = "") -> Response:
    open_branch(services(), scope, add_branch(services().database, scope, name, code.strip().upper()))
    return lead(request, "/admin/branches")


def members_page(request: Request, scope: Scope, filters: Wanted, *, made: NewMember | None = None) -> Response:
    database, now = services().database, services().clock.now()
    return page(
        request,
        "members.html",
        scope,
        members=search_members(database, scope, filters, now),
        branches=list_branches(database, scope),
        roles=MEMBER_ROLES,
        filters=filters,
        made=made,
    )
