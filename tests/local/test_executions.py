"""Executions of report jobs on one machine: in tables, by one process at a time, over every death."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.children import fork
from infra.local.executions import Executions, load_machines
from pacs.errors import Unavailable
from pacs.local.workflow import Execution, WorkflowTables

JOB = "report-job"
PATIENCE_S = 60.0
STEPS = ["transcribe", "split", "report", "report", "settle", "deliver"]
ANSWERS: Mapping[str, Any] = {"split": {"numbers": [0, 1]}, "deliver": {"again_after_s": None}}
Answer = Callable[[Mapping[str, Any]], Any]


@pytest.fixture
def tables(fresh_dsn: str) -> Iterator[WorkflowTables]:
    tables = WorkflowTables(fresh_dsn)
    tables.create_tables()
    yield tables
    tables.close()


class Running:
    """Processes (threads here) that run executions, and what their functions were asked."""

    def __init__(self, tables: WorkflowTables) -> None:
        self.tables = tables
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []
        self.asked: list[Mapping[str, Any]] = []

    def process(self, answer: Answer | None = None, **options: Any) -> Executions:
        def call(name: str, payload: Mapping[str, Any]) -> Any:
            self.asked.append(payload)
            found = answer(payload) if answer else None
            return ANSWERS.get(payload["step"], {}) if found is None else found

        made = Executions(self.tables, load_machines(), call, **{"wait_s": 0.2, **options})
        self.threads.append(threading.Thread(target=made.run, args=[self.stop]))
        self.threads[-1].start()
        return made

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def steps(self, job: str) -> list[str]:
        return [each["step"] for each in self.asked if each["job"] == job]


@pytest.fixture
def running(tables: WorkflowTables) -> Iterator[Running]:
    running = Running(tables)
    yield running
    running.end()


def start(tables: WorkflowTables, *jobs: str) -> None:
    for job in jobs:
        tables.start(JOB, job, {"organization": "o", "job": job})


def found(tables: WorkflowTables, job: str, when: Callable[[Execution], bool]) -> Execution:
    """An execution as soon as it is so."""
    deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while not ((execution := tables.find(JOB, job)) and when(execution)):
        assert datetime.now(UTC) < deadline, execution
        threading.Event().wait(0.01)
    return execution


def ended(execution: Execution) -> bool:
    return execution.status != "running"


def test_ten_jobs_do_not_disturb_one_another_and_each_is_in_one_hand(tables: WorkflowTables, running: Running) -> None:
    jobs = [f"job-{number}" for number in range(10)]
    start(tables, *jobs)
    for _ in range(2):
        running.process()
    for job in jobs:
        assert found(tables, job, ended).status == "succeeded"
        assert running.steps(job) == STEPS


def test_a_job_that_waits_gives_its_hand_back(tables: WorkflowTables, running: Running) -> None:
    waits = {"again_after_s": 3600}
    running.process(lambda asked: waits if asked["step"] == "deliver" and asked["job"] == "1" else None, at_once=1)
    start(tables, "1", "2")
    assert found(tables, "2", ended).status == "succeeded"
    waiting = found(tables, "1", lambda each: bool(running.steps("1") == STEPS and not each.claimed))
    assert waiting.due_at and timedelta(minutes=59) < waiting.due_at - datetime.now(UTC) <= timedelta(hours=1)


def test_who_gives_no_sign_of_life_is_replaced_and_can_do_no_harm(
    tables: WorkflowTables, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    begun, over = threading.Event(), threading.Event()

    def hang(name: str, payload: Mapping[str, Any]) -> Any:
        begun.set()
        over.wait(PATIENCE_S)
        return {}

    start(tables, "job")
    hung = Executions(tables, load_machines(), hang, lease_s=0.1)
    hung.take_one(threading.Event(), PATIENCE_S)
    begun.wait(PATIENCE_S)
    running.process()
    assert found(tables, "job", ended).status == "succeeded"
    [thread] = hung.in_hand.values()
    over.set()
    thread.join()
    assert running.steps("job") == STEPS and hung.in_hand == {}
    assert "in other hands" in capfd.readouterr().err
    assert tables.steps(JOB, "job")["Split"] == {"answer": {"numbers": [0, 1]}}


def test_who_works_for_long_keeps_what_it_has_in_hand(tables: WorkflowTables, running: Running) -> None:
    begun, over = threading.Event(), threading.Event()

    def slow(asked: Mapping[str, Any]) -> Any:
        begun.set()
        over.wait(PATIENCE_S)

    start(tables, "job")
    running.process(slow, lease_s=6)
    begun.wait(PATIENCE_S)
    leased = tables.find(JOB, "job")
    assert leased and leased.due_at
    until = leased.due_at
    assert found(tables, "job", lambda each: each.due_at is not None and each.due_at > until).claimed
    over.set()
    assert found(tables, "job", ended).status == "succeeded"
    assert running.steps("job") == STEPS


def test_what_is_in_hand_when_the_machine_stops_goes_on_after_the_next_start(
    tables: WorkflowTables, running: Running
) -> None:
    def stop(asked: Mapping[str, Any]) -> None:
        running.stop.set()

    start(tables, "job")
    running.process(stop)
    running.stop.wait(PATIENCE_S)
    running.end()
    left = tables.find(JOB, "job")
    assert left and (left.status, left.claimed) == ("running", False)
    assert list(tables.steps(JOB, "job")) == ["Transcribe"] and running.steps("job") == STEPS[:1]
    running.stop.clear()
    running.process()
    assert found(tables, "job", ended).status == "succeeded"
    assert running.steps("job") == STEPS


def test_a_job_that_cannot_even_fail_is_seen(
    tables: WorkflowTables, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(asked: Mapping[str, Any]) -> Any:
        raise KeyError("Ayşe")

    start(tables, "job")
    running.process(broken)
    assert found(tables, "job", ended).outcome == {"Error": "KeyError", "Cause": ""}
    told = capfd.readouterr().err
    assert "report-job job failed: KeyError" in told and "Ayşe" not in told


def test_a_database_that_is_away_takes_nothing_with_it(
    tables: WorkflowTables, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, away = tables.keep, [Unavailable("away"), Unavailable("away")]

    def fragile(*kept: Any) -> None:
        if away:
            raise away.pop()
        keep(*kept)

    monkeypatch.setattr(tables, "keep", fragile)
    start(tables, "job")
    running.process(lease_s=0.3)
    assert found(tables, "job", ended).status == "succeeded"
    assert Counter(running.steps("job")) >= Counter(STEPS) + Counter({"transcribe": 2})


def test_a_job_that_is_killed_in_each_of_its_steps_ends_once_and_as_if_nothing_had_been(
    fresh_dsn: str, tables: WorkflowTables, tmp_path: Path
) -> None:
    died, asked = tmp_path / "died", tmp_path / "asked"
    died.touch()

    def call(name: str, payload: Mapping[str, Any]) -> Any:
        this = f"{payload['step']} {payload.get('number', '')}\n"
        with asked.open("a") as told:
            told.write(this)
        if this not in died.read_text():
            with died.open("a") as told:
                told.write(this)
            os._exit(9)
        return ANSWERS.get(payload["step"], {})

    def child() -> None:
        own = WorkflowTables(fresh_dsn)
        own.recover()
        executions = Executions(own, load_machines(), call)
        while (job := own.find(JOB, "job")) and job.status == "running":
            executions.take_one(threading.Event(), 0.1)

    start(tables, "job")
    ends: list[int] = []
    while not ends or ends[-1]:
        _, status = os.waitpid(fork("workflow", child, tmp_path / "log"), 0)
        ends.append(os.waitstatus_to_exitcode(status))
        assert ends[-1] in (0, 9), (tmp_path / "log").read_text()
    killed = tables.find(JOB, "job")
    assert killed and killed.status == "succeeded"
    kept = tables.steps(JOB, "job")
    places = ["Transcribe", "Split", "Exams/0/Report", "Exams/1/Report", "Settle", "Deliver"]
    assert sorted(kept) == sorted(places) and all("answer" in each for each in kept.values())
    # Both exams are at work when one of them dies, so that the other may be asked a third time.
    counts = Counter(asked.read_text().splitlines())
    assert len(counts) == len(died.read_text().splitlines()) == len(STEPS)
    assert all(count == 2 or (step.startswith("report") and count == 3) for step, count in counts.items())
