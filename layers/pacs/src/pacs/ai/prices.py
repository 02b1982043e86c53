"""What does asking a model cost? US dollars for a million tokens and for an image. Asked by metering and by pages.

An organization's own price, the newest that has begun, goes before what we have read of the services' lists. A price
is of a model, or of all whose names only add a version to it: `gpt-5.5` is that of `gpt-5.5-2026-04-01`, not of
`gpt-5.5-mini`. A price that nobody knows is None, never nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.providers import model_name, provider_named
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Services, Usage

# Where the lists below were read: of each service's own page, long contexts and batches left out.
SOURCE, READ_ON = "genai-prices 0.2.3", date(2026, 11, 22)
LISTED: dict[str, dict[str, tuple[str, str, str]]] = {
    "openai": {
        "gpt-5.5": ("5", "0.5", "30"),
        "gpt-5.4": ("2.5", "0.25", "15"),
        "gpt-5.4-mini": ("0.75", "0.075", "4.5"),
        "gpt-5.2": ("1.75", "0.175", "14"),
        "gpt-5.1": ("1.25", "0.125", "10"),
        "gpt-5": ("1.25", "0.125", "10"),
        "gpt-5-mini": ("0.25", "0.025", "2"),
        "gpt-4.1": ("2", "0.5", "8"),
        "gpt-4.1-mini": ("0.4", "0.1", "1.6"),
        "gpt-4o": ("2.5", "1.25", "10"),
        "gpt-4o-mini": ("0.15", "0.075", "0.6"),
    },
    "claude": {
        "claude-sonnet-5-5": ("2", "0.1", "10"),
        "claude-sonnet-5": ("2", "0.2", "10"),
        "claude-sonnet-4-6": ("3", "0.3", "15"),
        "claude-sonnet-4-5": ("3", "0.3", "15"),
        "claude-opus-5-5": ("4", "0.2", "20"),
        "claude-opus-5": ("5", "0.5", "25"),
        "claude-opus-4-5": ("5", "0.5", "25"),
        "claude-haiku-4-5": ("1", "0.1", "5"),
    },
    "gemini": {
        "gemini-3.8-flash": ("1.5", "0.15", "7.5"),  # half of it until the end of 2026
        "gemini-3.5-flash": ("1.5", "0.15", "9"),
        "gemini-3.1-pro": ("2", "0.2", "12"),
        "gemini-3-pro": ("2", "0.2", "12"),
        "gemini-2.5-pro": ("1.25", "0.125", "10"),
        "gemini-2.5-flash": ("0.3", "0.03", "2.5"),
        "gemini-2.5-flash-lite": ("0.1", "0.01", "0.4"),
    },
    "qwen": {"qwen-vl-max": ("0.8", "0.8", "3.2"), "qwen-vl-plus": ("0.21", "0.21", "0.63")},
    # In Beijing's working hours; half of it in all others.
    "deepseek": {"deepseek-flash": ("0.3", "0.006", "1.2"), "deepseek-v4-pro": ("1.32", "0.044", "3.96")},
    # Of a region's inference profiles, a tenth above the worldwide ones.
    "bedrock": {
        "anthropic.claude-sonnet-5-5": ("2.2", "0.11", "11"),
        "anthropic.claude-sonnet-5": ("2.2", "0.22", "11"),
        "anthropic.claude-sonnet-4-6": ("3.3", "0.33", "16.5"),
        "anthropic.claude-sonnet-4-5": ("3.3", "0.33", "16.5"),
        "anthropic.claude-opus-5": ("5.5", "0.55", "27.5"),
        "anthropic.claude-opus-4-5": ("5.5", "0.55", "27.5"),
        "anthropic.claude-haiku-4-5": ("1.1", "0.11", "5.5"),
        "amazon.nova-pro": ("0.8", "0.2", "3.2"),
        "amazon.nova-lite": ("0.06", "0.015", "0.24"),
    },
    # Machines of the owner's: what they cost, they cost by the hour.
    **{each: {"": ("0", "0", "0")} for each in ("rai-llm", "medgemma", "radialog", "rai-mock")},
}
OWNER = "the owner's machine: paid by the hour, not by the token"
VERSION = re.compile(r"[-@:](\d|v\d|latest|preview|exp).*|")
REGION = re.compile(r"^(.*/)?((eu|us|us-gov|apac|jp|au|ca|global)\.)?")
MILLION, SMALLEST = Decimal(1_000_000), Decimal("0.000001")
MOST = Decimal(1_000_000)
LONGEST_MODEL = 200
KINDS = ("tokens_in", "tokens_cached", "tokens_out", "image")

OWN = "organization_id = cast(:organization_id as uuid)"
COLUMNS = "id, provider, model, effective_from, tokens_in, tokens_cached, tokens_out, image"
BEGUN = text(
    f"select {COLUMNS} from ai_prices where {OWN} and provider = :provider"  # noqa: S608
    " and effective_from <= cast(:on as date) order by effective_from desc"
)
LIST = text(f"select {COLUMNS} from ai_prices where {OWN} order by provider, model, effective_from desc")  # noqa: S608
SET = text(
    "insert into ai_prices (organization_id, provider, model, effective_from, tokens_in, tokens_cached, tokens_out,"
    " image) values (cast(:organization_id as uuid), :provider, :model, cast(:effective_from as date),"
    " cast(:tokens_in as numeric), cast(:tokens_cached as numeric), cast(:tokens_out as numeric),"
    " cast(:image as numeric)) on conflict (organization_id, provider, model, effective_from) do update set"
    " tokens_in = excluded.tokens_in, tokens_cached = excluded.tokens_cached, tokens_out = excluded.tokens_out,"
    " image = excluded.image returning id, provider, model, effective_from, tokens_in, tokens_cached, tokens_out, image"
)
# A price by which calls were counted stays in the list.
REMOVE = text(
    f"delete from ai_prices p where {OWN} and id = :id and not exists (select from ai_usage_events e"  # noqa: S608
    " where e.organization_id = p.organization_id and cast(e.price ->> 'id' as bigint) = p.id)"
    " returning provider, model"
)
FIND = text(f"select id from ai_prices where {OWN} and id = :id")  # noqa: S608


@dataclass(frozen=True)
class Price:
    """US dollars: of a million tokens each, and of one image. `id` is that of an organization's own; `source` says
    where another comes from.
    """

    tokens_in: Decimal
    tokens_cached: Decimal
    tokens_out: Decimal
    image: Decimal = Decimal(0)
    provider: str = ""
    model: str = ""
    effective_from: date | None = None
    id: int | None = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """What is kept with a call that was counted by it."""
        told = {kind: str(getattr(self, kind)) for kind in KINDS}
        return told | {"id": self.id, "source": self.source}


def cost(price: Price | None, usage: Usage) -> Decimal | None:
    """What a call cost, to a millionth of a dollar; None without a price."""
    if price is None:
        return None
    cached = min(usage.tokens_cached, usage.tokens_in)
    tokens = (
        (usage.tokens_in - cached) * price.tokens_in
        + cached * price.tokens_cached
        + usage.tokens_out * price.tokens_out
    )
    return (tokens / MILLION + usage.images * price.image).quantize(SMALLEST, ROUND_HALF_UP)


def price_of(services: Services, scope: Scope, provider: str, model: str, on: date) -> Price | None:
    """What a model costs on a day; None when nobody knows."""
    rows = services.database.fetch(BEGUN, {"organization_id": scope.organization_id, "provider": provider, "on": on})
    newest: dict[str, Price] = {}
    for row in rows:
        newest.setdefault(row["model"], own_price(row))
    known = model_name(model)
    return fitting(known, newest) or listed_price(provider, known)


def listed_price(provider: str, model: str) -> Price | None:
    """What we have read of a service's list."""
    known = {each.model: each for each in listed_prices() if each.provider == provider}
    return fitting(REGION.sub("", model), known)


