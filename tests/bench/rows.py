"""The rows of the benchmark: what is measured by whom, and what must be reached."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from tests.bench import receiving, searching, viewing
from tests.bench.costs import costs
from tests.bench.ground import Ground
from tests.bench.peers import ORTHANC, ORTHANC_POSTGRESQL, OURS

Measure = Callable[[Ground], float]
Figures = dict[str, float]  # by the name of a peer
STORESCP, NGINX = "storescp", "nginx"
FLOORS = (STORESCP, NGINX)


@dataclass(frozen=True)
class Goal:
    """`times` Orthanc or the floor, the larger the better; or at most a value."""

    against: Literal["Orthanc", "floor", "value"]
    number: float

    def __str__(self) -> str:
        if self.against == "value":
            return f"≤ {self.number:g}"
        return f"≥ {self.number:.2g} × {self.against}"


def of_orthanc(times: float) -> Goal:
    return Goal("Orthanc", times)


def of_floor(times: float) -> Goal:
    return Goal("floor", times)


def at_most(value: float) -> Goal:
    return Goal("value", value)


@dataclass(frozen=True)
class Row:
    """`group`: rows of one group are measured one after another on one fresh start of each peer."""

    key: str
    label: str
    unit: str
    measures: dict[str, Measure]
    must: Goal | None = None
    aim: Goal | None = None
    group: str = "images"
    less_is_better: bool = False
    receives: bool = False  # what came before is indexed and put together before it begins
    only_with_database: bool = False  # compared with Orthanc and PostgreSQL, whichever is better

    def orthanc(self, figures: Figures) -> float | None:
        """Orthanc's figure: on the database that suits it better."""
        names = (ORTHANC_POSTGRESQL,) if self.only_with_database else (ORTHANC, ORTHANC_POSTGRESQL)
        found = [figures[name] for name in names if name in figures]
        return (min if self.less_is_better else max)(found, default=None)

    def floor(self, figures: Figures) -> float | None:
        return next((figures[name] for name in FLOORS if name in figures), None)

    def times(self, figures: Figures, other: float | None) -> float | None:
        """How many times better ours is than another."""
        ours = figures.get(OURS)
        if not ours or not other:
            return None
        return other / ours if self.less_is_better else ours / other

    def meets(self, goal: Goal | None, figures: Figures) -> bool | None:
        """None when there is no goal, or nothing to compare with."""
        if goal is None:
            return None
        if goal.against == "value":
            return figures[OURS] <= goal.number if OURS in figures else None
        other = self.orthanc(figures) if goal.against == "Orthanc" else self.floor(figures)
        times = self.times(figures, other)
        return None if times is None else times >= goal.number


def archives(measure: Measure) -> dict[str, Measure]:
    return {OURS: measure, ORTHANC: measure, ORTHANC_POSTGRESQL: measure}


ROWS = (
    Row(
        "stock",
        "C-STORE, stock storescu, 1 association",
        "instances/s",
        archives(receiving.stock_rate) | {STORESCP: receiving.one_rate},
        of_orthanc(8),
        of_floor(1),
    ),
    Row(
        "one",
        "C-STORE, no-delay sender, 1 association",
        "instances/s",
        archives(receiving.one_rate) | {STORESCP: receiving.one_rate},
        receives=True,
    ),
    Row(
        "four",
        "C-STORE, no-delay sender, 4 associations",
        "instances/s",
        archives(receiving.four_rate) | {STORESCP: receiving.four_rate},
        of_orthanc(1),
        of_orthanc(2),
        receives=True,
    ),
    Row(
        "stow",
        "STOW, 10 instances a request",
        "instances/s",
        archives(receiving.stow_rate),
        of_orthanc(1.5),
        of_orthanc(3),
        receives=True,
    ),
    Row(
        "visible",
        "last response to found by QIDO, p95",
        "ms",
        archives(receiving.visible_ms),
        at_most(500),
        at_most(150),
        less_is_better=True,
        receives=True,
    ),
    Row(
        "metadata",
        "metadata of a series of 500, median",
        "ms",
        archives(viewing.metadata_ms) | {NGINX: viewing.metadata_floor_ms},
        of_orthanc(20),
        of_floor(1 / 3),
        less_is_better=True,
    ),
    Row("frames-1", "frames, 1 client", "frames/s", archives(viewing.frames_1) | {NGINX: viewing.frames_floor_1}),
    Row(
        "frames-8",
        "frames, 8 clients",
        "frames/s",
        archives(viewing.frames_8) | {NGINX: viewing.frames_floor_8},
        of_orthanc(3),
        of_floor(0.8),
    ),
    Row(
        "whole",
        "whole series of 500",
        "MB/s",
        archives(viewing.whole_mb_s) | {NGINX: viewing.whole_floor_mb_s},
        of_orthanc(1),
        of_floor(1),
    ),
    Row(
        "first",
        "metadata and first frame, median",
        "ms",
        archives(viewing.first_frame_ms) | {NGINX: viewing.first_frame_floor_ms},
        of_orthanc(5),
        of_orthanc(10),
        less_is_better=True,
    ),
    Row(
        "memory",
        "resident memory after all of this (PSS)",
        "MiB",
        archives(receiving.memory_mib),
        of_orthanc(1),
        of_orthanc(2),
        less_is_better=True,
        only_with_database=True,
    ),
    *(
        Row(
            f"qido-{kind.replace(' ', '-')}",
            f"QIDO in 10,000 studies, {kind}, median",
            "ms",
            archives(partial(searching.kind_ms, kind)),
            of_orthanc(2),
            of_orthanc(5),
            group="studies",
            less_is_better=True,
        )
        for kind in searching.KINDS
    ),
    Row(
        "growth",
        "QIDO p95 at 100,000 studies / at 1,000",
        "times",
        {OURS: searching.growth},
        at_most(1.5),
        at_most(1.1),
        group="studies",
    ),
    Row(
        "statements",
        "SQL statements per stored instance",
        "statements",
        {OURS: lambda _: costs().statements_an_instance},
        at_most(0.1),
        at_most(0.03),
        group="studies",
    ),
    Row(
        "requests",
        "S3 requests per stored instance",
        "requests",
        {OURS: lambda _: costs().requests_an_instance},
        at_most(4),
        at_most(3),
        group="studies",
    ),
)
