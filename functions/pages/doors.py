"""The doors: four ways in that each let in their own roles, the way out, and how pages look to a browser."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import (
    REFRESH_COOKIE,
    caller,
    require_same_origin,
    session_scope,
    with_cookies,
    without_cookies,
)
from pacs.entry.portal import (
    DOOR_COOKIE,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    home_of,
    keep,
    lead,
    local_path,
    page,
    visit_of,
    waiting,
)
from pacs.errors import BadRequest, PacsError, TooManyRequests, Unauthenticated, answer_for
from pacs.people import oidc
from pacs.people.signing_in import Credentials, refresh, sign_in, sign_out
from pacs.portal.language import NAMES
from pacs.portal.pages import DOOR_SIGNS, THEMES, DoorSign, door_path

router = APIRouter()
Text = Annotated[str, Form(max_length=512)]
Show = Callable[..., Awaitable[Response]]


@router.get("/")
async def show_start(request: Request) -> Response:
    """One's own dashboard, or the door."""
    try:
        return lead(request, home_of(session_scope(request)))
    except Unauthenticated:
        return lead(request, "/auth/renew?next=/")


def show_door(sign: DoorSign) -> Show:
    async def show(request: Request, next: str = "") -> Response:
        return door_page(request, sign, next=next)

    return show


for each in DOOR_SIGNS:
    for path in (each.turkish, each.english):
        router.get(path)(show_door(each))


@router.post("/auth/door")
async def enter(
    request: Request, door: Text = "", username: Text = "", password: Text = "", code: Text = "", next: Text = ""
) -> Response:
    """Come in. Whatever is wrong, the wrong door too, is answered like a wrong password."""
    require_same_origin(request)
    sign = next_sign(door)
    try:
        found = sign_in(services(), Credentials(username, password, sign.door, code.strip()), caller(request))
    except (Unauthenticated, TooManyRequests) as error:
        return door_page(request, sign, username=username, next=next, error=error)
    response = lead(request, local_path(next, home_of(found.scope)))
    keep(response, DOOR_COOKIE, sign.door)
    return with_cookies(response, found)


@router.get("/auth/renew")
async def renew(request: Request, next: str = "") -> Response:
    """Go on with a session whose access has run out, or show the door."""
    token = request.cookies.get(REFRESH_COOKIE, "")
    if token:
        try:
            return with_cookies(lead(request, local_path(next)), refresh(services(), token, caller(request)))
        except Unauthenticated:
            return without_cookies(lead(request, last_door(request, next)))
    return lead(request, last_door(request, next))


@router.post("/auth/leave")
async def leave(request: Request) -> Response:
    """Sign out here."""
    require_same_origin(request)
    token = request.cookies.get(REFRESH_COOKIE, "")
    if token:
        sign_out(services(), token, caller(request))
    return without_cookies(lead(request, last_door(request)))


@router.post("/preferences")
async def prefer(request: Request, language: Text = "", theme: Text = "", next: Text = "") -> Response:
    """In which language and in which light this browser shows pages."""
    require_same_origin(request)
    response = lead(request, local_path(next))
    if language in NAMES:
        keep(response, LANGUAGE_COOKIE, language)
    if theme in THEMES:
        keep(response, THEME_COOKIE, theme)
    return response


def next_sign(door: str) -> DoorSign:
    for sign in DOOR_SIGNS:
        if sign.door == door:
            return sign
    raise BadRequest("there is no such door", field="door")


def last_door(request: Request, next: str = "") -> str:
    """The door by which this browser came in last, and which page somebody wants behind it."""
    path = door_path(request.cookies.get(DOOR_COOKIE, ""), visit_of(request).speech.language)
    wanted = local_path(next)
    return path if wanted == "/" else f"{path}?{urlencode({'next': wanted})}"


def door_page(
    request: Request, sign: DoorSign, *, username: str = "", next: str = "", error: PacsError | None = None
) -> Response:
    answer = answer_for(error) if error else None
    values: dict[str, Any] = {"sign": sign, "username": username, "next": next, "code": answer.code if answer else ""}
    values["provider"] = services().settings.oidc_name if sign.door in oidc.doors(services().settings) else ""
    return waiting(page(request, "door.html", status=answer.http_status if answer else 200, **values), error)
