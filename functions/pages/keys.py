"""API keys of the organization: made, rotated, revoked and watched by its managers."""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest
from pacs.people.keys import (
    GRANTABLE,
    USAGE,
    MadeKey,
    NewKey,
    create_key,
    find_member_of_key,
    list_keys,
    revoke_key,
    rotate_key,
    usage_by_day,
)
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal.moments import end_of

router = APIRouter(prefix="/keys")
Text = Annotated[str, Form(max_length=200)]
Choices = Annotated[list[str], Form()]
Manager = Annotated[Scope, page_scope("api_keys.manage")]
OVERLAPS_H = (0, 1, 24, 168, 720)


@router.get("")
async def show_keys(request: Request, scope: Manager) -> Response:
    """The keys of the organization, and how often they were used."""
    return keys_page(request, scope)


@router.post("")
async def make_key(
    request: Request,
    scope: Manager,
    name: Text = "",
    scopes: Choices = [],  # noqa: B006 - FastAPI copies it
    until: Text = "",
) -> Response:
    """Make a key in one's own name; it is shown this once."""
    now, ends = services().clock.now(), end_of(until, "until", ZoneInfo(services().settings.time_zone))
    with services().database.transaction() as statements:
        member = find_member_of_key(statements, scope)
        made = create_key(statements, scope, member, NewKey(name, scopes, ends), now)
    return keys_page(request, scope, made=made)


@router.post("/rotate")
async def replace_key(request: Request, scope: Manager, key: Text = "", overlap: Text = "") -> Response:
    """A new key in the place of another, which lives on for some hours."""
    if overlap not in map(str, OVERLAPS_H):
        raise BadRequest("choose how long both keys are good", field="overlap")
    with services().database.transaction() as statements:
        made = rotate_key(statements, scope, key, timedelta(hours=int(overlap)), services().clock.now())
    return keys_page(request, scope, made=made)


@router.post("/revoke")
async def end_key(request: Request, scope: Manager, key: Text = "") -> Response:
    """Let a key in no more."""
    with services().database.transaction() as statements:
        revoke_key(statements, scope, key, services().clock.now())
    return lead(request, "/keys")


def keys_page(request: Request, scope: Scope, *, made: MadeKey | None = None) -> Response:
    database, now = services().database, services().clock.now()
    calls = {row["day"]: row["calls"] for row in usage_by_day(database, scope, now)}
    days = [(now - timedelta(days=back)).date() for back in reversed(range(USAGE.days))]
    return page(
        request,
        "keys.html",
        scope,
        keys=list_keys(database, scope, now),
        made=made,
        grantable=[each for each in GRANTABLE if may(scope, each)],
        overlaps=OVERLAPS_H,
        days=days,
        calls=[calls.get(day.isoformat(), 0) for day in days],
    )
