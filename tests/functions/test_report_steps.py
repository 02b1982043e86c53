"""The tasks of report-job: what its file asks for is what the function does, and errors are what both call them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pacs.errors
from functions.catalogue import function
from functions.report_steps import handler as door
from functions.report_steps.handler import StepFailed, handler
from functions.unasked import STATE_MACHINES
from pacs.dictation.steps import STEPS
from pacs.errors import InvalidAudio, PacsError, Unavailable

FILE = Path(door.__file__).with_name("report-job.asl.json")
EVENT = {"step": "report", "organization": "o", "job": "j", "number": 2}


def states(machine: Any) -> Iterator[tuple[str, Any]]:
    """Every state of a machine by its name, those inside of a Map too."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


TASKS = {name: state for name, state in states(json.loads(FILE.read_text())) if state["Type"] == "Task"}


def kinds(kind: type[PacsError]) -> Iterator[str]:
    yield kind.__name__
    for each in kind.__subclasses__():
        yield from kinds(each)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `report` answers (or raises) in a test, and what it was called with."""
    told: dict[str, Any] = {"answer": {}}

    def report(services: Any, *called: Any, **more: Any) -> dict[str, Any]:
        told["called"] = (*called, more)
        if isinstance(told["answer"], Exception):
            raise told["answer"]
        return dict(told["answer"])

    monkeypatch.setitem(STEPS, "report", report)
    return told


def test_the_file_is_the_catalogues() -> None:
    [machine] = STATE_MACHINES
    assert FILE.parents[1] / machine.definition == FILE and machine.functions == ("report_steps",)


def test_the_file_asks_for_each_step_that_there_is() -> None:
    assert sorted(state["Parameters"]["Payload"]["step"] for state in TASKS.values()) == sorted(STEPS)


def test_state_holds_identifiers_and_tasks_are_given_no_more() -> None:
    for name, state in TASKS.items():
        payload = state["Parameters"]["Payload"]
        assert set(payload) <= {"step", "organization.$", "job.$", "number.$", "error.$"}, name
        kept = {"Split": {"numbers.$": "$.Payload.numbers"}, "Deliver": {"again_after_s.$": "$.Payload.again_after_s"}}
        assert state.get("ResultSelector") == kept.get(name), name
        assert (state["ResultPath"] is None) == (name not in kept), name


def test_every_outage_is_waited_out_and_nothing_waits_for_ever() -> None:
    for name, state in TASKS.items():
        outage, ended = state["Retry"]
        assert set(kinds(Unavailable)) | {"TooManyRequests"} <= set(outage["ErrorEquals"]), name
        ours = {kind for kind in outage["ErrorEquals"] + ended["ErrorEquals"] if "." not in kind}
        assert all(issubclass(getattr(pacs.errors, kind), PacsError) for kind in ours)
        assert 0 < state["TimeoutSeconds"] <= function("report_steps").timeout_s + 60, name


def test_a_step_is_told_what_it_is_about_and_answers(step: dict[str, Any]) -> None:
    step["answer"] = {"ended": True}
    assert handler(EVENT, None) == {"ended": True}
    assert step["called"] == ("o", "j", 2, {})
    handler({"step": "report", "organization": "o", "job": "j", "error": "InvalidAudio"}, None)
    assert step["called"] == ("o", "j", None, {"error": "InvalidAudio"})


def test_our_errors_keep_their_names_and_others_lose_what_they_say(
    step: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    step["answer"] = InvalidAudio("silence")
    with pytest.raises(InvalidAudio):
        handler(EVENT, None)
    step["answer"] = ValueError("Ayşe Yılmaz")
    with caplog.at_level(logging.INFO), pytest.raises(StepFailed, match=r"^ValueError$") as failed:
        handler(EVENT, None)
    assert failed.value.__suppress_context__
    assert "Ayşe" not in caplog.text
