"""What whoever has a link can do with it: see what it is, and open it. Nobody is signed in here."""

from base64 import b64encode
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response

from pacs.archive.lookup import Level
from pacs.archive.privacy import told_studies
from pacs.archive.shared import covered_studies
from pacs.bootstrap import services
from pacs.entry.http import client_address
from pacs.errors import NotFound, TooManyRequests, Unauthenticated, UndecodablePixels
from pacs.people.audit import REFUSED, Deed, record, record_once
from pacs.people.limits import address_subject, knock
from pacs.people.scope import Scope
from pacs.viewing.share_page import Notice, Shown, page_language, share_page
from pacs.viewing.shares import Share, enter_share, find_share, share_launch

router = APIRouter()
PREVIEWS = 4


@router.get("/api/share/{token}")
async def read_share(request: Request, token: str) -> dict[str, Any]:
    """What a link is, and whether it can be opened. Nothing of whom it is about."""
    share = asked_for(request, token)
    return {
        "state": state_of(share),
        "pin": share.pin_hash is not None,
        "studies": len(share.studies),
        "privacy": share.privacy,
        "may_download": share.may_download,
        "not_before": share.not_before.isoformat(),
        "expires_at": share.expires_at.isoformat(),
        "views_left": None if share.maximum_views is None else max(0, share.maximum_views - share.views),
    }


@router.get("/share")
async def show(request: Request, s: str = "", lang: str = "") -> Response:
    """The page of a link, with previews unless a PIN stands before them."""
    try:
        share = asked_for(request, s)
    except NotFound:
        return page(request, Shown(s, "unknown"), lang, 404)
    state = state_of(share)
    if state != "open":
        return page(request, Shown(s, state), lang, 410)
    seen = shown(share, s)
    if seen.previews:
        note_previews(request, share)
    return page(request, seen, lang, 200)


@router.post("/share")
async def open_share(
    request: Request,
    s: Annotated[str, Form(max_length=128)] = "",
    pin: Annotated[str, Form(max_length=64)] = "",
    lang: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Into the viewer, when the PIN is right and the link is open; one view is counted."""
    try:
        share = asked_for(request, s)
    except NotFound:
        return page(request, Shown(s, "unknown"), lang, 404)
    seen = covered_studies(services().database, share.organization_id, share.member_id, share.studies)
    visitor = Scope(share.organization_id, "share", session_id=share.id)
    now, address = services().clock.now(), client_address(request)
    try:
        if not seen:
            raise Unauthenticated("the share shows nothing any more")
        enter_share(services().database, share, pin, now)
    except (Unauthenticated, TooManyRequests) as error:
        record(services().database, visitor, Deed("share-view", subject=share.id, outcome=REFUSED), source_ip=address)
        return refused(request, s, find_share(services().database, s), lang, error)
    with services().database.transaction() as statements:
        for study in seen:
            record(statements, visitor, Deed("share-view", study, subject=share.id), source_ip=address)
    private = share.privacy and not share.report_id
    told = told_studies(services().database, visitor, seen) if private else seen
    url = share_launch(services().settings, services().tokens, share, told, now)
    if share.report_id:
        url += f"&lang={page_language(lang, request.headers.get('accept-language', ''))}"
    return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})


def asked_for(request: Request, token: str) -> Share:
    """The link of a call, which its address may make only so often. Raises NotFound, TooManyRequests."""
    knock(services().database, f"share {address_subject(client_address(request))}", services().clock.now())
    return find_share(services().database, token)


def state_of(share: Share) -> Any:
    """As the link says; a link that shows nothing any more, for its maker may not or it was deleted, is over, too."""
    state = share.state(services().clock.now())
    if state != "open":
        return state
    seen = covered_studies(services().database, share.organization_id, share.member_id, share.studies)
    return "open" if seen else "revoked"


def shown(share: Share, token: str, notice: Notice | None = None) -> Shown:
    needs_pin = share.pin_hash is not None
    public = services().settings.public_ohif_url
    parts = urlsplit(public)
    return Shown(
        token,
        notice,
        needs_pin=needs_pin,
        private=share.privacy,
        studies=len(share.studies),
        until=share.expires_at.isoformat(),
        previews=() if needs_pin or share.report_id else previews(share),
        viewer_origin=f"{parts.scheme}://{parts.netloc}" if public else "",
        report=bool(share.report_id),
    )


def previews(share: Share) -> tuple[str, ...]:
    """Small pictures of the studies, none of what privacy does not show."""
    from pacs.archive.rendering import thumbnail  # brings what draws, which most calls do without

    seen = covered_studies(services().database, share.organization_id, share.member_id, share.studies)
    scope = Scope(share.organization_id, "share", studies=tuple(seen), privacy=share.privacy)
    found = []
    for study in seen[:PREVIEWS]:
        try:
            picture = thumbnail(services(), scope, Level(study))
        except (NotFound, UndecodablePixels):
            continue
        found.append("data:image/jpeg;base64," + b64encode(picture).decode())
    return tuple(found)


def note_previews(request: Request, share: Share) -> None:
    visitor, address = Scope(share.organization_id, "share", session_id=share.id), client_address(request)
    for study in share.studies:
        deed = Deed("share-view", study, subject=f"{share.id}: preview")
        record_once(services().database, visitor, deed, source_ip=address)


def refused(request: Request, token: str, share: Share, lang: str, error: Exception) -> Response:
    """The page again, which says why not."""
    state = state_of(share)
    if isinstance(error, TooManyRequests):
        notice: Notice = "locked" if state == "locked" else "wait"
        answer = page(request, shown(share, token, notice), lang, 429)
        answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer
    if state != "open":
        return page(request, Shown(token, state), lang, 410)
    return page(request, shown(share, token, "wrong"), lang, 401)


def page(request: Request, what: Shown, lang: str, status: int) -> Response:
    made = share_page(what, page_language(lang, request.headers.get("accept-language", "")))
    return Response(made.html, status, made.headers, media_type="text/html")
