"""The signed launch: the page that opens the viewer, its configuration, its cookies, and the link itself."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.archive.lookup import require_studies
from pacs.archive.privacy import told_studies
from pacs.bootstrap import services
from pacs.entry.http import READ, CurrentScope, client_address, request_id
from pacs.entry.sharing import require_open_share
from pacs.errors import BadRequest, TokenExpired, Unauthenticated
from pacs.people.audit import Deed, record
from pacs.people.scope import SHARED
from pacs.viewing.launch import Launch, check_studies, launch_cookies, launch_url, open_launch, viewer_url
from pacs.viewing.ohif import ohif_config
from pacs.viewing.pages import Page, Reason, launch_page, refusal_page

router = APIRouter()

Authorization = Annotated[str, Header()]


class LaunchRequest(BaseModel):
    """What a caller asks of a link. An unknown field is refused, so that a misspelt `privacy` never goes unheard."""

    model_config = ConfigDict(extra="forbid")

    studies: list[str]
    ttl_s: int | None = None
    privacy: bool = False
    return_url: str = Field("", alias="returnUrl")


@router.api_route("/ohif", methods=[*READ])
async def show_launch(
    request: Request,
    token: str = "",
    returnUrl: str = "",  # noqa: N803 - the name in the link
    expired: bool = False,
) -> Response:
    """The page of a link: opens the viewer, or says in two languages why not."""
    try:
        if not token:
            return refusal(request, "expired" if expired else "missing", 401)
        launch = open_with(token, returnUrl)
    except TokenExpired:
        return refusal(request, "expired", 401)
    except Unauthenticated:
        return refusal(request, "invalid", 401)
    except BadRequest:
        return refusal(request, "return", 400)
    address = viewer_url(services().settings, launch, token)
    if services().settings.public_ohif_url:
        return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
    return html(launch_page(address, launch.return_url), 200)


@router.get("/ohif/config")
async def read_config(
    response: Response,
    authorization: Authorization = "",
    token: str = "",
    returnUrl: str = "",  # noqa: N803 - the name in the link
) -> dict[str, Any]:
    """The data source of this launch."""
    launch = open_with(bearer(authorization) or token, returnUrl)
    response.headers["Cache-Control"] = "no-store"
    return ohif_config(services().settings, launch)


@router.post("/ohif/session", status_code=204)
async def create_session(authorization: Authorization = "") -> Response:
    """Cookies for what cannot send a header."""
    launch = open_with(bearer(authorization))
    secure = services().settings.origin.startswith("https:")
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    for cookie in launch_cookies(services().tokens, launch, services().clock.now()):
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age_s,
            path=cookie.path,
            secure=secure,
            httponly=True,
            samesite="strict",
        )
    return response


@router.post("/api/launch")
async def create_launch(request: Request, scope: CurrentScope, asked: LaunchRequest) -> dict[str, str]:
    """A link for studies that the caller may see."""
    check_studies(asked.studies)
    require_studies(services().database, scope, asked.studies)
    settings, tokens = services().settings, services().tokens
    ttl_s = settings.launch_ttl_s if asked.ttl_s is None else asked.ttl_s
    named = told_studies(services().database, scope, asked.studies) if asked.privacy else asked.studies
    url = launch_url(settings, tokens, scope, named, ttl_s=ttl_s, return_url=asked.return_url, privacy=asked.privacy)
    with services().database.transaction() as statements:
        for study in asked.studies:
            record(statements, scope, Deed("launch", study), source_ip=client_address(request))
    return {"url": url, "expires_at": (services().clock.now() + timedelta(seconds=ttl_s)).isoformat(timespec="seconds")}


def open_with(token: str, return_url: str = "") -> Launch:
    launch = open_launch(services().tokens, token, return_url=return_url, origin=services().settings.origin)
    if launch.scope.role in SHARED:
        require_open_share(launch.scope)
    services().ended.require_living(launch.scope)
    return launch


def bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refusal(request: Request, reason: Reason, status: int) -> Response:
    language = request.headers.get("accept-language", "")
    return html(refusal_page(reason, accept_language=language, request_id=request_id(request)), status)


def html(page: Page, status: int) -> Response:
    return Response(page.html, status, page.headers, media_type="text/html")
