"""Who is asked for a pre-report, in which order, and what happens when one cannot or does not answer?

One provider that was chosen by hand is asked alone. The orchestrator goes along `ROUTE`, past those that may not or
cannot, to the first that answers; whom it asked and whom it passed over, and why, is part of what it returns. The path
follows from what is configured and from what is answered, and from nothing else. Called by jobs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from pacs.ai import circuits
from pacs.ai.configuring import Configured, configured, consent_of
from pacs.ai.drafts import DraftFailed
from pacs.ai.metering import About, fault_of, metered
from pacs.ai.patience import OURS, Patient
from pacs.ai.providers import MOCK, ORCHESTRATOR, ROUTE
from pacs.errors import (
    Conflict,
    ModelRefused,
    NobodyAnswered,
    NotConfigured,
    OverBudget,
    PacsError,
    Unavailable,
)
from pacs.people.scope import Scope
from pacs.ports import Describer, Services

T = TypeVar("T")

# Why a provider is passed over. In this order: the first that fits is told. Who was never set up is not off.
Skipped = Literal["off", "not-configured", "not-allowed", "no-consent", "no-vision", "language", "circuit-open"]
# Why one that was to be asked has not answered. Without money it was not asked (any more).
Failed = Literal["over-budget", "no-price", "busy", "timeout", "unavailable", "not-configured", "refused", "invalid"]
Why = Literal[Skipped, Failed, ""]

# How often it is looked whether the answer is still wanted.
LOOK_S = 5.0


@dataclass(frozen=True)
class Attempt:
    """One provider and what came of it. `cost` in US dollars; None when it was asked and nobody knows the price."""

    provider: str
    model: str
    outcome: Literal["answered", "failed", "skipped"]
    why: Why = ""
    seconds: float = 0.0
    cost: Decimal | None = Decimal(0)

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "cost": None if self.cost is None else str(self.cost)}


@dataclass(frozen=True)
class Answered(Generic[T]):
    """Who has answered, and what. `cost` is that of all attempts together, None when that of one is not known."""

    provider: str
    model: str
    drafted: T
    cost: Decimal | None
    attempts: tuple[Attempt, ...]


class Cancelled(Conflict):
    """The answer is not wanted any more. `attempts` tells who was asked until then."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        super().__init__("it is not wanted any more")
        self.attempts = tuple(attempts)


@dataclass
class Asked(Generic[T]):
    """What is to be asked, and by whom it is looked at meanwhile."""

    services: Services
    scope: Scope
    asking: Callable[[Configured, Describer], T]
    about: About
    needs_vision: bool
    language: str
    still_wanted: Callable[[], bool]
    told: Callable[[Sequence[Attempt], str], None]
    wait: Callable[[float], None]
    attempts: list[Attempt] = field(default_factory=list)

    def require_wanted(self) -> None:
        if not self.still_wanted():
            raise Cancelled(self.attempts)

    def pause(self, seconds: float) -> None:
        """Wait, and look from time to time whether it is still wanted. Raises Cancelled."""
        while seconds > 0:
            self.require_wanted()
            self.wait(min(seconds, LOOK_S))
            seconds -= LOOK_S


def answer(
    services: Services,
    scope: Scope,
    wanted: str,
    asking: Callable[[Configured, Describer], T],
    *,
    about: About,
    needs_vision: bool,
    language: str,
    still_wanted: Callable[[], bool],
    told: Callable[[Sequence[Attempt], str], None],
    wait: Callable[[float], None] = time.sleep,
) -> Answered[T]:
    """What the provider `wanted`, or the first that can where that is the orchestrator, makes of a question.

    `asking` asks one, as often as it needs; `told` hears the attempts so far and who is asked now; `still_wanted` is
    asked before each call and while somebody is waited for. Raises NobodyAnswered and Cancelled, both with `attempts`;
    BadRequest for a name that no provider has; StoreUnavailable and DatabaseUnavailable, which are ours.
    """
    asked = Asked(services, scope, asking, about, needs_vision, language, still_wanted, told, wait)
    for name in ROUTE if wanted == ORCHESTRATOR else (wanted,):
        found = configured(services, scope, name)
        why = skipped(asked, found)
        if why:
            asked.attempts.append(Attempt(name, found.model, "skipped", why))
            continue
        answered = ask(asked, found)
        if answered is not None:
            return answered
    said = ", ".join(f"{each.provider}: {each.why}" for each in asked.attempts)
    raise NobodyAnswered(f"no provider has answered ({said})", attempts=asked.attempts)