def listed_prices() -> list[Price]:
    """Everything that we have read."""
    return [
        Price(*prices, provider=provider, model=model, source=f"{SOURCE}, {READ_ON}" if model else OWNER)
        for provider, models in LISTED.items()
        for model, (tokens_in, tokens_cached, tokens_out) in models.items()
        for prices in ((Decimal(tokens_in), Decimal(tokens_cached), Decimal(tokens_out)),)
    ]


def fitting(model: str, known: Mapping[str, Price]) -> Price | None:
    """The price of a model: its own, or of the longest name to which its name adds a version; of "": of every other."""
    names: Iterable[str] = sorted(known, key=len, reverse=True)
    fits = (name for name in names if not name or (model.startswith(name) and VERSION.fullmatch(model[len(name) :])))
    return next((known[name] for name in fits), None)


def own_price(row: Mapping[str, Any]) -> Price:
    return Price(**row)


def list_prices(services: Services, scope: Scope) -> list[Price]:
    """An organization's own, the newest of each model first; those to come and those of before among them."""
    return [own_price(row) for row in services.database.fetch(LIST, {"organization_id": scope.organization_id})]


def today(services: Services) -> date:
    """The day in the zone of the settings, in which days and months begin."""
    now: datetime = services.clock.now()
    return now.astimezone(ZoneInfo(services.settings.time_zone)).date()


def set_price(services: Services, scope: Scope, price: Price, *, source_ip: str = "") -> Price:
    """Say what a model costs from a day on, today or later: what calls were counted by is not changed any more.

    `price.model` of "" is every model of the provider that has no other. Raises BadRequest, naming the field.
    """
    begins = price.effective_from or today(services)
    check(price, begins, today(services))
    values = {
        "organization_id": scope.organization_id,
        "provider": price.provider,
        "model": model_name(price.model),
        "effective_from": begins,
        **{kind: str(getattr(price, kind)) for kind in KINDS},
    }
    with services.database.transaction() as statements:
        [row] = statements.fetch(SET, values)
        record(statements, scope, Deed("change-ai", subject=f"price of {price.provider}"), source_ip=source_ip)
    return own_price(row)


def check(price: Price, begins: date, day: date) -> None:
    provider_named(price.provider)
    if len(price.model) > LONGEST_MODEL or not price.model.isprintable():
        raise BadRequest(f"a model's name has at most {LONGEST_MODEL} characters", field="model")
    if begins < day:
        raise BadRequest("a price begins today or later", field="effective_from")
    for kind in KINDS:
        told: Decimal = getattr(price, kind)
        if not told.is_finite() or not 0 <= told <= MOST or told != told.quantize(SMALLEST):
            raise BadRequest(f"a price is a sum of US dollars up to {MOST}", field=kind)


def remove_price(services: Services, scope: Scope, price_id: int, *, source_ip: str = "") -> None:
    """Take back a price. Raises NotFound, and Conflict for one that calls were counted by."""
    values = {"organization_id": scope.organization_id, "id": price_id}
    with services.database.transaction() as statements:
        removed = statements.fetch(REMOVE, values)
        if not removed:
            if statements.fetch(FIND, values):
                raise Conflict("calls were counted by this price: say another from today on", field="id")
            raise NotFound("there is no such price")
        record(statements, scope, Deed("change-ai", subject=f"price of {removed[0]['provider']}"), source_ip=source_ip)
