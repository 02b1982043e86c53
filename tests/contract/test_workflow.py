"""What starting an execution must do, proved on the tables of one machine and on Step Functions (moto's server)."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from pacs.aws.workflow import StepFunctionsWorkflow
from pacs.errors import BadRequest, NotFound, Unavailable
from pacs.local.workflow import Claim, ClaimLost, WorkflowTables
from pacs.ports import Workflow

AwsClient = Callable[[str], Any]

DEFINITION = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
ROLE = "arn:aws:iam::123456789012:role/anybody"


@dataclass
class Rig:
    """A workflow adapter, a machine of this test, and the inputs of all executions of it by their names."""

    workflow: Workflow
    machine: str
    started: Callable[[], dict[str, Any]]


@pytest.fixture
def machine() -> str:
    return f"machine-{uuid.uuid4().hex}"


@pytest.fixture
def tables(postgres_dsn: str) -> Iterator[WorkflowTables]:
    tables = WorkflowTables(postgres_dsn)
    tables.create_tables()
    yield tables
    tables.close()


@pytest.fixture(params=["tables_rig", "step_functions_rig"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def tables_rig(tables: WorkflowTables, machine: str, postgres_dsn: str) -> Rig:
    def started() -> dict[str, Any]:
        with psycopg.connect(postgres_dsn) as connection:
            return dict(connection.execute("select name, input from machine.execution where machine = %s", [machine]))

    return Rig(tables, machine, started)


@pytest.fixture
def step_functions_rig(aws_client: AwsClient, machine: str) -> Rig:
    client = aws_client("stepfunctions")
    arn = client.create_state_machine(name=machine, definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]

    def started() -> dict[str, Any]:
        found = client.list_executions(stateMachineArn=arn)["executions"]
        inputs = {each["name"]: client.describe_execution(executionArn=each["executionArn"]) for each in found}
        return {name: json.loads(each["input"]) for name, each in inputs.items()}

    return Rig(StepFunctionsWorkflow(arn.removesuffix(machine), client), machine, started)


def test_an_execution_starts_with_its_input(rig: Rig) -> None:
    rig.workflow.start(rig.machine, "job-1", {"job": "1", "number": 2})
    rig.workflow.start(rig.machine, "job-2", {"job": "2"})
    assert rig.started() == {"job-1": {"job": "1", "number": 2}, "job-2": {"job": "2"}}


def test_a_name_that_was_used_starts_nothing(rig: Rig) -> None:
    rig.workflow.start(rig.machine, "job", {"job": "1"})
    rig.workflow.start(rig.machine, "job", {"job": "1"})
    rig.workflow.start(rig.machine, "job", {"job": "other"})
    assert rig.started() == {"job": {"job": "1"}}


@pytest.mark.parametrize("name", ["", "x" * 81, "a b", "ş", "a/b"])
def test_what_is_no_name_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(BadRequest):
        rig.workflow.start(rig.machine, name, {})
    assert rig.started() == {}


def test_a_state_machine_that_is_not_there_is_not_found(step_functions_rig: Rig) -> None:
    with pytest.raises(NotFound):
        step_functions_rig.workflow.start("no-such-machine", "job", {})


def test_tables_that_do_not_answer_are_unavailable() -> None:
    with pytest.raises(Unavailable):
        WorkflowTables("host=127.0.0.1 port=1 dbname=none").start("m", "job", {})


# What those who run executions on one machine use beside the port.


def claimed(tables: WorkflowTables, machine: str, *, lease_s: float = 60, wait_s: float = 0) -> Claim:
    claim = tables.claim([machine], lease_s=lease_s, wait_s=wait_s)
    assert claim is not None
    return claim


def test_an_execution_is_in_the_hands_of_one(tables: WorkflowTables, machine: str) -> None:
    names = {f"job-{number}" for number in range(40)}
    for name in names:
        tables.start(machine, name, {})

    def take(_: int) -> list[str]:
        return [claim.name for claim in iter(lambda: tables.claim([machine], lease_s=60, wait_s=0), None) if claim]

    with ThreadPoolExecutor(4) as pool:
        taken = [name for each in pool.map(take, range(4)) for name in each]
    assert sorted(taken) == sorted(names)


def test_what_was_kept_is_found_by_who_comes_after(tables: WorkflowTables, machine: str) -> None:
    tables.start(machine, "job", {"job": "1"})
    first = claimed(tables, machine, lease_s=0)
    tables.keep(first, "Split", {"numbers": [0, 1]})
    tables.keep(first, "Wait", {"until": 1})
    tables.keep(first, "Wait", {"until": 2})
    second = claimed(tables, machine)
    assert second.input == {"job": "1"} and second.started_at == first.started_at
    assert tables.steps(machine, "job") == {"Split": {"numbers": [0, 1]}, "Wait": {"until": 2}}
    with pytest.raises(ClaimLost):
        tables.keep(first, "x", {})
    with pytest.raises(ClaimLost):
        tables.end(first, "succeeded", {})
    tables.lay_down(first)
    assert tables.prolong([first.claim, second.claim], lease_s=60) == {second.claim}
    tables.end(second, "succeeded", {"done": True})
    ended = tables.find(machine, "job")
    assert ended and (ended.status, ended.outcome, ended.due_at, ended.claimed) == (
        "succeeded",
        {"done": True},
        None,
        False,
    )
    assert tables.claim([machine], lease_s=60, wait_s=0) is None
    with pytest.raises(ClaimLost):
        tables.keep(second, "x", {})


def test_an_execution_that_was_laid_down_comes_back_when_it_is_due(tables: WorkflowTables, machine: str) -> None:
    tables.start(machine, "later", {})
    tables.lay_down(claimed(tables, machine), datetime.now(UTC) + timedelta(hours=1))
    assert tables.claim([machine], lease_s=60, wait_s=0) is None
    tables.start(machine, "soon", {})
    tables.lay_down(claimed(tables, machine), datetime.now(UTC) + timedelta(seconds=0.3))
    began = time.monotonic()
    claim = claimed(tables, machine, wait_s=60)
    assert claim.name == "soon" and time.monotonic() - began < 10
    tables.lay_down(claim)
    assert claimed(tables, machine).name == "soon"


def test_who_waits_wakes_when_something_starts(tables: WorkflowTables, machine: str, postgres_dsn: str) -> None:
    waits = "select 1 from pg_stat_activity where query like '%min(due_at)%' and state = 'idle'"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgres_dsn, autocommit=True) as watch:
        waiting = pool.submit(claimed, tables, machine, wait_s=60)
        while watch.execute(waits).fetchone() is None:
            assert not waiting.done()
        began = time.monotonic()
        tables.start(machine, "job", {})
        assert waiting.result(30).name == "job" and time.monotonic() - began < 5


def test_the_claims_of_a_process_that_is_gone_are_given_back_at_once(tables: WorkflowTables, machine: str) -> None:
    tables.start(machine, "job", {})
    claimed(tables, machine)
    assert tables.claim([machine], lease_s=60, wait_s=0) is None
    assert tables.recover() >= 1
    assert claimed(tables, machine).name == "job"


def test_executions_that_ended_long_ago_are_forgotten(tables: WorkflowTables, machine: str) -> None:
    tables.start(machine, "runs", {})
    tables.start(machine, "ended", {})
    for claim in (claimed(tables, machine), claimed(tables, machine)):
        tables.keep(claim, "Step", {})
        if claim.name == "ended":
            tables.end(claim, "failed", {"Error": "Unavailable"})
    assert tables.count()["in_hand"] >= 1 and tables.count()["failed"] >= 1
    tables.forget(1)
    assert tables.find(machine, "ended")
    tables.forget(0)
    assert tables.find(machine, "ended") is None and tables.steps(machine, "ended") == {}
    assert tables.find(machine, "runs")
