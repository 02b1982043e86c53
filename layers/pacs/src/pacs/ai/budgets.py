"""How much may a provider still cost this month? Money is set aside before a call, and counted after it.

A calendar month begins in the zone of the settings. What is held of a call whose process died lapses with its time:
what such a call cost is known to the service alone. Called by metering, and by pages that show what is left.
"""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_UP, Decimal

from sqlalchemy import text

from pacs.ai.configuring import Configured, list_configured
from pacs.ai.prices import SMALLEST, today
from pacs.errors import NotConfigured, OverBudget, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Services, Statements

# Longer than any call lasts.
HOLD = timedelta(minutes=20)
HOLD_MONEY = text(
    "select hold_ai_budget(cast(:organization_id as uuid), :provider, cast(:month as date), cast(:id as uuid),"
    " cast(:amount as numeric), cast(:most as numeric), :now, :lapses_at) as outcome"
)
SETTLE = text(
    "select settle_ai_budget(cast(:organization_id as uuid), :provider, cast(:month as date), cast(:id as uuid),"
    " cast(:cost as numeric), cast(:warn_at as numeric)) as warn"
)
UNWARN = text(
    "update ai_budgets set warned = false where organization_id = cast(:organization_id as uuid)"
    " and provider = :provider and month = cast(:month as date)"
)
STANDING = text(
    "select b.provider, b.spent, b.warned, coalesce((select sum(h.amount) from ai_holds h"
    " where h.organization_id = b.organization_id and h.provider = b.provider and h.month = b.month"
    " and h.lapses_at > :now), 0) as held from ai_budgets b"
    " where b.organization_id = cast(:organization_id as uuid) and b.month = cast(:month as date)"
)
ADMINISTRATORS = text(
    "select email from organization_members where organization_id = cast(:organization_id as uuid) and role = 'admin'"
    " and disabled_at is null order by email"
)
SUBJECT = "Bulut PACS: {label} bütçesi / budget"
TEXT = """{label}, {month} ayı için ayrılan {budget} USD bütçenin {spent} USD kadarını harcadı. Bütçe dolunca {label}
ay sonuna kadar kullanılmaz.

{label} has spent {spent} USD of its budget of {budget} USD for {month}. When it is used up, that service is asked
nothing more until the month ends.

{link}
"""


@dataclass(frozen=True)
class Hold:
    """Money that is set aside for one call."""

    id: str
    configured: Configured
    month: date
    amount: Decimal


@dataclass(frozen=True)
class Standing:
    """A provider's month, in US dollars: what was spent, what is held for calls that run, and the limit, if any."""

    provider: str
    month: date
    spent: Decimal
    held: Decimal
    budget: Decimal | None
    warned: bool


def reserve(services: Services, scope: Scope, configured: Configured, estimate: Decimal | None) -> Hold:
    """Set money aside for a call that costs at most `estimate`, so that all calls together keep to the budget.

    Raises OverBudget, and NotConfigured (field `price`) where a budget must be kept and nobody knows the price.
    """
    if estimate is None and configured.monthly_budget is not None:
        name = configured.provider.name
        raise NotConfigured(f"nobody knows what {name} costs, so that its budget cannot be kept", field="price")
    now = services.clock.now()
    month = today(services).replace(day=1)
    amount = (estimate or Decimal(0)).quantize(SMALLEST, ROUND_UP)
    hold = Hold(str(uuid.uuid4()), configured, month, amount)
    limit = configured.monthly_budget
    values = keys(scope, hold) | {
        "amount": str(amount),
        "most": None if limit is None else str(limit),
        "now": now,
        "lapses_at": now + HOLD,
    }
    [row] = services.database.fetch(HOLD_MONEY, values)
    if row["outcome"] == "held":
        return hold
    if row["outcome"] == "first-over":
        warn(services, scope, hold)
    raise OverBudget(f"{configured.provider.name} has used up its budget of this month", field="monthly_budget")


def keys(scope: Scope, hold: Hold) -> dict[str, object]:
    provider = hold.configured.provider.name
    return {"organization_id": scope.organization_id, "provider": provider, "month": hold.month, "id": hold.id}


def settle(statements: Statements, scope: Scope, hold: Hold, cost: Decimal | None) -> bool:
    """Count what a call cost in place of what was held for it; once, however often it is said.

    Returns whether the month has now passed what is to be warned at, for `warn`, once this is committed.
    """
    limit = hold.configured.monthly_budget
    warn_at = None if limit is None else limit * hold.configured.warn_percent / 100
    told = {"cost": str(cost or Decimal(0)), "warn_at": None if warn_at is None else str(warn_at)}
    [row] = statements.fetch(SETTLE, keys(scope, hold) | told)
    return bool(row["warn"])


def warn(services: Services, scope: Scope, hold: Hold) -> None:
    """Tell the organization's administrators by e-mail, once a month; mail that is not taken is tried with the next
    call. Where nobody sends e-mails the page tells it.
    """
    found = next(each for each in standings(services, scope) if each.provider == hold.configured.provider.name)
    label = hold.configured.provider.label
    told = TEXT.format(
        label=label,
        month=f"{hold.month:%Y-%m}",
        budget=f"{(found.budget or Decimal(0)).normalize():f}",
        spent=found.spent.quantize(Decimal("0.01")),
        link=f"{services.settings.origin}/admin/ai",
    )
    try:
        for row in services.database.fetch(ADMINISTRATORS, {"organization_id": scope.organization_id}):
            services.mailer.send(row["email"], SUBJECT.format(label=label), told)
    except NotConfigured:
        return
    except Unavailable:
        services.database.fetch(UNWARN, keys(scope, hold))


def standings(services: Services, scope: Scope) -> list[Standing]:
    """This month of every provider."""
    month = today(services).replace(day=1)
    values = {"organization_id": scope.organization_id, "month": month, "now": services.clock.now()}
    rows = {row["provider"]: row for row in services.database.fetch(STANDING, values)}
    nothing = {"spent": Decimal(0), "held": Decimal(0), "warned": False}
    return [
        Standing(
            name, month, row["spent"], Decimal(row["held"]), budget=each.monthly_budget, warned=bool(row["warned"])
        )
        for each in list_configured(services, scope)
        for name in (each.provider.name,)
        for row in (rows.get(name, nothing),)
    ]
