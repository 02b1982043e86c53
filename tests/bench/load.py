"""Mixed load: `python -m tests.bench.load --minutes 60`. Twice a clinic's busiest hour, without a pause.

Fails when anything is answered with an error, an acknowledged image is lost or altered, memory grows, a process
has to be started again, or the archive falls behind.

Assumed of a clinic's busiest hour: 20 studies of 200 images on average from four modalities, 10 readers who open a
study every five minutes and look at every image, 4 studies of 50 images imported from discs, half of them deleted.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.clinic import KINDS, Desk, Ledger, Modality, Reader, check_kept, keep_on
from tests.bench.peers import descendants, pss_kib
from tests.bench.receiving import p95
from tests.journey.archive import Archive, until

SAMPLES = 120
DRAIN_S = 300.0
# The memory of the last third of the time over that of the middle third. Caches fill in the first.
GROWTH_MAX = 1.05
PACE_MIN = 0.9


@dataclass(frozen=True)
class Plan:
    """How much for how long. Intervals are those of each one who works."""

    minutes: float
    studies_an_hour: float
    readers: int
    looks_an_hour: float  # of each reader
    imports_an_hour: float
    import_images: int
    shorter: int = 1  # studies have so many times fewer images
    growth_max: float = GROWTH_MAX
    pace_min: float = PACE_MIN

    def planned(self) -> dict[str, float]:
        """What should be done in the time; the first of each begins at once."""
        hours = self.minutes / 60
        return {
            "studies sent": self.studies_an_hour * hours,
            "studies read": self.readers * self.looks_an_hour * hours,
            "studies imported": self.imports_an_hour * hours,
        }


def clinic(minutes: float, times: float) -> Plan:
    """So many times a clinic's busiest hour."""
    return Plan(minutes, 20 * times, round(10 * times), 12, 4 * times, 50)


class Memory:
    """The proportional set size of every process of an archive, taken at equal intervals."""

    def __init__(self, archive: Archive) -> None:
        assert archive.process
        self.pid = archive.process.pid
        self.archive = archive
        self.samples: list[float] = []
        self.parts: list[dict[str, float]] = []

    def take(self) -> None:
        by_pid = {pid: pss_kib(pid) / 1024 for pid in descendants(self.pid)}
        names = {pid: name for name, pid in self.archive.children().items()}
        self.samples.append(sum(by_pid.values()))
        self.parts.append({name: by_pid.get(pid, 0.0) for pid, name in names.items()})

    def growth(self) -> float:
        """The median of the last third over that of the middle third."""
        third = len(self.samples) // 3
        return statistics.median(self.samples[2 * third :]) / statistics.median(self.samples[third : 2 * third])

    def slope_mib_an_hour(self, interval_s: float) -> float:
        """Of the last two thirds."""
        rest = self.samples[len(self.samples) // 3 :]
        fitted = statistics.linear_regression([each * interval_s / 3600 for each in range(len(rest))], rest)
        return fitted.slope

    def told(self) -> str:
        """Each process' first and last figure."""
        first, last = self.parts[0], self.parts[-1]
        return ", ".join(f"{name} {first.get(name, 0):.0f}→{last[name]:.0f}" for name in sorted(last))


def run(archive: Archive, plan: Plan, say: Callable[[str], None]) -> Ledger:
    """Load a running archive, and check that it bore it. Raises AssertionError."""
    ledger, over, memory = Ledger(), threading.Event(), Memory(archive)
    threads = [
        threading.Thread(target=keep_on, args=(work, first_s, every_s, over, ledger), daemon=True)
        for work, first_s, every_s in workers(archive, plan, ledger)
    ]
    for thread in threads:
        thread.start()
    interval_s = plan.minutes * 60 / SAMPLES
    began = time.monotonic()
    for number in range(1, SAMPLES + 1):
        over.wait(max(0.0, began + number * interval_s - time.monotonic()))
        memory.take()
        if number % (SAMPLES // 12) == 0:
            say(f"{memory.samples[-1]:.0f} MiB, {dict(ledger.done)}, {len(ledger.errors)} errors")
    over.set()
    for thread in threads:
        thread.join(DRAIN_S)
    assert not any(thread.is_alive() for thread in threads), "somebody does not get done"
    say(f"growth {memory.growth():.3f}, {memory.slope_mib_an_hour(interval_s):+.1f} MiB/h; {memory.told()}")
    say(f"found p95 {p95(ledger.visible_s) * 1000:.0f} ms after the last response")
    check(archive, plan, ledger, memory)
    return ledger


def workers(archive: Archive, plan: Plan, ledger: Ledger) -> list[tuple[Modality | Reader | Desk, float, float]]:
    """Everybody, when each begins and how often, in seconds: those who do the same take turns."""
    study_s, look_s = 3600 * len(KINDS) / plan.studies_an_hour, 3600 / plan.looks_an_hour
    modalities = [Modality(archive, ledger, kind, max(1, kind.images // plan.shorter)) for kind in KINDS]
    readers = [Reader(archive, ledger, seed) for seed in range(plan.readers)]
    desk = Desk(archive, ledger, plan.import_images)
    return [
        *((each, number / len(KINDS) * study_s, study_s) for number, each in enumerate(modalities)),
        *((each, number / plan.readers * look_s, look_s) for number, each in enumerate(readers)),
        (desk, 0.0, 3600 / plan.imports_an_hour),
    ]


def check(archive: Archive, plan: Plan, ledger: Ledger, memory: Memory) -> None:
    assert ledger.errors == []
    for what, planned in plan.planned().items():
        assert ledger.done[what] >= int(planned * plan.pace_min), f"{what}: {ledger.done[what]} of {planned:.0f}"
    until(lambda: archive.backlog("index", "derive") == 0, "the queues do not empty", within_s=DRAIN_S)
    check_kept(archive, ledger)
    assert archive.pacs("failures")["failures"] == []
    found = json.loads((archive.home / "processes.json").read_text())
    assert {name: each["restarts"] for name, each in found.items() if each["restarts"]} == {}
    assert memory.growth() <= plan.growth_max, f"memory grows: {memory.told()}"


def say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--times", type=float, default=2, help="how many times a clinic's busiest hour")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        archive = Archive(Path(folder) / "home")
        archive.start()
        try:
            ledger = run(archive, clinic(given.minutes, given.times), say)
        finally:
            archive.stop()
    say(f"passed: {dict(ledger.done)}")


if __name__ == "__main__":
    main()
