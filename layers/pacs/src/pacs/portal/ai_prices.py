"""What do models cost, since when, and which price counts today? Called by functions/ai."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pacs.ai.configuring import list_configured
from pacs.ai.prices import KINDS, Price, fitting, list_prices, listed_price, listed_prices, today
from pacs.ai.providers import PROVIDERS
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.portal.ai_usage import day_named
from pacs.portal.language import marked
from pacs.ports import Services

SUM = re.compile(r"\d{1,7}(\.\d{1,6})?", re.ASCII)
STATES = {
    "used": marked("Used today"),
    "force": marked("In force"),
    "future": marked("Later"),
    "past": marked("Until another began"),
    "replaced": marked("Your own price counts"),
}
OF_SUM = marked("A price is a sum of US dollars, such as 2.50.")
# What to tell of a field that cannot be kept.
FIELD_TEXTS = {
    "provider": marked("Choose one of the providers."),
    "model": marked("A model's name has at most 200 characters."),
    "effective_from": marked("A price begins today or later."),
    **dict.fromkeys(KINDS, OF_SUM),
}


@dataclass(frozen=True)
class Typed:
    """What somebody filled in about a price."""

    provider: str = ""
    model: str = ""
    effective_from: str = ""
    tokens_in: str = ""
    tokens_cached: str = ""
    tokens_out: str = ""
    image: str = ""


@dataclass(frozen=True)
class Shown:
    """A price, and how it stands today: one of STATES."""

    price: Price
    state: str

    @property
    def near(self) -> bool:
        """Whether it is the organization's own, or used today: shown before the others."""
        return self.price.id is not None or self.state in ("used", "replaced")


def shown_prices(services: Services, scope: Scope) -> list[Shown]:
    """The organization's own and what was read of lists, by provider and model, the newest first."""
    own, day = list_prices(services, scope), today(services)
    newest: dict[str, dict[str, Price]] = {}
    for each in own:
        if each.effective_from is not None and each.effective_from <= day:
            newest.setdefault(each.provider, {}).setdefault(each.model, each)
    used = [
        fitting(each.model, newest.get(each.provider.name, {})) or listed_price(each.provider.name, each.model, day)
        for each in list_configured(services, scope)
        if each.ready
    ]
    shown = [Shown(each, state_of(each, newest.get(each.provider, {}), used, day)) for each in own + listed_prices()]
    order = list(PROVIDERS)
    return sorted(shown, key=lambda each: (order.index(each.price.provider), each.price.model, each.price.id is None))


def state_of(price: Price, newest: Mapping[str, Price], used: Sequence[Price | None], day: date) -> str:
    """`newest`: the organization's own of this provider that have begun, by model."""
    if price in used:
        return "used"
    if price.effective_from is not None and price.effective_from > day:
        return "future"
    if price.id is not None:
        return "force" if newest.get(price.model) == price else "past"
    if fitting(price.model, newest):
        return "replaced"
    return "force" if listed_price(price.provider, price.model, day) == price else "past"


def price_typed(typed: Typed) -> Price:
    """The price that was filled in. Raises BadRequest, naming the field."""
    tokens_in, tokens_out = sum_of(typed.tokens_in, "tokens_in"), sum_of(typed.tokens_out, "tokens_out")
    cached = sum_of(typed.tokens_cached, "tokens_cached") if typed.tokens_cached.strip() else tokens_in
    image = sum_of(typed.image, "image") if typed.image.strip() else Decimal(0)
    begins = day_named(typed.effective_from, "effective_from")
    return Price(tokens_in, cached, tokens_out, image, typed.provider, typed.model.strip(), begins)


def sum_of(told: str, field: str) -> Decimal:
    plain = told.strip().replace(",", ".")
    if not SUM.fullmatch(plain):
        raise BadRequest("a price is a sum of US dollars", field=field)
    return Decimal(plain)
