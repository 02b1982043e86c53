"""How pages of the portal are answered: as whole documents, as errors that people can read, or by leading elsewhere."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import session_scope
from pacs.entry.http import request_id, told
from pacs.errors import Forbidden, TooManyRequests, Unauthenticated
from pacs.people.scope import Scope
from pacs.portal.language import Speech, choose_language
from pacs.portal.pages import HEADERS, Visit, render

LANGUAGE_COOKIE, THEME_COOKIE, DOOR_COOKIE = "pacs_language", "pacs_theme", "pacs_door"
REMEMBERED_S = 365 * 24 * 3600
ADDRESS_MAX = 2048


def visit_of(request: Request, scope: Scope | None = None) -> Visit:
    """Who looks at a page and how."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    language = choose_language(chosen, request.headers.get("accept-language", ""))
    query = f"?{request.url.query}" if request.url.query else ""
    return Visit(
        speech=Speech(language, ZoneInfo(services().settings.time_zone)),
        path=f"{request.url.path}{query}" if request.method == "GET" else "/",
        theme=request.cookies.get(THEME_COOKIE, ""),
        request_id=request_id(request),
        scope=scope,
        csrf=services().tokens.csrf(scope.session_id) if scope else "",
    )


def page(request: Request, template: str, scope: Scope | None = None, *, status: int = 200, **values: Any) -> Response:
    """A page of our own. `scope` is that of somebody who has signed in."""
    return Response(render(template, visit_of(request, scope), **values), status, HEADERS, media_type="text/html")


def waiting(response: Response, error: Exception | None) -> Response:
    """The same answer, which says when to try again where that is what is wrong."""
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def lead(request: Request, path: str) -> Response:
    """Lead the browser to another page of ours: by htmx, which follows no redirect with the whole page, or plainly."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path, "Cache-Control": "no-store"})
    return Response(status_code=303, headers={"Location": path, "Cache-Control": "no-store"})


def local_path(address: str, default: str = "/") -> str:
    """An address on our own origin, or the default for whatever a browser might read as another's."""
    plain = address.isascii() and address.isprintable() and "\\" not in address and len(address) <= ADDRESS_MAX
    return address if plain and address.startswith("/") and not address.startswith("//") else default


def home_of(scope: Scope) -> str:
    """The first page of somebody who has signed in."""
    return "/account" if scope.role == "enrolling" else "/dashboard"


def keep(response: Response, name: str, value: str) -> None:
    """Remember something about this browser that is no secret."""
    secure = services().settings.origin.startswith("https:")
    response.set_cookie(name, value, max_age=REMEMBERED_S, secure=secure, httponly=True, samesite="lax")


def renewal(request: Request) -> str:
    """Where a session is renewed, to come back to the page that somebody was on."""
    if current := request.headers.get("hx-current-url"):
        parts = urlsplit(current)
        here = f"{parts.path}?{parts.query}" if parts.query else parts.path
    else:
        here = visit_of(request).path
    return f"/auth/renew?{urlencode({'next': local_path(here)})}"


async def show_error(request: Request, error: Exception) -> Response:
    """Any error as a page, or as a notice on the page that is open; both with the identifier of the request."""
    if isinstance(error, Unauthenticated):
        return lead(request, renewal(request))
    try:
        scope: Scope | None = session_scope(request)
    except Unauthenticated:
        scope = None
    if isinstance(error, Forbidden) and scope and scope.role == "enrolling":
        return lead(request, "/account")
    said = told(error)
    if "hx-request" in request.headers:
        notice = render("notice.html", visit_of(request, scope), code=said.code)
        shown = {"HX-Retarget": "#problems", "HX-Reswap": "innerHTML", "HX-Reselect": ".notice"}
        return waiting(Response(notice, said.status, {**HEADERS, **shown}, media_type="text/html"), error)
    visit = replace(visit_of(request, scope), path="/")
    html = render("error.html", visit, code=said.code, status=said.status)
    return waiting(Response(html, said.status, HEADERS, media_type="text/html"), error)
