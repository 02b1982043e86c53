"""When schedules come, and that a missed one is made up for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.catalogue import FUNCTIONS
from functions.entries import Function, Schedule
from infra.local.schedules import Cron, Scheduler

NIGHTLY = Function("crons", "", schedules=(Schedule("reconcile", "30 0 * * *", "reconcile", after_boot=True),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "moment", "expected"),
    [
        ("30 0 * * *", "2026-11-22T00:29:59", "2026-11-22T00:30"),
        ("30 0 * * *", "2026-11-22T00:30:00", "2026-11-23T00:30"),
        ("30 0 * * *", "2026-12-31T23:59:00", "2027-01-01T00:30"),
        ("*/15 * * * *", "2026-11-22T06:31:00", "2026-11-22T06:45"),
        ("5/20 * * * *", "2026-11-22T06:26:00", "2026-11-22T06:45"),
        ("0,30 8-9 * * *", "2026-11-22T09:30:00", "2026-11-23T08:00"),
        ("0 8 * * 1-5", "2026-11-21T09:00:00", "2026-11-23T08:00"),
        ("0 3 * * 7", "2026-11-23T00:00:00", "2026-11-29T03:00"),
        ("0 3 * * 0", "2026-11-23T00:00:00", "2026-11-29T03:00"),
        ("0 0 29 2 *", "2026-11-22T00:00:00", "2028-02-29T00:00"),
        ("0 0 31 * *", "2026-11-22T00:00:00", "2026-12-31T00:00"),
    ],
)
def test_the_next_run(cron: str, moment: str, expected: str) -> None:
    assert Cron.parse(cron).after(at(moment)) == at(expected)


NO_SCHEDULES = (
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "*/0 * * * *",
    "x * * *",
)


@pytest.mark.parametrize("text", NO_SCHEDULES)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|int"):
        Cron.parse(text)


def test_a_day_of_month_and_a_day_of_week_are_refused_together() -> None:
    with pytest.raises(ValueError, match="not both"):
        Cron.parse("0 0 1 * 1")


def test_a_schedule_that_never_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="never comes"):
        Cron.parse("0 0 30 2 *").after(at("2026-01-01T00:00"))


def test_every_schedule_of_the_catalogue_can_be_read() -> None:
    for function in FUNCTIONS:
        for schedule in function.schedules:
            assert Cron.parse(schedule.cron).after(at("2026-01-01T00:00"))


class Machine:
    """A machine whose clock is set by hand; its handler writes down what it is called with."""

    def __init__(self, home: Path, now: datetime) -> None:
        self.record = home / "schedules.json"
        self.time = now
        self.calls: list[Any] = []
        self.failing = False

    def start(self) -> Scheduler:
        scheduler = Scheduler((NIGHTLY,), self.record, now=lambda: self.time, handler_of=lambda _: self.handle)
        scheduler.write_record()
        return scheduler

    def handle(self, event: Any, context: Any) -> None:
        self.calls.append((event, context.function_name))
        if self.failing:
            raise RuntimeError("the store is away")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, at("2026-11-22T06:00"))


def test_a_schedule_runs_at_its_time_and_once(machine: Machine) -> None:
    scheduler = machine.start()
    scheduler.run_due()
    assert machine.calls == []
    machine.time = at("2026-11-23T00:30")
    scheduler.run_due()
    scheduler.run_due()
    assert machine.calls == [({"task": "reconcile"}, "crons")]


def test_nights_that_were_slept_through_are_made_up_for_by_one_run(machine: Machine) -> None:
    machine.start()
    machine.time += timedelta(days=3)
    machine.start().run_due()
    machine.start().run_due()
    assert len(machine.calls) == 1


def test_a_failure_is_told_and_waits_for_the_next_night(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = machine.start()
    machine.failing = True
    machine.time = at("2026-11-23T00:31")
    scheduler.run_due()
    scheduler.run_due()
    assert len(machine.calls) == 1
    assert capsys.readouterr().err == "schedule reconcile failed: RuntimeError\n"
    machine.time += timedelta(days=1)
    scheduler.run_due()
    assert len(machine.calls) == 2


def test_a_boot_of_the_machine_is_followed_by_one_run(machine: Machine, tmp_path: Path) -> None:
    """A power failure may have taken events of images that were acknowledged; the store still has the images."""
    boot = tmp_path / "boot"
    for boot_id, calls in (("first", 0), ("first", 0), ("second", 1), ("second", 1)):
        machine.start().run_after_boot(boot, boot_id)
        assert len(machine.calls) == calls
