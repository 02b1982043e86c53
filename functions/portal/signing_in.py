"""Signing in and out: with tokens for programs, with cookies for browsers."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import (
    NO_STORE,
    REFRESH_COOKIE,
    access_token,
    caller,
    require_same_origin,
    with_cookies,
    without_cookies,
)
from pacs.entry.http import client_address
from pacs.errors import BadRequest, Forbidden, Unauthenticated
from pacs.people.limits import address_subject, knock
from pacs.people.sessions import session_of
from pacs.people.signing_in import Credentials, refresh, sign_in, sign_out

router = APIRouter(prefix="/auth")

Text = Annotated[str, Form(max_length=512)]


@router.post("/token")
async def create_token(
    request: Request,
    response: Response,
    grant_type: Text = "password",
    username: Text = "",
    password: Text = "",
    door: Text = "",
    code: Text = "",
    organization: Text = "",
    refresh_token: Text = "",
) -> dict[str, Any]:
    """E-mail and password, or a refresh token, for tokens: the OAuth2 forms of RFC 6749 §4.3 and §6."""
    response.headers.update(NO_STORE)
    if grant_type == "refresh_token":
        found = refresh(services(), refresh_token, caller(request))
    elif grant_type == "password":
        found = sign_in(services(), Credentials(username, password, door, code, organization), caller(request))
    else:
        raise BadRequest("grant_type is password or refresh_token", field="grant_type")
    return {
        "access_token": access_token(found),
        "token_type": "bearer",
        "expires_in": found.life_s,
        "refresh_token": found.session.refresh_token,
    }


@router.post("/session")
async def create_session(
    request: Request,
    username: Annotated[str, Form(max_length=512)],
    password: Annotated[str, Form(max_length=512)],
    door: Text = "",
    code: Text = "",
    organization: Text = "",
) -> Response:
    """E-mail and password for the cookies of a browser."""
    require_same_origin(request)
    credentials = Credentials(username, password, door, code, organization)
    return with_cookies(Response(status_code=204), sign_in(services(), credentials, caller(request)))


@router.post("/session/refresh")
async def refresh_session(request: Request) -> Response:
    """New cookies for a browser whose access has run out."""
    require_same_origin(request)
    token = request.cookies.get(REFRESH_COOKIE, "")
    session_id = session_of(services().database, token) if token else ""
    if not session_id:
        knock(services().database, address_subject(client_address(request)), services().clock.now())
        raise Unauthenticated("there is no session: sign in")
    if not services().tokens.is_csrf(session_id, request.headers.get("x-csrf-token", "")):
        raise Forbidden("only our own pages may go on with a session")
    return with_cookies(Response(status_code=204), refresh(services(), token, caller(request)))


@router.post("/logout", status_code=204)
async def end(request: Request, refresh_token: Text = "") -> Response:
    """End the session of a refresh token, or of this browser. Safe to repeat."""
    require_same_origin(request)
    token = refresh_token or request.cookies.get(REFRESH_COOKIE, "")
    if token:
        sign_out(services(), token, caller(request))
    return without_cookies(Response(status_code=204))
