"""How long is a provider waited for that is busy, does not answer, or has to start first? Asked by the orchestrator.

Three tries and a minute and a half for one that should be there; one that has to start is asked again with growing
waits until its patience ends. A call that has been answered is not repeated for the sake of one after it.
"""

from collections.abc import Callable

from pacs.ai.providers import Provider
from pacs.errors import DatabaseUnavailable, StoreUnavailable, Unavailable
from pacs.ports import Answer, Clock, Describer, Question

MOST_TRIES, MOST_LOST_S = 3, 90.0
# What is waited at least, try for try.
WAITS_S = (2.0, 8.0)
START_WAITS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
# What is not there is ours: no provider can help it.
OURS = (StoreUnavailable, DatabaseUnavailable)


class Patient:
    """A describer that asks again. `pause` waits so many seconds; what it raises ends the call."""

    def __init__(self, describer: Describer, provider: Provider, clock: Clock, pause: Callable[[float], None]) -> None:
        self._describer, self._clock, self._pause = describer, clock, pause
        self._starts = provider.patience_s > 0
        self._left_s = provider.patience_s or MOST_LOST_S
        self._tries = 0

    def ask(self, question: Question) -> Answer:
        """What the describer answers in the end; what it raised last when the tries or the time are used up."""
        while True:
            begun = self._clock.now()
            try:
                return self._describer.ask(question)
            except OURS:
                raise
            except Unavailable as error:
                self._left_s -= (self._clock.now() - begun).total_seconds()
                wait_s = self._next_wait_s(error)
                if wait_s is None:
                    raise
            self._left_s -= wait_s
            self._pause(wait_s)

    def _next_wait_s(self, error: Unavailable) -> float | None:
        """How long to wait before the next try; None: there is none. Tries and time are those of all calls together."""
        waits = START_WAITS_S if self._starts else WAITS_S
        least = waits[min(self._tries, len(waits) - 1)]
        self._tries += 1
        wait_s = max(least, error.retry_after_s or 0)
        if wait_s > self._left_s or (not self._starts and self._tries >= MOST_TRIES):
            return None
        return wait_s
