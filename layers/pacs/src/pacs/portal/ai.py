"""What does an administrator see of the providers of pre-reports? Each with what it lacks, its month, how it answered
last, and who would answer now. Called by functions/ai.

Keys are never here, addresses only masked: `pacs.ai.configuring` tells no more of them.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import text

from pacs.ai.budgets import Standing, standings
from pacs.ai.circuits import opened
from pacs.ai.configuring import Change, Configured, Consent, consent_of, list_configured
from pacs.ai.prices import price_of, today
from pacs.ai.providers import MOCK, PROVIDERS, ROUTE
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.portal.language import marked
from pacs.ports import Services

MONEY = re.compile(r"\d{1,8}(\.\d{1,4})?", re.ASCII)
REMEMBERED = timedelta(days=30)
LABELS = {each.name: each.label for each in PROVIDERS.values()}
OWN = "organization_id = cast(:organization_id as uuid)"
# How each provider's last check came out. One that fails with words is not asked with an image any more.
CHECKED = text(
    "select distinct on (provider) provider, checked_at, failure, latency_ms from ai_health_checks"  # noqa: S608
    f" where {OWN} and checked_at >= :since order by provider, checked_at desc, id desc"
)
MEMBER = text(f"select email, name from organization_members where {OWN} and id = cast(:member_id as uuid)")  # noqa: S608
# Why the orchestrator passes a provider over.
REASONS = {
    "off": marked("switched off"),
    "URL": marked("no address"),
    "KEY": marked("no key"),
    "MODEL": marked("no model"),
    "consent": marked("no consent"),
    "resting": marked("left alone after failures"),
    "budget": marked("budget spent"),
    "price": marked("no price for its budget"),
    "stage": marked("not in this stage"),
}
# What to tell of a field that cannot be kept.
FIELD_TEXTS = {
    "url": marked("An address begins with https:// (or http://) and has at most 512 characters."),
    "key": marked("A key has 8 to 4,096 plain characters. With another address the key must be told again."),
    "model": marked("A model's name has at most 200 characters."),
    "monthly_budget": marked("A budget is a sum of US dollars, such as 250 or 99.50; empty: no limit."),
    "warn_percent": marked("A warning comes at 1 to 100 percent."),
}


@dataclass(frozen=True)
class Last:
    """How the last check came out; `failure` is empty where it answered."""

    checked_at: datetime
    failure: str
    latency_ms: int


@dataclass(frozen=True)
class Typed:
    """What somebody filled in about a provider. Neither its address nor its key is ever filled in by us: empty ones
    stay as they are, `back` takes the address of the installation again, `forget` the key away.
    """

    provider: str = ""
    enabled: bool = False
    url: str = ""
    back: bool = False
    key: str = ""
    forget: bool = False
    model: str = ""
    monthly_budget: str = ""
    warn_percent: str = ""


@dataclass(frozen=True)
class Month:
    """What a provider has spent of its budget this month; `warn_percent` is where its administrators are warned."""

    standing: Standing
    warn_percent: int

    @property
    def used(self) -> Decimal:
        return self.standing.spent + self.standing.held

    @property
    def percent(self) -> int | None:
        """How much of the budget is spent or held; None without a limit."""
        budget = self.standing.budget
        return None if budget is None else int(100 * self.used / budget) if budget else 100

    @property
    def state(self) -> str:
        if self.percent is None or self.percent < self.warn_percent:
            return "ok"
        return "warn" if self.percent < 100 else "missing"


@dataclass(frozen=True)
class Card:
    """A provider as the page shows it. Sums are US dollars of this month."""

    found: Configured
    month: Month
    open_until: datetime | None
    last: Last | None
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.found.provider.name

    @property
    def own_url(self) -> bool:
        """Whether the organization has named an address of its own."""
        return bool((self.found.own or {}).get("url"))

    @property
    def typed(self) -> "Typed":
        """What its form holds before anybody types."""
        budget = self.found.monthly_budget
        return Typed(
            provider=self.name,
            enabled=self.found.enabled,
            model=str((self.found.own or {}).get("model") or ""),
            monthly_budget="" if budget is None else f"{budget.normalize():f}",
            warn_percent=str(self.found.warn_percent),
        )


@dataclass(frozen=True)
class Giver:
    """Who gave the consent, or took it back, and when."""

    consent: Consent
    name: str = ""


def list_months(services: Services, scope: Scope) -> dict[str, Month]:
    """This month of every provider."""
    warned = {each.provider.name: each.warn_percent for each in list_configured(services, scope)}
    return {each.provider: Month(each, warned[each.provider]) for each in standings(services, scope)}


def giver(services: Services, scope: Scope) -> Giver:
    consent = consent_of(services, scope)
    if not consent.member_id:
        return Giver(consent)
    rows = services.database.fetch(MEMBER, {"organization_id": scope.organization_id, "member_id": consent.member_id})
    return Giver(consent, (rows[0]["name"] or rows[0]["email"]) if rows else "")


def list_cards(services: Services, scope: Scope, consent: Consent) -> list[Card]:
    """Every provider, in the order of PROVIDERS."""
    now, months = services.clock.now(), list_months(services, scope)
    told = {name: datetime.fromisoformat(until) for name, until in opened(services, scope).items()}
    values = {"organization_id": scope.organization_id, "since": now - REMEMBERED}
    checked = {row["provider"]: row for row in services.database.fetch(CHECKED, values)}

    def card(found: Configured) -> Card:
        name = found.provider.name
        month, row = months[name], checked.get(name)
        until = told[name] if name in told and told[name] > now else None
        last = Last(row["checked_at"], row["failure"], row["latency_ms"]) if row else None
        why = reasons(services, scope, found, month, consent)
        return Card(found, month, until, last, (*why, "resting") if until else why)

    return [card(each) for each in list_configured(services, scope)]


def reasons(services: Services, scope: Scope, found: Configured, month: Month, consent: Consent) -> tuple[str, ...]:
    """Why a provider may not be asked now, as names of REASONS. The orchestrator goes by the same."""
    name, budget = found.provider.name, month.standing.budget
    why = {
        "off": not found.enabled,
        **dict.fromkeys(found.missing, True),
        "stage": name == MOCK and services.settings.stage == "prod" and not services.settings.ai_mock,
        "consent": name != MOCK and not consent.given,
        "budget": budget is not None and month.used >= budget,
        "price": budget is not None and price_of(services, scope, name, found.model, today(services)) is None,
    }
    return tuple(each for each, so in why.items() if so)


def route_of(cards: list[Card]) -> list[Card]:
    """Whom the orchestrator asks, in its order; the first without reasons against it would answer now."""
    named = {each.name: each for each in cards}
    return [named[each] for each in ROUTE]


def change_of(found: Configured, typed: Typed) -> Change:
    """What is to be kept of a provider. Raises BadRequest, naming the field."""
    budget, percent = typed.monthly_budget.strip().replace(",", "."), typed.warn_percent.strip()
    if budget and not MONEY.fullmatch(budget):
        raise BadRequest("a budget is a sum of US dollars", field="monthly_budget")
    if not (percent.isascii() and percent.isdecimal() and len(percent) <= 3):
        raise BadRequest("a warning comes at 1 to 100 percent", field="warn_percent")
    before = "" if typed.back else str((found.own or {}).get("url") or "")
    return Change(
        enabled=typed.enabled,
        url=typed.url.strip() or before,
        model=typed.model,
        key=typed.key or ("" if typed.forget else None),
        monthly_budget=Decimal(budget) if budget else None,
        warn_percent=int(percent),
    )
