"""For administrators: what models cost, from which day on."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from pacs.ai.configuring import list_configured
from pacs.ai.price_list import READ_ON, SOURCE
from pacs.ai.prices import remove_price, set_price, today
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.scope import Scope
from pacs.portal import ai_prices as views
from pacs.portal.ai import LABELS

router = APIRouter(prefix="/admin/ai/prices")
Text = Annotated[str, Form(max_length=200)]
Keeper = Annotated[Scope, page_scope("ai.manage")]


def typed_form(
    provider: Text = "",
    model: Text = "",
    effective_from: Text = "",
    tokens_in: Text = "",
    tokens_cached: Text = "",
    tokens_out: Text = "",
    image: Text = "",
) -> views.Typed:
    return views.Typed(provider, model, effective_from, tokens_in, tokens_cached, tokens_out, image)


@router.get("")
async def show_prices(request: Request, scope: Keeper) -> Response:
    """The organization's own and those of services' lists; which of them counts today."""
    return prices_page(request, scope)


@router.post("")
async def add_price(request: Request, scope: Keeper, typed: Annotated[views.Typed, Depends(typed_form)]) -> Response:
    """A price from a day on, today or later; what cannot be kept is told beside its field."""
    try:
        set_price(services(), scope, views.price_typed(typed), source_ip=client_address(request))
    except BadRequest as error:
        if error.field not in views.FIELD_TEXTS:
            raise
        return prices_page(request, scope, typed=typed, fault=error.field)
    return lead(request, "/admin/ai/prices?done=saved")


@router.post("/remove")
async def take_price_back(request: Request, scope: Keeper, price: Text = "") -> Response:
    """Remove a price by which no call was counted."""
    if not (price.isascii() and price.isdecimal() and len(price) < 19):
        raise NotFound("there is no such price", field="price")
    try:
        remove_price(services(), scope, int(price), source_ip=client_address(request))
    except Conflict:
        return prices_page(request, scope, conflict=True)
    return lead(request, "/admin/ai/prices?done=removed")


def prices_page(
    request: Request, scope: Scope, *, typed: views.Typed | None = None, fault: str = "", conflict: bool = False
) -> Response:
    return page(
        request,
        "ai_prices.html",
        scope,
        status=400 if fault else 409 if conflict else 200,
        prices=views.shown_prices(services(), scope),
        models=sorted({each.model for each in list_configured(services(), scope) if each.model}),
        typed=typed or views.Typed(),
        fault_in=fault,
        conflict=conflict,
        done=request.query_params.get("done", ""),
        today=today(services()),
        labels=LABELS,
        state_names=views.STATES,
        field_texts=views.FIELD_TEXTS,
        source=SOURCE,
        read_on=READ_ON,
    )
