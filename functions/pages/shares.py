"""Links for people from outside, as those who made them keep them; administrators keep everybody's."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest
from pacs.people.audit import Deed, record
from pacs.people.organizations import list_members
from pacs.people.scope import Scope
from pacs.portal.shares import codes_of
from pacs.viewing.shares import extend_share, list_shares, revoke_share

router = APIRouter(prefix="/shares")
Text = Annotated[str, Form(max_length=64)]
Keeper = Annotated[Scope, page_scope("share.create")]


@router.get("")
async def show_shares(request: Request, scope: Keeper, state: Annotated[str, Query(max_length=16)] = "") -> Response:
    """The links, newest first; of one state when it is named."""
    database, now = services().database, services().clock.now()
    shares = [(each, each.state(now)) for each in list_shares(database, scope)]
    shown = [(each, standing) for each, standing in shares if state in ("", standing)]
    everybody = list_members(database, scope) if scope.role == "admin" else []
    return page(
        request,
        "shares.html",
        scope,
        shares=shown,
        state=state,
        codes=codes_of(database, scope, [study for each, _ in shown for study in each.studies]),
        emails={each["id"]: each["email"] for each in everybody},
        tomorrow=(now + timedelta(days=1)).date(),
    )


@router.post("/extend")
async def extend(request: Request, scope: Keeper, share: Text = "", until: Text = "", views: Text = "") -> Response:
    """Another last day, and another number of views in all; a link that wrong PINs have locked opens again."""
    try:
        last = date.fromisoformat(until)
        maximum = int(views) if views else None
    except ValueError as error:
        raise BadRequest("say the last day, and the views as a number", field="until") from error
    zone = ZoneInfo(services().settings.time_zone)
    ends = datetime.combine(last + timedelta(days=1), time(), zone)
    with services().database.transaction() as statements:
        extend_share(statements, scope, share, ends, maximum, services().clock.now())
        deed = Deed("share-change", subject=f"{share}: extended")
        record(statements, scope, deed, source_ip=client_address(request))
    return lead(request, "/shares")


@router.post("/revoke")
async def revoke(request: Request, scope: Keeper, share: Text = "") -> Response:
    """The link opens no more, and what was opened by it ends."""
    with services().database.transaction() as statements:
        revoke_share(statements, scope, share, services().clock.now())
        deed = Deed("share-change", subject=f"{share}: revoked")
        record(statements, scope, deed, source_ip=client_address(request))
    return lead(request, "/shares")
