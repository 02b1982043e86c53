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

from pacs.ai.price_list import LATER, LISTED, OWNER, READ_ON, SOURCE
from pacs.ai.providers import model_name, provider_named
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Services, Usage

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
    return fitting(known, newest) or listed_price(provider, known, on)


def listed_price(provider: str, model: str, on: date = READ_ON) -> Price | None:
    """What we have read of a service's list."""
    begun = (each for each in listed_prices() if each.effective_from is None or each.effective_from <= on)
    known = {each.model: each for each in begun if each.provider == provider}
    return fitting(REGION.sub("", model), known)


def listed_prices() -> list[Price]:
    """Everything that we have read; what begins later after what it is to replace."""
    listed = [(None, provider, *told) for provider, models in LISTED.items() for told in models.items()]
    return [
        Price(
            Decimal(tokens_in),
            Decimal(cached),
            Decimal(tokens_out),
            provider=provider,
            model=model,
            effective_from=begins,
            source=f"{SOURCE}, {READ_ON}" if model else OWNER,
        )
        for begins, provider, model, (tokens_in, cached, tokens_out) in (*listed, *LATER)
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
