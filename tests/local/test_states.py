"""State machines on one machine: what their files may say, and how an execution goes on with what was kept of it."""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.unasked import STATE_MACHINES
from infra.local.executing import Run, Suspended
from infra.local.states import FOLDER, Fault, Machine, load_machine, machine_of
from pacs.errors import Unavailable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RETRY = [{"ErrorEquals": ["Unavailable"], "IntervalSeconds": 2, "MaxAttempts": 2}]


def task(step: str, **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": "${f}", "Payload": {"step": step, "n.$": "$.n"}}
    plain = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
    return {**plain, "TimeoutSeconds": 60, "ResultPath": None, **({} if "Next" in more else {"End": True}), **more}


def machine(**states: Any) -> Machine:
    return machine_of("m", {"StartAt": next(iter(states)), "States": states}, ("f",))


def each(at_once: int, **states: Any) -> dict[str, Any]:
    """A Map over `$.numbers`."""
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": next(iter(states)), "States": states}
    item = {"n.$": "$$.Map.Item.Value"}
    path = {"ItemsPath": "$.numbers", "ItemSelector": item, "MaxConcurrency": at_once, "ResultPath": None}
    return {"Type": "Map", **path, "ItemProcessor": processor, "End": True}


class Driver:
    """Runs a machine as often as a test says, with what was kept before."""

    def __init__(self, call: Callable[[Any], Any], **states: Any) -> None:
        self.machine = machine(**states)
        self.kept: dict[str, Any] = {}
        self.asked: list[Any] = []
        self.answer = call
        self.now = NOW
        self.stopping = False

    def call(self, name: str, payload: Mapping[str, Any]) -> Any:
        self.asked.append(tuple(payload.values()))
        return self.answer(payload)

    def run(self, given: Mapping[str, Any], ends: datetime | None = None) -> Any:
        keep = self.kept.__setitem__
        run = Run(self.call, dict(self.kept), keep, ends, lambda: self.stopping, lambda: self.now)
        return run.run(self.machine, given)

    def until(self, given: Mapping[str, Any], ends: datetime | None = None) -> float:
        """For how many seconds there is nothing to do."""
        with pytest.raises(Suspended) as suspended:
            self.run(given, ends)
        return (suspended.value.until - self.now) / timedelta(seconds=1)


def changed(at: str, value: Any) -> Any:
    """The machine of report jobs with something else at a place (`…` removes it)."""
    [entry] = STATE_MACHINES
    document = json.loads((FOLDER / entry.definition).read_text())
    *way, last = at.split("/")
    inner = document
    for name in way:
        inner = inner[int(name) if name.isdigit() else name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return machine_of(entry.name, document, entry.functions, ("TimeoutSeconds",))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("QueryLanguage", "JSONata"),
        ("StartAt", "Nowhere"),
        ("States/Begin/Type", "Parallel"),
        ("States/Begin/Choices/0/Next", "Nowhere"),
        ("States/Begin/Choices/0/And/0/StringEquals", "x"),
        ("States/Begin/Choices/0/And/0/IsPresent", ...),
        ("States/Begin/Choices/0/And/0/Variable", "$.list[0]"),
        ("States/Split/HeartbeatSeconds", 3),
        ("States/Split/TimeoutSeconds", ...),
        ("States/Split/Resource", "arn:aws:states:::sqs:sendMessage"),
        ("States/Split/Parameters/FunctionName", "${another}"),
        ("States/Split/Parameters/Payload/job.$", "States.Format('{}', $.job)"),
        ("States/Split/Parameters/Payload/inner", {"job.$": "$.job"}),
        ("States/Split/ResultSelector/numbers.$", "$.Payload.numbers[*]"),
        ("States/Split/ResultPath", "$"),
        ("States/Split/Retry/0/JitterStrategy", "FULL"),
        ("States/Split/Catch/0/Next", "Report"),
        ("States/Split/Catch/0/ResultPath", ...),
        ("States/Split/End", True),
        ("States/Exams/ResultPath", "$.results"),
        ("States/Exams/MaxConcurrency", 0),
        ("States/Exams/ItemProcessor/ProcessorConfig/Mode", "DISTRIBUTED"),
        ("States/Exams/ItemProcessor/States/Report/Next", "Settle"),
        ("States/Wait/Seconds", 5),
        ("States/Done/Output", {}),
    ],
)
def test_what_is_not_known_here_is_refused_when_it_is_read(at: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"report-job"):
        changed(at, value)


def test_every_state_machine_of_the_catalogue_is_known_here() -> None:
    assert all(load_machine(entry).timeout_s > 0 for entry in STATE_MACHINES)


def test_what_was_done_is_not_done_again() -> None:
    driver = Driver(lambda payload: {"n": 7}, A=task("a", Next="B", ResultPath="$.a"), B=task("b"))
    assert driver.run({"n": 1}) == {"n": 1, "a": {"Payload": {"n": 7}}}
    assert driver.kept == {"A": {"answer": {"n": 7}}, "B": {"answer": {"n": 7}}}
    assert driver.run({"n": 1}) == {"n": 1, "a": {"Payload": {"n": 7}}}
    assert driver.asked == [("a", 1), ("b", 1)]


