"""Signing in and out: with tokens for programs, with cookies for browsers.

A browser's scripts see neither token; they send what `pacs_csrf` holds back in `X-CSRF-Token`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.authorizer import SESSION_COOKIE
from pacs.entry.http import client_address
from pacs.errors import BadRequest, Forbidden, Unauthenticated
from pacs.people.sessions import session_of
from pacs.people.signing_in import Caller, Credentials, SignedIn, refresh, sign_in, sign_out

router = APIRouter(prefix="/auth")
REFRESH_COOKIE, CSRF_COOKIE = "pacs_refresh", "pacs_csrf"
REFRESH_PATH = "/auth"
NO_STORE = {"Cache-Control": "no-store"}

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
    return with_cookies(sign_in(services(), Credentials(username, password, door, code, organization), caller(request)))


@router.post("/session/refresh")
async def refresh_session(request: Request) -> Response:
    """New cookies for a browser whose access has run out."""
    require_same_origin(request)
    token = request.cookies.get(REFRESH_COOKIE, "")
    session_id = session_of(services().database, token) if token else ""
    if not session_id:
        raise Unauthenticated("there is no session: sign in")
    if not services().tokens.is_csrf(session_id, request.headers.get("x-csrf-token", "")):
        raise Forbidden("only our own pages may go on with a session")
    return with_cookies(refresh(services(), token, caller(request)))


@router.post("/logout", status_code=204)
async def end(request: Request, refresh_token: Text = "") -> Response:
    """End the session of a refresh token, or of this browser. Safe to repeat."""
    require_same_origin(request)
    token = refresh_token or request.cookies.get(REFRESH_COOKIE, "")
    if token:
        sign_out(services(), token, caller(request))
    response = Response(status_code=204, headers=NO_STORE)
    for name, path in ((SESSION_COOKIE, "/"), (REFRESH_COOKIE, REFRESH_PATH), (CSRF_COOKIE, "/")):
        response.delete_cookie(name, path=path)
    return response


def caller(request: Request) -> Caller:
    return Caller(client_address(request), request.headers.get("user-agent", ""))


def access_token(found: SignedIn) -> str:
    return services().tokens.sign(found.scope, "session", ttl_s=found.life_s)


def require_same_origin(request: Request) -> None:
    """Raises Forbidden for what another site makes a browser send: it would sign somebody in as somebody else."""
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    ours = {services().settings.origin, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if site not in ("", "same-origin", "none") or (not site and origin and origin not in ours):
        raise Forbidden("only our own pages may do this")


def with_cookies(found: SignedIn) -> Response:
    """A session in cookies. Only the token against forged calls can be read by the page, which must send it back."""
    life_s = services().settings.refresh_ttl_s
    csrf = services().tokens.csrf(found.session.id)
    response = Response(status_code=204, headers=NO_STORE)
    secure = services().settings.origin.startswith("https:")
    for name, value, path, life, hidden in (
        (SESSION_COOKIE, access_token(found), "/", found.life_s, True),
        (REFRESH_COOKIE, found.session.refresh_token, REFRESH_PATH, life_s, True),
        (CSRF_COOKIE, csrf, "/", life_s, False),
    ):
        response.set_cookie(name, value, max_age=life, path=path, secure=secure, httponly=hidden, samesite="lax")
    return response
