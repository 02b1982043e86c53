"""The state machine of report jobs as it is deployed, run by two interpreters: moto's, which stands for Step Functions,
and that of one machine. Both must come to the same end, by the same steps, after the same pauses.
"""

import io
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from functions.unasked import STATE_MACHINES
from infra.local.executing import Run, Suspended
from infra.local.states import FOLDER, Fault, load_machine
from pacs.errors import InvalidAudio, Unavailable

[MACHINE] = STATE_MACHINES
INPUT = {"organization": "o", "job": "j"}
INSIDE = ("report", "fail_exam")
STRANGER = ValueError("what nobody expected")


@dataclass
class Script:
    """Answers each step (of an exam) with what is planned for it, in turn; keeps what was asked, and the pauses."""

    numbers: int = 2
    planned: Mapping[tuple[str, int | None], list[Any]] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        usual = {"split": {"numbers": list(range(self.numbers))}, "deliver": {"again_after_s": None}}
        self.left = {key: list(outcomes) for key, outcomes in self.planned.items()}
        self.usual: Mapping[str, Any] = defaultdict(dict, usual)
        self.lock = threading.Lock()

    def call(self, name: str, payload: Mapping[str, Any]) -> Any:
        assert name == "report_steps" and {"organization": "o", "job": "j"}.items() <= payload.items()
        with self.lock:
            self.asked.append(payload)
            left = self.left.get((payload["step"], payload.get("number")))
            outcome = left.pop(0) if left else self.usual[payload["step"]]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def order(self) -> tuple[list[Any], dict[int, list[Any]]]:
        """The steps of the job, and those of each exam: with the errors that they were told of."""
        exams: dict[int, list[Any]] = defaultdict(list)
        for each in self.asked:
            if each["step"] in INSIDE:
                exams[each["number"]].append((each["step"], each.get("error")))
        job = [(each["step"], each.get("error")) for each in self.asked if each["step"] not in INSIDE]
        return job, dict(exams)


Interpreter = Callable[[Script, Mapping[str, Any]], str]


@pytest.fixture
def step_functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interpreter]:
    """moto's interpreter: its functions are the script's, and its retriers do not sleep."""

    def run(script: Script, given: Mapping[str, Any]) -> str:
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=script.pauses_s.append))
        monkeypatch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: Functions(script))
        client = boto3.client("stepfunctions", region_name="eu-central-1")
        definition = (FOLDER / MACHINE.definition).read_text().replace("${report_steps}", "report_steps")
        role = "arn:aws:iam::123456789012:role/anybody"
        machine = client.create_state_machine(name=MACHINE.name, definition=definition, roleArn=role)
        started = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given))
        while (found := client.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            time.sleep(0.01)
        return str(found["status"])

    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield run


class Functions:
    """What Lambda's client answers when the functions are those of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803 - as boto3 calls them
        try:
            answer, failed = self.script.call(FunctionName, json.loads(Payload)), {}
        except Exception as error:
            failed = {"FunctionError": "Unhandled"}
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


@pytest.fixture
def one_machine() -> Interpreter:
    """The interpreter of one machine, with a clock that goes at once to the moment that is waited for."""

    def run(script: Script, given: Mapping[str, Any]) -> str:
        now = datetime.now(UTC)
        kept: dict[str, Any] = {}
        while True:
            # From the start each time, with what was kept: as after a restart.
            moment = now
            attempt = Run(script.call, dict(kept), kept.__setitem__, now=lambda: moment)  # noqa: B023 - called here
            try:
                attempt.run(load_machine(MACHINE), given)
                return "SUCCEEDED"
            except Suspended as suspended:
                script.pauses_s.append((suspended.until - now) / timedelta(seconds=1))
                now = suspended.until
            except Fault:
                return "FAILED"

    return run


@pytest.fixture(params=["step_functions", "one_machine"])
def interpret(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.getfixturevalue(request.param)
    return found


GOOD = [("transcribe", None), ("split", None), ("settle", None), ("deliver", None)]


def test_a_job_goes_its_way(interpret: Interpreter) -> None:
    script = Script(numbers=7)
    assert interpret(script, INPUT) == "SUCCEEDED"
    assert script.order == (GOOD, {number: [("report", None)] for number in range(7)})
    assert script.pauses_s == []


def test_an_exam_that_fails_does_not_take_the_others_with_it(interpret: Interpreter) -> None:
    script = Script(numbers=3, planned={("report", 1): [STRANGER]})
    assert interpret(script, INPUT) == "SUCCEEDED"
    failed = [("report", None), ("fail_exam", "ValueError")]
    assert script.order == (GOOD, {0: [("report", None)], 1: failed, 2: [("report", None)]})


def test_an_outage_is_waited_out_each_time_for_longer(interpret: Interpreter) -> None:
    outage = [Unavailable("away"), Unavailable("away")]
    script = Script(numbers=1, planned={("transcribe", None): outage, ("report", 0): outage})
    assert interpret(script, INPUT) == "SUCCEEDED"
    assert script.order == ([("transcribe", None)] * 2 + GOOD, {0: [("report", None)] * 3})
    assert script.pauses_s == [2, 4, 2, 4]


def test_an_outage_without_end_fails_the_exam_in_the_end(interpret: Interpreter) -> None:
    script = Script(numbers=1, planned={("report", 0): [Unavailable("away")] * 100})
    assert interpret(script, INPUT) == "SUCCEEDED"
    assert script.order == (GOOD, {0: [("report", None)] * 11 + [("fail_exam", "Unavailable")]})
    assert script.pauses_s == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize("step", ["transcribe", "settle"])
def test_what_cannot_be_mended_by_waiting_fails_the_job(interpret: Interpreter, step: str) -> None:
    script = Script(planned={(step, None): [InvalidAudio("silence")]})
    assert interpret(script, INPUT) == "SUCCEEDED"
    until = [each[0] for each in GOOD].index(step) + 1
    assert script.order[0] == [*GOOD[:until], ("fail", "InvalidAudio"), ("deliver", None)]
    assert script.pauses_s == []


def test_an_exam_whose_failure_cannot_be_noted_fails_the_job(interpret: Interpreter) -> None:
    script = Script(numbers=1, planned={("report", 0): [STRANGER], ("fail_exam", 0): [STRANGER]})
    assert interpret(script, INPUT) == "SUCCEEDED"
    assert script.order[0] == [*GOOD[:2], ("fail", "ValueError"), ("deliver", None)]


def test_what_was_not_taken_is_delivered_again_after_waits(interpret: Interpreter) -> None:
    script = Script(planned={("deliver", None): [{"again_after_s": 1}, {"again_after_s": 0}]})
    began = time.monotonic()
    assert interpret(script, {**INPUT, "resend": False}) == "SUCCEEDED"
    assert script.order[0] == [*GOOD, *[("deliver", None)] * 2]
    assert time.monotonic() - began > 1 or script.pauses_s == [1]


def test_what_has_ended_before_is_only_delivered_again(interpret: Interpreter) -> None:
    script = Script(planned={("deliver", None): [{"again_after_s": 0}]})
    assert interpret(script, {**INPUT, "resend": True}) == "SUCCEEDED"
    assert script.order == ([("deliver", None)] * 2, {})


def test_a_job_whose_failure_cannot_be_noted_fails_where_it_is_seen(interpret: Interpreter) -> None:
    script = Script(planned={("transcribe", None): [STRANGER], ("fail", None): [STRANGER]})
    assert interpret(script, INPUT) == "FAILED"
    assert script.order[0] == [("transcribe", None), ("fail", "ValueError")]
