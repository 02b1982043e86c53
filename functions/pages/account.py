"""One's own account: password, second factor, and where one is signed in."""

from typing import Annotated, Any

import segno
from fastapi import APIRouter, Form, Request, Response
from markupsafe import Markup

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page, waiting
from pacs.errors import BadRequest, NotFound, PacsError, TooManyRequests, Unauthenticated, answer_for
from pacs.people import second_factor
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, describe_organizations, find_by_id
from pacs.people.recovery import change_password, require_password
from pacs.people.scope import Scope
from pacs.people.sessions import list_sessions, revoke_session, revoke_sessions

router = APIRouter(prefix="/account")
Text = Annotated[str, Form(max_length=512)]
Anyone = Annotated[Scope, page_scope("account.enrol")]
Holder = Annotated[Scope, page_scope("account.manage")]


@router.get("")
async def show_account(request: Request, scope: Anyone, done: str = "") -> Response:
    return account_page(request, scope, done=done)


@router.post("/password")
async def replace_password(request: Request, scope: Holder, current: Text = "", password: Text = "") -> Response:
    """A new password; every other session ends."""
    try:
        change_password(services(), scope, member_of(scope), current, password, client_address(request))
    except (Unauthenticated, BadRequest, TooManyRequests) as error:
        return account_page(request, scope, error=error, part="password")
    return lead(request, "/account?done=password")


@router.post("/totp")
async def begin_second_factor(request: Request, scope: Anyone) -> Response:
    """A secret for an app, to read with its camera. It counts once a code has confirmed it."""
    begun = second_factor.begin(services(), member_of(scope))
    picture = segno.make(begun["uri"], error="m").svg_inline(scale=5, light="#fff")
    return page(request, "second_factor.html", scope, secret=begun["secret"], picture=Markup(picture))  # noqa: S704


@router.post("/totp/confirm")
async def confirm_second_factor(request: Request, scope: Anyone, code: Text = "") -> Response:
    """From now on a code is needed to sign in."""
    try:
        second_factor.confirm(services(), member_of(scope), code.strip(), client_address(request))
    except (BadRequest, TooManyRequests) as error:
        return account_page(request, scope, error=error, part="totp")
    audit(request, scope, "change-account", "second factor set up")
    return lead(request, "/auth/renew?next=/account?done=totp" if scope.role == "enrolling" else "/account?done=totp")


@router.post("/totp/remove")
async def remove_second_factor(request: Request, scope: Holder, password: Text = "") -> Response:
    """Without a second factor from now on."""
    member = member_of(scope)
    try:
        require_password(services(), member, password, client_address(request))
    except (Unauthenticated, TooManyRequests) as error:
        return account_page(request, scope, error=error, part="totp")
    second_factor.remove(services().database, member)
    audit(request, scope, "change-account", "second factor removed")
    return lead(request, "/account?done=removed")


@router.post("/sessions/end")
async def end_sessions(request: Request, scope: Holder, session: Text = "") -> Response:
    """Sign out in one place, or (without naming one) everywhere else."""
    database, now = services().database, services().clock.now()
    if session:
        revoke_session(database, scope.member_id, session, now)
    else:
        revoke_sessions(database, scope.member_id, now, but=scope.session_id)
    audit(request, scope, "sign-out", session or "everywhere else")
    return lead(request, "/account?done=sessions")


def audit(request: Request, scope: Scope, action: Any, subject: str) -> None:
    record(services().database, scope, Deed(action, subject=subject), source_ip=client_address(request))


def member_of(scope: Scope) -> Member:
    member = find_by_id(services().database, scope.member_id) if scope.member_id else None
    if member is None:
        raise NotFound("this session is no member's")
    return member


def account_page(
    request: Request, scope: Scope, *, done: str = "", error: PacsError | None = None, part: str = ""
) -> Response:
    database, member = services().database, member_of(scope)
    answer = answer_for(error) if error else None
    shown = page(
        request,
        "account.html",
        scope,
        # A wrong password here is no call without a session.
        status=answer.http_status if answer and answer.http_status != 401 else 200 if not answer else 400,
        member=member,
        organizations=describe_organizations(database, member),
        sessions=list_sessions(database, member.id, services().clock.now()),
        done=done,
        part=part,
        code=answer.code if answer else "",
    )
    return waiting(shown, error)
