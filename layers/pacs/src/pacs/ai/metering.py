"""How is a provider asked so that its budget holds and its calls are counted? Every call of the room goes this way:
those of jobs, of health checks, of `pacs ai test` and of evaluations.

Before a call the most that it can cost is set aside; after it, also one that failed, what it took is written down.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cached_property

from pacs.ai import budgets, usage
from pacs.ai.configuring import Configured, endpoint_of
from pacs.ai.prices import Price, cost, price_of, today
from pacs.ai.usage import About, Event, Fault, Outcome
from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NotConfigured, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Answer, Describer, Question, Services, Usage

__all__ = ["About", "Metered", "fault_of", "metered", "most_usage"]

# Fewer bytes of a text make no token, in any of the languages; what an adapter adds to a question is among the spare.
BYTES_A_TOKEN, SPARE_TOKENS = 3, 500
# The services count 250 to 1,600 tokens for a small image, and of a large one at most one for 416 pixels: OpenAI one
# for 1,024 (the smallest models 2.46 of them), Claude and Qwen for 784, Gemini fewer.
LEAST_IMAGE_TOKENS, PIXELS_A_TOKEN = 1600, 400
FAULTS: tuple[tuple[type[PacsError], Fault], ...] = (
    (ModelBusy, "busy"),
    (ModelTimeout, "timeout"),
    (Unavailable, "unavailable"),
    (NotConfigured, "not-configured"),
)


def fault_of(error: PacsError) -> Fault:
    """What became of a call that failed."""
    return next((word for kind, word in FAULTS if isinstance(error, kind)), "refused")


def taken_by(error: PacsError) -> Usage:
    """What a call has taken that failed: an answer without a text is paid like any other."""
    took = error.took if isinstance(error, ModelRefused) else None
    return took if isinstance(took, Usage) else Usage()


class Metered:
    """A describer that counts. `cost`: that of all calls so far, None when nobody knows it; `calls`: how many."""

    def __init__(
        self,
        services: Services,
        scope: Scope,
        configured: Configured,
        about: About,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.cost: Decimal | None = Decimal(0)
        self.calls = 0
        self._services, self._scope, self._configured, self._about = services, scope, configured, about
        self._before = before

    @cached_property
    def _describer(self) -> Describer:
        return self._services.describer(endpoint_of(self._services, self._scope, self._configured))

    def ask(self, question: Question) -> Answer:
        """Raises OverBudget before anybody is asked, and what describers and `before` raise."""
        self._before()
        found = self._configured
        day = today(self._services)
        price = price_of(self._services, self._scope, found.provider.name, found.model, day)
        most = most_usage(question, found.provider.thinking_tokens)
        hold = budgets.reserve(self._services, self._scope, found, cost(price, most))
        self.calls += 1
        begun = self._services.clock.now()
        try:
            answer = self._describer.ask(question)
        except PacsError as error:
            seconds = (self._services.clock.now() - begun).total_seconds()
            self._count(hold, price, replace(taken_by(error), seconds=seconds), fault_of(error), found.model)
            raise
        seconds = answer.usage.seconds or (self._services.clock.now() - begun).total_seconds()
        self._count(hold, price, replace(answer.usage, seconds=seconds), "answered", found.model or answer.model)
        return answer

    def _count(self, hold: budgets.Hold, price: Price | None, took: Usage, outcome: Outcome, model: str) -> None:
        # Who refused before it counted anything cost nothing, whatever the price.
        came_to = Decimal(0) if outcome != "answered" and not took.tokens_in else cost(price, took)
        self.cost = None if self.cost is None or came_to is None else self.cost + came_to
        event = Event(self._about, self._configured.provider.name, model, outcome, took, came_to, price)
        with self._services.database.transaction() as statements:
            usage.record(statements, self._scope, event, self._services.clock.now())
            passed = budgets.settle(statements, self._scope, hold, came_to)
        if passed:
            budgets.warn(self._services, self._scope, hold)


def metered(
    services: Services,
    scope: Scope,
    configured: Configured,
    about: About,
    *,
    before: Callable[[], None] = lambda: None,
) -> Metered:
    """A provider to be asked, whose calls are counted and kept to its budget. `before` is called before each."""
    return Metered(services, scope, configured, about, before)


def most_usage(question: Question, thinking_tokens: int = 0) -> Usage:
    """The most that a call can take; who thinks is paid for that, too."""
    texts = [question.system, question.text, *(each for turn in question.turns for each in turn), str(question.schema)]
    tokens = sum(len(each.encode()) for each in texts) // BYTES_A_TOKEN + SPARE_TOKENS
    tokens += sum(image_tokens(each) for each in question.images)
    return Usage(tokens, question.most_tokens + thinking_tokens, images=len(question.images))


def image_tokens(jpeg: bytes) -> int:
    """The most tokens that a service counts for an image."""
    width, height = size_of(jpeg)
    return max(LEAST_IMAGE_TOKENS, width * height // PIXELS_A_TOKEN)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height that the frame header of a JPEG file tells; nothing for other bytes.

    Source: ISO/IEC 10918-1 §B.2.2
    """
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
        at += 2 + length
    return 0, 0
