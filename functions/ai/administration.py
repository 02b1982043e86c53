"""For administrators: the consent, and which providers are asked, where, with what key, model and budget."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from pacs.ai.configuring import configured, save, set_consent
from pacs.ai.health import HealthCheck, check
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.portal import ai as views

router = APIRouter(prefix="/admin/ai")
Text = Annotated[str, Form(max_length=4096)]
Keeper = Annotated[Scope, page_scope("ai.manage")]


def typed_form(
    provider: Text = "",
    enabled: Text = "",
    url: Text = "",
    back: Text = "",
    key: Text = "",
    forget: Text = "",
    model: Text = "",
    monthly_budget: Text = "",
    warn_percent: Text = "",
) -> views.Typed:
    return views.Typed(provider, bool(enabled), url, bool(back), key, bool(forget), model, monthly_budget, warn_percent)


@router.get("")
async def show_ai(request: Request, scope: Keeper) -> Response:
    """Every provider with what it lacks, and who would answer now."""
    return ai_page(request, scope)


@router.post("")
async def change_provider(
    request: Request, scope: Keeper, typed: Annotated[views.Typed, Depends(typed_form)]
) -> Response:
    """Keep what was filled in about a provider; what cannot be kept is told beside its field."""
    found = configured(services(), scope, typed.provider)
    try:
        save(services(), scope, typed.provider, views.change_of(found, typed), source_ip=client_address(request))
    except BadRequest as error:
        if error.field not in views.FIELD_TEXTS:
            raise
        return ai_page(request, scope, typed=typed, fault=error.field)
    return lead(request, f"/admin/ai?done=saved#{typed.provider}")


@router.post("/consent")
async def change_consent(request: Request, scope: Keeper, given: Text = "") -> Response:
    """Let studies leave the house, without what identifies, or not any more."""
    set_consent(services(), scope, bool(given), source_ip=client_address(request))
    return lead(request, "/admin/ai?done=consent")


@router.post("/test")
async def test_provider(request: Request, scope: Keeper, provider: Text = "", kind: Text = "text") -> Response:
    """Ask a provider something tiny, and tell what came of it on the page that is open."""
    tested = check(services(), scope, provider, kind="image" if kind == "image" else "text")
    if "hx-request" not in request.headers:
        return ai_page(request, scope, tested=tested)
    slow = configured(services(), scope, provider).provider.patience_s > 0
    return page(request, "ai_tested.html", scope, tested=tested, slow=slow)


def ai_page(
    request: Request,
    scope: Scope,
    *,
    typed: views.Typed | None = None,
    fault: str = "",
    tested: HealthCheck | None = None,
) -> Response:
    giver = views.giver(services(), scope)
    cards = views.list_cards(services(), scope, giver.consent)
    route = views.route_of(cards)
    return page(
        request,
        "ai.html",
        scope,
        status=400 if fault else 200,
        giver=giver,
        cards=cards,
        route=route,
        answering=next((each for each in route if not each.reasons), None),
        typed=typed,
        fault_in=(typed.provider, fault) if typed else None,
        tested=tested,
        slow=False,
        done=request.query_params.get("done", ""),
        reason_names=views.REASONS,
        field_texts=views.FIELD_TEXTS,
    )