def test_tries_are_counted_over_restarts_and_what_they_end_with_is_kept() -> None:
    def away(payload: Any) -> Any:
        raise Unavailable("away")

    driver = Driver(away, A=task("a", Retry=RETRY))
    assert driver.until({"n": 1}) == 2
    driver.now += timedelta(seconds=1)
    assert driver.until({"n": 1}) == 1  # asked nothing in between
    driver.now += timedelta(seconds=1)
    assert driver.until({"n": 1}) == 4
    driver.now += timedelta(seconds=4)
    for _ in range(2):
        with pytest.raises(Fault, match=r"^Unavailable$"):
            driver.run({"n": 1})
    assert len(driver.asked) == 3


def test_a_wait_that_began_before_is_not_begun_again() -> None:
    states = {"W": {"Type": "Wait", "SecondsPath": "$.n", "Next": "A"}, "A": task("a")}
    driver = Driver(lambda payload: {}, **states)
    assert driver.until({"n": 3600}) == 3600
    driver.now += timedelta(seconds=3599)
    assert driver.until({"n": 3600}) == 1
    driver.now += timedelta(seconds=1)
    driver.run({"n": 3600})
    assert driver.asked == [("a", 3600)]


def test_an_item_that_waits_leaves_its_place_to_others_and_comes_back_in_time() -> None:
    first = threading.Event()

    def call(payload: Any) -> Any:
        if payload["n"] == 0 and not first.is_set():
            first.set()
            raise Unavailable("away")
        return {}

    driver = Driver(call, M=each(1, A=task("a", Retry=RETRY, Next="B"), B=task("b")))
    assert driver.until({"numbers": [0, 1, 2]}) == 2
    assert driver.asked == [("a", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    driver.now += timedelta(seconds=2)
    driver.run({"numbers": [0, 1, 2]})
    assert driver.asked[5:] == [("a", 0), ("b", 0)]


def test_items_run_some_at_a_time() -> None:
    together = threading.Barrier(3, timeout=30)

    def call(payload: Any) -> Any:
        together.wait()
        return {}

    Driver(call, M=each(3, A=task("a"))).run({"numbers": list(range(6))})


def test_an_item_that_fails_ends_those_that_have_not_begun() -> None:
    def call(payload: Any) -> Any:
        raise KeyError(payload["n"])

    driver = Driver(call, M=each(1, A=task("a")))
    with pytest.raises(Fault, match=r"^KeyError$"):
        driver.run({"numbers": [5, 6, 7, 8]})
    assert driver.asked == [("a", 5)]


def test_a_function_that_takes_too_long_is_a_fault_that_can_be_tried_again() -> None:
    release = threading.Event()
    slow = task("a", TimeoutSeconds=0.05, Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}])
    driver = Driver(lambda payload: release.wait(30), A=slow)
    assert driver.until({"n": 1}) == 1
    release.set()
    driver.now += timedelta(seconds=1)
    driver.run({"n": 1})
    assert driver.kept["A"] == {"answer": True}


def test_what_is_not_there_cannot_be_caught() -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.fault", "Next": "B"}]
    driver = Driver(lambda payload: {}, A=task("a", Catch=caught, Next="B"), B=task("b"))
    with pytest.raises(Fault, match=r"^States\.Runtime$"):
        driver.run({})
    selecting = task("a", Catch=caught, Next="B", ResultSelector={"x.$": "$.Payload.x"}, ResultPath="$.a")
    driver = Driver(lambda payload: {}, A=selecting, B=task("b"))
    with pytest.raises(Fault, match=r"^States\.Runtime$"):
        driver.run({"n": 1})
    assert driver.asked == [("a", 1)]


@pytest.mark.parametrize("seconds", [-1, 1.5, "1"])
def test_a_wait_is_some_whole_seconds(seconds: Any) -> None:
    driver = Driver(lambda payload: {}, W={"Type": "Wait", "SecondsPath": "$.n", "End": True})
    with pytest.raises(Fault, match=r"^States\.Runtime$"):
        driver.run({"n": seconds})


def test_items_are_a_list() -> None:
    with pytest.raises(Fault, match=r"^States\.Runtime$"):
        Driver(lambda payload: {}, M=each(1, A=task("a"))).run({"numbers": 2})


def test_an_execution_that_takes_too_long_ends() -> None:
    driver = Driver(lambda payload: {}, W={"Type": "Wait", "SecondsPath": "$.n", "Next": "A"}, A=task("a"))
    assert driver.until({"n": 3600}, NOW + timedelta(seconds=60)) == 60
    driver.now += timedelta(seconds=60)
    with pytest.raises(Fault, match=r"^States\.Timeout$"):
        driver.run({"n": 3600}, NOW + timedelta(seconds=60))
    assert driver.asked == []


def test_nothing_is_begun_when_the_machine_stops() -> None:
    def call(payload: Any) -> Any:
        driver.stopping = True
        return {}

    driver = Driver(call, M=each(1, A=task("a", Next="B"), B=task("b")))
    assert driver.until({"numbers": [1, 2]}) == 0
    assert driver.asked == [("a", 1)]
    assert list(driver.kept) == ["M/0/A"]