def total(attempts: Sequence[Attempt]) -> Decimal | None:
    costs = [each.cost for each in attempts]
    return None if None in costs else sum((each for each in costs if each is not None), Decimal(0))


def skipped(asked: Asked[T], found: Configured) -> Skipped | None:
    """Why a provider is not asked at all; None: it may be. Its circuit comes last, for it lets one through."""
    provider, settings = found.provider, asked.services.settings
    reasons: tuple[tuple[Skipped, Callable[[], bool]], ...] = (
        ("off", lambda: not found.enabled and found.own is not None),
        ("not-configured", lambda: bool(found.missing)),
        ("not-allowed", lambda: provider.name == MOCK and settings.stage == "prod" and not settings.ai_mock),
        ("no-consent", lambda: provider.name != MOCK and not consent_of(asked.services, asked.scope).given),
        ("no-vision", lambda: asked.needs_vision and not provider.vision),
        ("language", lambda: asked.language not in provider.languages),
        ("circuit-open", lambda: not circuits.passes(asked.services, asked.scope, provider.name)),
    )
    return next((why for why, holds in reasons if holds()), None)


def ask(asked: Asked[T], found: Configured) -> Answered[T] | None:
    """What one provider answers; None: it does not, and the last attempt tells why. Its circuit is told of it."""
    name, services, scope = found.provider.name, asked.services, asked.scope
    counted = metered(services, scope, found, asked.about, before=asked.require_wanted)
    begun = services.clock.now()

    def ended(outcome: Literal["answered", "failed", "skipped"], why: Why = "") -> None:
        seconds = round((services.clock.now() - begun).total_seconds(), 3)
        asked.attempts.append(Attempt(name, found.model, outcome, why, seconds, counted.cost))

    try:
        asked.told(tuple(asked.attempts), name)
        drafted = asked.asking(found, Patient(counted, found.provider, services.clock, asked.pause))
    except PacsError as failed:
        error = cause_of(failed)
        why, lives = meaning(error)
        turn = circuits.let_go if lives is None else circuits.close if lives else circuits.fail
        turn(services, scope, name)
        if not why:
            raise error from None
        ended("failed" if counted.calls else "skipped", why)
        return None
    circuits.close(services, scope, name)
    ended("answered")
    return Answered(name, found.model, drafted, total(asked.attempts), tuple(asked.attempts))


def cause_of(error: PacsError) -> PacsError:
    """What has kept a model from mending its answer, where that has nothing to do with its answer."""
    cause = error.__cause__
    if isinstance(error, DraftFailed) and isinstance(cause, PacsError) and not meaning(cause)[0]:
        return cause
    return error


def meaning(error: PacsError) -> tuple[Failed | Literal[""], bool | None]:
    """Why a provider has not answered (empty: it is not to blame), and whether it lives, if that is known."""
    if isinstance(error, OverBudget):
        return "over-budget", None
    if isinstance(error, NotConfigured) and error.field == "price":
        return "no-price", None
    if isinstance(error, OURS) or not isinstance(error, Unavailable | NotConfigured | ModelRefused):
        return "", None
    if isinstance(error, DraftFailed):
        return "invalid", True
    # A refusal is an answer, if no more than that.
    return fault_of(error), isinstance(error, ModelRefused)
