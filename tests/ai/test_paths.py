"""Whatever is set up and whatever models do, the orchestrator goes along its route, and each time the same way."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.ai import circuits
from pacs.ai.configuring import Configured
from pacs.ai.orchestrating import Attempt, answer
from pacs.ai.patience import MOST_LOST_S, MOST_TRIES
from pacs.ai.providers import MOCK, ORCHESTRATOR, PROVIDERS, ROUTE
from pacs.ai.usage import About
from pacs.database.engine import EngineDatabase
from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NobodyAnswered, NotConfigured, PacsError, Unavailable
from pacs.ports import Answer, Describer, Endpoint, Question, Usage
from tests.ai.house import QUESTION, House, dollars, one_database

__all__ = ["one_database"]

# What a model does when it is asked, and what the orchestrator makes of it when nothing better comes.
DEEDS: dict[str, PacsError | None] = {
    "answered": None,
    "busy": ModelBusy("busy"),
    "busy for long": ModelBusy("busy", retry_after_s=3600),
    "timeout": ModelTimeout("late"),
    "unavailable": Unavailable("down"),
    "refused": ModelRefused("no"),
    "not-configured": NotConfigured("no key"),
}
WAITED_OUT = ("busy", "timeout", "unavailable")
STATES = ("ready", "ready", "ready", "off", "over-budget", "circuit-open")


@dataclass(frozen=True)
class Script:
    """The state of each provider, and its deeds one after another; the last again and again."""

    states: tuple[str, ...]
    deeds: tuple[tuple[str, ...], ...]
    consent: bool

    def state(self, name: str) -> str:
        return self.states[ROUTE.index(name)]

    def deed(self, name: str, at: int) -> str:
        deeds = self.deeds[ROUTE.index(name)]
        return deeds[min(at, len(deeds) - 1)]


scripts = st.builds(
    Script,
    st.tuples(*[st.sampled_from(STATES)] * len(ROUTE)),
    st.tuples(*[st.lists(st.sampled_from(sorted(DEEDS)), min_size=1, max_size=4).map(tuple)] * len(ROUTE)),
    st.booleans(),
)


@dataclass
class Walk:
    """What came of a script: the attempts, and the names of those that were called, one for each call."""

    attempts: list[Attempt] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    waited_s: float = 0

    @property
    def path(self) -> list[tuple[str, str, str]]:
        return [(each.provider, each.outcome, each.why) for each in self.attempts]


def walk(house: House, script: Script) -> Walk:
    made = Walk()

    def say(endpoint: Endpoint, question: Question) -> Answer:
        error = DEEDS[script.deed(endpoint.provider, made.called.count(endpoint.provider))]
        made.called.append(endpoint.provider)
        if error:
            raise error
        return Answer("{}", Usage(1, 1), endpoint.model)

    def wait(seconds: float) -> None:
        made.waited_s += seconds
        house.clock.pass_s(seconds)

    def asking(found: Configured, describer: Describer) -> str:
        return describer.ask(QUESTION).text

    house.says = say
    try:
        found = answer(
            house,
            house.scope,
            ORCHESTRATOR,
            asking,
            about=About("draft"),
            needs_vision=True,
            language="tr",
            still_wanted=lambda: True,
            told=lambda attempts, name: None,
            wait=wait,
        )
        made.attempts.extend(found.attempts)
    except NobodyAnswered as error:
        made.attempts.extend(error.attempts)
    return made


def set_up(database: EngineDatabase, home: Path, script: Script) -> House:
    own = {f"ai_{name}_url": "http://10.0.0.7" for name in ("rai_llm", "medgemma")}
    house = House(database, home, ai_gemini_key="sk-gemini", ai_claude_key="sk-claude", **own)
    if not script.consent:
        house.consent(False)
    for name in ROUTE:
        state = script.state(name)
        if state == "off":
            house.configure(name, enabled=False)
        if state == "over-budget":
            # What is free is not over it.
            house.configure(name, monthly_budget=dollars("0"))
        if state == "circuit-open":
            for _ in range(6):  # for longer than all others are waited for
                circuits.fail(house, house.scope, name)
    return house


def expected(script: Script) -> Iterator[tuple[str, str, str]]:
    """The path as the documentation tells it."""
    for name in ROUTE:
        state, free = script.state(name), PROVIDERS[name].ours
        if state == "off":
            yield name, "skipped", "off"
        elif not script.consent and name != MOCK:
            yield name, "skipped", "no-consent"
        elif state == "circuit-open" or (state == "over-budget" and not free):
            yield name, "skipped", state
        else:
            yield name, *ending(script, name)
            if ending(script, name)[0] == "answered":
                return


def ending(script: Script, name: str) -> tuple[str, str]:
    """What comes of a provider that is asked."""
    patience_s = PROVIDERS[name].patience_s
    waits = [5.0, 10.0, 20.0, 40.0] + [60.0] * 9 if patience_s else [2.0, 8.0, 1e9]
    left_s, at = patience_s or MOST_LOST_S, 0
    while True:
        deed = script.deed(name, at)
        if deed == "answered":
            return "answered", ""
        if deed not in WAITED_OUT or waits[at] > left_s:
            return "failed", deed.removesuffix(" for long")
        left_s, at = left_s - waits[at], at + 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts)
def test_every_script_has_the_path_that_is_documented(
    one_database: EngineDatabase, tmp_path: Path, script: Script
) -> None:
    made = walk(set_up(one_database, tmp_path, script), script)
    assert made.path == list(expected(script))
    for name in ROUTE:
        assert made.called.count(name) <= (MOST_TRIES if not PROVIDERS[name].patience_s else 10)
        assert (name in made.called) == (name in [each for each, outcome, _ in made.path if outcome != "skipped"])
    assert made.waited_s <= sum(PROVIDERS[name].patience_s or MOST_LOST_S for name in made.called)


@pytest.mark.parametrize("consent", [True, False])
def test_the_same_script_goes_the_same_way(one_database: EngineDatabase, tmp_path: Path, consent: bool) -> None:
    deeds = (
        ("busy", "refused"),
        ("timeout",),
        ("unavailable", "busy for long"),
        ("refused",),
        ("busy",),
        ("answered",),
    )
    script = Script(("ready",) * len(ROUTE), deeds, consent)
    first, second = (walk(set_up(one_database, tmp_path, script), script) for _ in range(2))
    assert first == second
    assert first.path[-1] == (MOCK, "answered", "")
