"""For administrators: the organization's members with their rights, and its branches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from functions.pages.answering import lead, page
from pacs.archive.peers import branch_titles, open_branch
from pacs.bootstrap import services
from pacs.dicom.text import fold
from pacs.entry.browser import page_scope
from pacs.errors import BadRequest
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
from pacs.people.standing import change_role, enable_member, set_window

router = APIRouter(prefix="/admin")
Text = Annotated[str, Form(max_length=512)]
Word = Annotated[str, Query(max_length=200)]
Choices = Annotated[list[str], Form()]
Owner = Annotated[Scope, page_scope("organization.manage")]
LIST = "/admin/members"


@dataclass(frozen=True)
class Wanted:
    """Which members are looked for; `branch` is a code."""

    q: str = ""
    role: str = ""
    branch: str = ""
    state: str = ""

    def fits(self, member: Mapping[str, Any], now: datetime) -> bool:
        said = fold(f"{member['email']} {member['name']} {' '.join(member['branches'])}")
        return (
            fold(self.q) in said
            and self.role in ("", member["role"])
            and (not self.branch or self.branch in member["branches"])
            and self.state in ("", state_of(member, now), *(("importer",) if member["importer"] else ()))
        )

    @property
    def address(self) -> str:
        return urlencode({name: value for name, value in self.__dict__.items() if value})


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
        now = services().clock.now()
        set_window(statements, scope, member, moment_of(begins, "from"), moment_of(ends, "until"), now)
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
    known = list_branches(services().database, scope)
    branches = [each for each in known if fold(q) in fold(f"{each.code} {each.name}")]
    return page(request, "branches.html", scope, branches=branches, q=q, titles=branch_titles(services(), scope))


@router.post("/branches")
async def create_branch(request: Request, scope: Owner, name: Text = "", code: Text = "") -> Response:
    open_branch(services(), scope, add_branch(services().database, scope, name, code.strip().upper()))
    return lead(request, "/admin/branches")


def moment_of(text: str, field: str) -> datetime | None:
    """What a field for date and time holds, on the clocks where the archive stands."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadRequest("this is no date with a time", field=field) from error
    return moment.replace(tzinfo=ZoneInfo(services().settings.time_zone)) if moment else None


def state_of(member: Mapping[str, Any], now: datetime) -> str:
    """`active`, `disabled`, or for importers `closed` outside the window."""
    if member["disabled_at"] is not None:
        return "disabled"
    begins, ends = member["importer_from"], member["importer_until"]
    open_now = ends is not None and (begins is None or begins <= now) and now < ends
    return "closed" if member["importer"] and not open_now else "active"


def members_page(request: Request, scope: Scope, filters: Wanted, *, made: NewMember | None = None) -> Response:
    database, now = services().database, services().clock.now()
    found = [
        {**each, "state": state_of(each, now)} for each in list_members(database, scope) if filters.fits(each, now)
    ]
    return page(
        request,
        "members.html",
        scope,
        members=[{**each, "state": state_of(each, now)} for each in found],
        branches=list_branches(database, scope),
        roles=MEMBER_ROLES,
        filters=filters,
        made=made,
    )
