"""The worklist: studies that wait, who reads them, and what is done with them by a key or a button."""

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, local_path, page
from pacs.errors import BadRequest
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal.worklist import STILL_OPEN, Asked, list_work, seen_branches, views
from pacs.reading import filters, work
from pacs.reading.readers import list_pools, list_readers

router = APIRouter(prefix="/worklist")
Reader = Annotated[Scope, page_scope("studies.read")]
Assigner = Annotated[Scope, page_scope("studies.assign")]
Claimer = Annotated[Scope, page_scope("studies.claim")]
Releaser = Annotated[Scope, page_scope("studies.release")]
Text = Annotated[str, Form(max_length=512)]
Codes = Annotated[list[str], Form(max_length=work.MOST_AT_ONCE)]


@router.get("")
async def show_worklist(
    request: Request, scope: Reader, after: Annotated[str, Query(max_length=2048)] = "", nothing: bool = False
) -> Response:
    """A page of the studies that are asked for."""
    database, asked = services().database, Asked.of(request.query_params)
    arranges = may(scope, "studies.assign")
    standing, saved = views(services(), scope)
    return page(
        request,
        "worklist.html",
        scope,
        asked=asked,
        still_open=STILL_OPEN,
        listed=list_work(services(), scope, asked, after=after),
        standing=standing,
        saved=saved,
        branches=seen_branches(database, scope),
        readers=list_readers(database, scope) if arranges else [],
        pools=list_pools(database, scope) if arranges else [],
        nothing=nothing,
    )


@router.post("/claim")
async def claim(request: Request, scope: Claimer, study: Text = "", next: Text = "") -> Response:
    """Take a study for oneself."""
    work.claim(services(), scope, study)
    return changed(request, next)


@router.post("/next")
async def claim_next(request: Request, scope: Claimer) -> Response:
    """Take what waits longest, the urgent first, and go to the desk with it."""
    code = work.claim_next(services(), scope)
    return lead(request, f"/viewer/{code}" if code else "/worklist?nothing=1")


@router.post("/release")
async def release(request: Request, scope: Releaser, study: Text = "", next: Text = "") -> Response:
    """Give a study back."""
    work.release(services(), scope, study)
    return changed(request, next)


@router.post("/assign")
async def assign(request: Request, scope: Assigner, codes: Codes = [], to: Text = "") -> Response:  # noqa: B006
    """Assign the studies that are ticked to a reader or a pool (`member:…`, `pool:…`), or to nobody."""
    kind, _, identifier = to.partition(":")
    if kind not in ("member", "pool", "nobody"):
        raise BadRequest("choose to whom", field="to")
    named = {f"{kind}_id": identifier} if kind != "nobody" else {}
    work.assign(services(), scope, codes, **named)
    return changed(request)


@router.post("/urgent")
async def set_urgent(request: Request, scope: Assigner, codes: Codes = [], urgent: Text = "") -> Response:  # noqa: B006
    """The studies that are ticked go before others, or no longer."""
    work.set_urgent(services(), scope, codes, urgent == "true")
    return changed(request)


@router.post("/keep")
async def keep_filter(request: Request, scope: Reader, name: Text = "", list: Text = "") -> Response:
    """Save the list that is open under a name."""
    current = request.headers.get("hx-current-url", "") or f"/worklist?{list}"
    asked = Asked.of({key: values[-1] for key, values in parse_qs(urlsplit(current).query).items()})
    filters.save_filter(services(), scope, name, {key: [value] for key, value in asked.values.items()})
    return changed(request, f"/worklist?{asked.address}")


@router.post("/forget")
async def forget_filter(request: Request, scope: Reader, filter: Text = "") -> Response:
    """Forget one's own filter."""
    filters.delete_filter(services(), scope, filter)
    return changed(request, "/worklist")


def changed(request: Request, next: str = "") -> Response:
    """Lead to where somebody wants to go, or let the list on the open page show what is new."""
    if next or "hx-request" not in request.headers:
        return lead(request, local_path(next, "/worklist"))
    return Response(status_code=204, headers={"HX-Trigger": "changed", "Cache-Control": "no-store"})
