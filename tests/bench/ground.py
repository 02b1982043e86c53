"""What a row of the benchmark stands on: a peer, the folders of instances it is sent, and what it holds by now."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bench.data import write_series
from tests.bench.peers import Browser, Peer, Unmeasured
from tests.bench.sender import seconds

SERIES = 500
ARRIVED_WINDOWS = 7  # longer than a server waits for more instances before it puts a series together
PATIENCE_S = 300


def wait_until(condition: Callable[[], bool]) -> float:
    """Seconds until a condition holds, asked without a pause."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > PATIENCE_S:
            raise Unmeasured("it never came")
    return time.perf_counter() - began


@dataclass(frozen=True)
class Series:
    """The UIDs of a folder of instances."""

    study: str
    series: str
    instances: list[str]

    @property
    def path(self) -> str:
        return f"/studies/{self.study}/series/{self.series}"

    def frame(self, instance: str) -> str:
        return f"{self.path}/instances/{instance}/frames/1"


class Data:
    """Folders of instances, written when they are asked for first, for all peers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written: dict[str, Series] = {}

    def folder(self, name: str, count: int, seed: int) -> Path:
        folder = self.root / name
        if name not in self.written:
            self.written[name] = Series(*write_series(folder, count, seed=seed))
        return folder

    def series(self) -> tuple[Path, Series]:
        return self.folder("series", SERIES, seed=1), self.written["series"]


@dataclass
class Ground:
    """A running peer, a folder of its own, what everybody is sent, and the folder of what nginx sends."""

    peer: Peer
    work: Path
    data: Data
    copies: Path
    stocked: bool = False  # with the 10,000 studies that are searched

    @cached_property
    def browser(self) -> Browser:
        return self.peer.browser()

    @cached_property
    def series(self) -> Series:
        """The series that is looked at: sent when it is asked for first, found, and at rest."""
        folder, found = self.data.series()
        seconds(self.peer.dicom_port, self.peer.ae_title, [folder])
        wait_until(lambda: self.count(found.study) == SERIES)
        self.peer.rest(ARRIVED_WINDOWS)
        return found

    def count(self, study: str) -> int:
        """How many instances a search shows of a study."""
        found = self.browser.documents(f"/studies?StudyInstanceUID={study}&includefield=00201208")
        return int(found[0].get("00201208", {}).get("Value", [0])[0]) if found else 0
