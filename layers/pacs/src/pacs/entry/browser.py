"""How people's browsers knock: the cookies of a session, and who may open which page.

Used by functions/portal and functions/pages. A browser's scripts see neither token; they send what `pacs_csrf` holds
back in `X-CSRF-Token`, and forms without scripts in the field `csrf`.
"""

from typing import Any

from fastapi import Depends, Request, Response

from pacs.bootstrap import services
from pacs.entry.authorizer import SAFE, SESSION_COOKIE
from pacs.entry.http import client_address
from pacs.errors import Forbidden, Unauthenticated
from pacs.people.audit import caller_address
from pacs.people.permissions import Action, may
from pacs.people.scope import Scope
from pacs.people.signing_in import Caller, SignedIn

REFRESH_COOKIE, CSRF_COOKIE = "pacs_refresh", "pacs_csrf"
REFRESH_PATH = "/auth"
NO_STORE = {"Cache-Control": "no-store"}


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


def with_cookies(response: Response, found: SignedIn) -> Response:
    """A session in cookies. Only the token against forged calls can be read by the page, which must send it back."""
    life_s = services().settings.refresh_ttl_s
    csrf = services().tokens.csrf(found.session.id)
    secure = services().settings.origin.startswith("https:")
    for name, value, path, life, hidden in (
        (SESSION_COOKIE, access_token(found), "/", found.life_s, True),
        (REFRESH_COOKIE, found.session.refresh_token, REFRESH_PATH, life_s, True),
        (CSRF_COOKIE, csrf, "/", life_s, False),
    ):
        response.set_cookie(name, value, max_age=life, path=path, secure=secure, httponly=hidden, samesite="lax")
    response.headers.update(NO_STORE)
    return response


def without_cookies(response: Response) -> Response:
    """The same answer, after which a browser has no session."""
    for name, path in ((SESSION_COOKIE, "/"), (REFRESH_COOKIE, REFRESH_PATH), (CSRF_COOKIE, "/")):
        response.delete_cookie(name, path=path)
    response.headers.update(NO_STORE)
    return response


def session_scope(request: Request) -> Scope:
    """The scope of the session that a browser is in. Raises Unauthenticated."""
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if not cookie:
        raise Unauthenticated("sign in to see this page")
    scope = services().tokens.verify(cookie, "session")
    services().ended.require_living(scope)
    return scope


def page_scope(action: Action) -> Any:
    """A page's dependency on a session that may do `action`; forms prove besides that they are ours.

    Pages are public to the gateway, which could only answer with JSON; they ask the same table of permissions.
    """

    async def allowed(request: Request) -> Scope:
        scope = session_scope(request)
        if not may(scope, action):
            raise Forbidden("your role does not allow this")
        if request.method not in SAFE:
            given = request.headers.get("x-csrf-token") or str((await request.form()).get("csrf", ""))
            if not services().tokens.is_csrf(scope.session_id, given):
                raise Forbidden("only our own pages may do this")
        caller_address.set(client_address(request))
        return scope

    return Depends(allowed)
