"""The orchestrator takes the documented path every time: over a service that fails as it is told to, by HTTP."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from pacs.ai import circuits
from pacs.ai.configuring import Configured
from pacs.ai.context import Case
from pacs.ai.drafts import Drafted, draft
from pacs.ai.orchestrating import Answered, Attempt, Cancelled, Failed, Skipped, answer
from pacs.ai.previews import Preview
from pacs.ai.providers import MOCK, ORCHESTRATOR, ROUTE
from pacs.ai.usage import About
from pacs.database.engine import EngineDatabase
from pacs.errors import BadRequest, DatabaseUnavailable, ModelTimeout, NobodyAnswered, Unavailable
from pacs.models.mock import MockDescriber
from pacs.ports import Answer, Describer, Endpoint, Question
from tests.ai.house import House, dollars, one_database, taking
from tests.models.fake_models import FakeModels, Trouble, serving

__all__ = ["one_database"]

FINE: Trouble = "thinking"
Path_ = list[tuple[str, str, str]]


CASE = Case(("CR",), "CHEST", "female", 61, "PA LUNG", ())
IMAGE = Preview(1, 1, "2.25.77001", "2.25.77002", 1, "", "middle", b"\xff\xd8 an image")


@dataclass
class Press:
    """One press of the button. `wanted_until_s`: when whoever pressed does not want it any more."""

    house: House
    needs_vision: bool = True
    language: str = "tr"
    wanted_until_s: float = 1e9
    waited: list[float] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)
    attempts: tuple[Attempt, ...] = ()

    def ask(self, wanted: str = ORCHESTRATOR) -> Answered[Drafted]:
        return answer(
            self.house,
            self.house.scope,
            wanted,
            self.asking,
            about=About("draft", "1.2.3"),
            needs_vision=self.needs_vision,
            language=self.language,
            still_wanted=lambda: sum(self.waited) < self.wanted_until_s,
            told=lambda attempts, name: self.heard.append((len(attempts), name)),
            wait=self.wait,
        )

    def asking(self, found: Configured, describer: Describer) -> Drafted:
        return draft(describer, CASE, [IMAGE] if found.provider.vision else [], "general", "tr")

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.house.clock.pass_s(seconds)

    def path(self, wanted: str = ORCHESTRATOR) -> Path_:
        """Whom it went to, and what came of each."""
        try:
            attempts = self.ask(wanted).attempts
        except NobodyAnswered as error:
            attempts = error.attempts
        self.attempts = attempts
        return [(each.provider, each.outcome, each.why) for each in attempts]


@pytest.fixture(scope="module")
def serving_models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found


@pytest.fixture
def models(serving_models: FakeModels) -> FakeModels:
    serving_models.troubles.clear()
    serving_models.asked.clear()
    serving_models.retry_after = "7"
    return serving_models


@pytest.fixture
def house(one_database: EngineDatabase, tmp_path: Path, models: FakeModels) -> House:
    """Every provider of the route is there, and is the one service."""
    settings = {f"ai_{name}_url": models.url for name in ("openai", "gemini", "rai_llm", "medgemma", "deepseek")}
    keys = {f"ai_{name}_key": f"sk-{name}" for name in ("gemini", "claude", "deepseek")}
    house = House(one_database, tmp_path, ai_claude_url=models.url_of("anthropic"), **settings, **keys)
    house.says = None
    return house


@pytest.fixture
def press(house: House) -> Press:
    return Press(house)


def skipped(*names: str, why: str) -> Path_:
    return [(name, "skipped", why) for name in names]


def failed(name: str, why: str) -> Path_:
    return [(name, "failed", why)]


def answered(name: str) -> Path_:
    return [(name, "answered", "")]


BUSY_RAI = failed("rai-llm", "busy")
FOUR_BUSY: list[Trouble] = ["busy"] * 4
REFUSED: list[Trouble] = ["refused"] * 5
# What the service does, one request after another; the path that follows; seconds waited in all; how often it is asked.
Script = tuple[Sequence[Trouble], Path_, float, int]
SCRIPTS: dict[str, Script] = {
    "the first answers": ([], answered("rai-llm"), 0, 1),
    "busy once": (["busy"], answered("rai-llm"), 7, 2),
    "starting, as an own machine does": (["starting"] * 3, answered("rai-llm"), 35, 4),
    "busy for longer than an own machine is waited for": (["busy"] * 4, BUSY_RAI + answered("openai"), 37, 5),
    "down for longer": (["down"] * 4, failed("rai-llm", "unavailable") + answered("openai"), 35, 5),
    "a broken line": (["dropped"] * 4, failed("rai-llm", "unavailable") + answered("openai"), 35, 5),
    "a refusal is not asked for again": (["refused"], failed("rai-llm", "refused") + answered("openai"), 0, 2),
    "a wrong key neither": (["forbidden"], failed("rai-llm", "not-configured") + answered("openai"), 0, 2),
    "nothing there": (["missing"], failed("rai-llm", "not-configured") + answered("openai"), 0, 2),
    "an answer without a text": (["silent"], failed("rai-llm", "refused") + answered("openai"), 0, 2),
    "an answer of no use is asked for again": (["wrong"], answered("rai-llm"), 0, 2),
    "and of no use again": (["wrong", "broken"], failed("rai-llm", "invalid") + answered("openai"), 0, 3),
    "busy while it mends": (["wrong", "busy"], answered("rai-llm"), 7, 3),
    "one of ours is tried four times, one of others three times": (
        [*FOUR_BUSY, "down", "down", "down"],
        BUSY_RAI + failed("openai", "unavailable") + answered("gemini"),
        37 + 10,
        8,
    ),
    "the whole way to the one that starts": (
        [*REFUSED[:4], "starting", "starting", "starting"],
        [each for name in ROUTE[:4] for each in failed(name, "refused")] + answered("medgemma"),
        5 + 10 + 20,
        8,
    ),
    "nobody but the mock": (
        REFUSED,
        [each for name in ROUTE[:5] for each in failed(name, "refused")] + answered(MOCK),
        0,
        5,
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_has_its_path(press: Press, models: FakeModels, name: str) -> None:
    troubles, path, waited_s, calls = SCRIPTS[name]
    models.troubles[:] = troubles
    assert press.path() == path
    assert (sum(press.waited), len(models.asked)) == (waited_s, calls)
    assert all(0 < each <= 5 for each in press.waited), "it is looked every five seconds whether it is still wanted"
    assert press.heard == [(at, name) for at, (name, outcome, _) in enumerate(path) if outcome != "skipped"]
    assert sum(each.seconds for each in press.attempts) == waited_s
    events = press.house.events()
    assert len(events) == calls + (path[-1][0] == MOCK)
    assert sum(event["cost"] for event in events) == sum(each.cost or Decimal(0) for each in press.attempts)


def test_who_is_told_to_wait_for_long_is_not_waited_for(press: Press, models: FakeModels) -> None:
    models.troubles[:], models.retry_after = ["busy", "busy"], "91"
    assert press.path() == BUSY_RAI + failed("openai", "busy") + answered("gemini")
    assert press.waited == []


def test_time_that_calls_took_is_not_waited_for_again(press: Press) -> None:
    def late(endpoint: Endpoint, question: Question) -> Answer:
        press.house.clock.pass_s(89)
        raise ModelTimeout("too late")

    press.house.says = late
    assert press.path("openai") == failed("openai", "timeout")
    assert [event["seconds"] for event in press.house.events()] == [89.0]
    assert press.waited == []


class Setup:
    """What an organization has set up otherwise."""

    @staticmethod
    def off(house: House) -> None:
        for name in ("rai-llm", "openai"):
            house.configure(name, enabled=False)

    @staticmethod
    def nothing_told(house: House) -> None:
        house.set(ai_rai_llm_url="", ai_openai_key="")

    @staticmethod
    def no_consent(house: House) -> None:
        house.consent(False)

    @staticmethod
    def over_budget(house: House) -> None:
        house.configure("rai-llm", enabled=False)
        house.configure("openai", monthly_budget=dollars("0.01"))

    @staticmethod
    def no_price(house: House) -> None:
        house.configure("rai-llm", enabled=False)
        house.configure("openai", monthly_budget=dollars("10"), model="gpt-unheard-of")

    @staticmethod
    def open_circuit(house: House) -> None:
        for _ in range(3):
            circuits.fail(house, house.scope, "rai-llm")

    @staticmethod
    def all_off(house: House) -> None:
        for name in ROUTE:
            house.configure(name, enabled=False)


SETUPS = [
    (Setup.off, skipped("rai-llm", "openai", why="off") + answered("gemini")),
    (Setup.nothing_told, skipped("rai-llm", "openai", why="not-configured") + answered("gemini")),
    (Setup.no_consent, skipped(*ROUTE[:-1], why="no-consent") + answered(MOCK)),
    (Setup.over_budget, skipped("rai-llm", why="off") + skipped("openai", why="over-budget") + answered("gemini")),
    (Setup.no_price, skipped("rai-llm", why="off") + skipped("openai", why="no-price") + answered("gemini")),
    (Setup.open_circuit, skipped("rai-llm", why="circuit-open") + answered("openai")),
    (Setup.all_off, skipped(*ROUTE, why="off")),
]


@pytest.mark.parametrize(("set_up", "path"), SETUPS, ids=lambda each: getattr(each, "__name__", ""))
def test_who_may_not_or_cannot_is_passed_over(press: Press, models: FakeModels, set_up: Any, path: Path_) -> None:
    set_up(press.house)
    assert press.path() == path
    assert len(models.asked) == (1 if path[-1][1] == "answered" and path[-1][0] != MOCK else 0)


def test_a_language_that_nobody_writes(press: Press) -> None:
    press.language = "ja"
    assert press.path() == skipped(*ROUTE, why="language")


def test_the_mock_answers_in_production_only_where_it_is_allowed(press: Press) -> None:
    press.house.consent(False)
    press.house.set(stage="prod")
    nobody = skipped(*ROUTE[:-1], why="no-consent")
    assert press.path() == nobody + skipped(MOCK, why="not-allowed")
    assert press.path(MOCK) == skipped(MOCK, why="not-allowed")
    press.house.set(ai_mock=True)
    assert press.path() == nobody + answered(MOCK)


@pytest.mark.parametrize(
    ("wanted", "troubles", "path"),
    [
        ("gemini", [], answered("gemini")),
        ("gemini", REFUSED[:1], failed("gemini", "refused")),
        ("claude", FOUR_BUSY[:3], failed("claude", "busy")),
        ("deepseek", [], skipped("deepseek", why="no-vision")),
        ("qwen", [], skipped("qwen", why="not-configured")),
        ("radialog", [], skipped("radialog", why="not-configured")),
        (MOCK, [], answered(MOCK)),
    ],
)
def test_who_was_chosen_by_hand_is_replaced_by_nobody(
    press: Press, models: FakeModels, wanted: str, troubles: list[Trouble], path: Path_
) -> None:
    if wanted in ("qwen", "radialog"):
        press.house.configure(wanted)
    models.troubles[:] = troubles
    assert press.path(wanted) == path


def test_who_sees_nothing_is_asked_where_nothing_is_to_be_seen(press: Press) -> None:
    press.needs_vision = False
    assert press.path("deepseek") == answered("deepseek")


@pytest.mark.parametrize(("times", "calls"), [(9, 10), (99, 10)])
def test_a_machine_that_starts_for_minutes_is_waited_for_and_not_for_ever(press: Press, times: int, calls: int) -> None:
    def starting(endpoint: Endpoint, question: Question) -> Answer:
        if len(press.house.events()) < times:
            raise Unavailable("starting")
        return MockDescriber(endpoint).ask(question)

    press.house.says = starting
    assert press.path("medgemma") == (answered("medgemma") if times < 10 else failed("medgemma", "unavailable"))
    assert sum(press.waited) == 5 + 10 + 20 + 40 + 5 * 60 < 420
    assert len(press.house.events()) == calls


def test_an_answer_that_is_not_wanted_any_more_is_not_waited_for(press: Press, models: FakeModels) -> None:
    models.troubles[:] = ["refused", *FOUR_BUSY]
    press.wanted_until_s = 6
    with pytest.raises(Cancelled) as told:
        press.ask()
    assert [each.why for each in told.value.attempts] == ["refused"]
    assert press.waited == [5, 2] and len(models.asked) == 2
    assert circuits.passes(press.house, press.house.scope, "openai"), "nobody is to blame"


def test_nobody_is_asked_for_what_nobody_wants(press: Press, models: FakeModels) -> None:
    press.wanted_until_s = 0
    with pytest.raises(Cancelled):
        press.ask()
    assert models.asked == [] and press.house.events() == []


def test_a_model_does_not_mend_what_is_not_wanted_any_more(press: Press, models: FakeModels) -> None:
    models.troubles[:] = ["wrong", "busy", "busy"]
    press.wanted_until_s = 3
    with pytest.raises(Cancelled):
        press.ask("openai")
    assert len(models.asked) == 2


def test_what_is_ours_is_no_failure_of_a_provider(press: Press) -> None:
    def down(endpoint: Endpoint, question: Question) -> Answer:
        raise DatabaseUnavailable("not now")

    press.house.says = down
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            press.ask("openai")
    press.house.says = taking(1, 1)
    assert circuits.opened(press.house, press.house.scope) == {}


def test_nobody_is_called_by_a_name_that_nobody_has(press: Press) -> None:
    with pytest.raises(BadRequest) as told:
        press.ask("gpt")
    assert told.value.field == "provider"


def test_what_is_told_of_a_failure_names_no_address_and_no_key(press: Press, models: FakeModels) -> None:
    models.troubles[:] = ["down"] * 3
    with pytest.raises(NobodyAnswered) as told:
        press.ask("openai")
    said = f"{told.value} {[each.to_json() for each in told.value.attempts]}"
    assert "127.0.0.1" not in said and "sk-" not in said
    assert "openai: unavailable" in said


def test_attempts_are_kept_as_json(press: Press, models: FakeModels) -> None:
    models.troubles[:] = ["refused"]
    found = press.ask()
    assert [each.to_json() for each in found.attempts] == [
        {
            "provider": "rai-llm",
            "model": "Qwen/Qwen2.5-VL-7B-Instruct",
            "outcome": "failed",
            "why": "refused",
            "seconds": 0.0,
            "cost": "0",
        },
        {
            "provider": "openai",
            "model": "gpt-5.5",
            "outcome": "answered",
            "why": "",
            "seconds": 0.0,
            "cost": str(found.cost),
        },
    ]
    assert found.cost and found.drafted.document["findings"]


def test_every_reason_stands_in_the_documentation() -> None:
    said = (Path(__file__).parents[2] / "docs" / "ai.md").read_text()
    _, _, path = said.partition("## The orchestrator's path")
    assert " → ".join(ROUTE) in path
    for why in (*get_args(Skipped), *get_args(Failed)):
        assert f"| `{why}` |" in path
