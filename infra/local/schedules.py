"""What happens by the clock: runs the catalogue's schedules in UTC, and makes up for a run that was missed.

Run by the supervisor as one child. The time of each schedule's last run lies in the home, so that a nightly task
whose night the machine slept through runs at the next start, once.
"""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.catalogue import FUNCTIONS
from functions.entries import Function, Schedule, Source
from infra.local.invocation import Handler, context_of, load
from infra.local.workers import start_beside

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
# The longest time between two runs of any expression: 29 February around a century without one.
HORIZON_DAYS = 366 * 9
LOOK_S = 30.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday). Each a set of numbers."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Raises ValueError for what is no expression, or names both a day of month and a day of week.

        The latter means "or" to cron and cannot be said to EventBridge at all.
        """
        parts = text.split()
        if len(parts) != len(FIELDS):
            raise ValueError(f"a schedule has five fields: {text!r}")
        if parts[2] != "*" and parts[4] != "*":
            raise ValueError(f"a schedule names a day of month or a day of week, not both: {text!r}")
        return cls(*(numbers(part, low, high) for part, (low, high) in zip(parts, FIELDS, strict=True)))

    def after(self, moment: datetime) -> datetime:
        """The first run later than a moment. Raises ValueError when there is none (30 February)."""
        candidate = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = candidate + timedelta(days=HORIZON_DAYS)
        while candidate < last:
            if not self.is_day(candidate):
                candidate = candidate.replace(hour=0, minute=0) + timedelta(days=1)
            elif candidate.hour not in self.hours:
                candidate = candidate.replace(minute=0) + timedelta(hours=1)
            elif candidate.minute not in self.minutes:
                candidate += timedelta(minutes=1)
            else:
                return candidate
        raise ValueError("the schedule never comes")

    def is_day(self, moment: datetime) -> bool:
        weekday = moment.isoweekday() % 7
        return moment.month in self.months and moment.day in self.days and weekday in self.weekdays


def numbers(text: str, low: int, high: int) -> frozenset[int]:
    """The numbers of one field: `*`, `5`, `1-5`, `*/15`, `10-20/5` and lists of them."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else int(first)
        stop = int(last) if last else high if span == "*" or step else start
        limit = 7 if high == FIELDS[4][1] else high
        if not low <= start <= stop <= limit or (step and int(step) < 1):
            raise ValueError(f"not a field of a schedule between {low} and {high}: {text!r}")
        found.update(range(start, stop + 1, int(step or 1)))
    return frozenset(0 if number == 7 and high == FIELDS[4][1] else number for number in found)


class Scheduler:
    """Runs what is due. The clock and the handlers are handed in."""

    def __init__(
        self,
        functions: Iterable[Function],
        record: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        handler_of: Callable[[Function], Handler] = load,
    ) -> None:
        self.entries = [(function, schedule) for function in functions for schedule in function.schedules]
        self.crons = {schedule.name: Cron.parse(schedule.cron) for _, schedule in self.entries}
        self.record = record
        self.now = now
        self.handler_of = handler_of
        self.last_runs = self.read_record()

    def read_record(self) -> dict[str, datetime]:
        """When each schedule ran last; one never seen before counts from now."""
        known: Mapping[str, str] = json.loads(self.record.read_text()) if self.record.exists() else {}
        return {name: datetime.fromisoformat(known[name]) if name in known else self.now() for name in self.crons}

    def write_record(self) -> None:
        unfinished = self.record.with_suffix(".new")
        unfinished.write_text(json.dumps({name: last.isoformat() for name, last in self.last_runs.items()}))
        unfinished.replace(self.record)

    def run_due(self) -> None:
        """Run every schedule whose time has come, once however often it was missed."""
        for function, schedule in self.entries:
            if self.crons[schedule.name].after(self.last_runs[schedule.name]) <= self.now():
                self.run_one(function, schedule)
                self.last_runs[schedule.name] = self.now()
                self.write_record()

    def run_after_boot(self, boot: Path, boot_id: str) -> None:
        """Run what must run when the machine has booted since the last time; `boot` remembers which boot that was."""
        if boot.exists() and boot.read_text() != boot_id:
            for function, schedule in self.entries:
                if schedule.after_boot:
                    self.run_one(function, schedule)
        boot.write_text(boot_id)

    def run_one(self, function: Function, schedule: Schedule) -> None:
        """Call the handler. A failure is told and not repeated before its next time, as with EventBridge."""
        try:
            self.handler_of(function)({"task": schedule.detail}, context_of(function))
        except Exception as error:
            sys.stderr.write(f"schedule {schedule.name} failed: {type(error).__name__}\n")
        else:
            sys.stderr.write(f"schedule {schedule.name} done\n")

    def run(self, stop: threading.Event) -> None:
        self.write_record()
        while not stop.is_set():
            self.run_due()
            stop.wait(LOOK_S)


def main(home: Path, beside: Iterable[tuple[Function, Source, Handler]]) -> None:
    """Run the schedules until SIGTERM, and beside them the functions that take little; what runs is finished."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    scheduler = Scheduler(FUNCTIONS, home / "schedules.json")
    threads = start_beside(beside, stop)
    try:
        scheduler.run_after_boot(home / "boot", BOOT_ID.read_text())
        scheduler.run(stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
