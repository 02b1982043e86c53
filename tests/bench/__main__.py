"""`make bench`: this archive beside Orthanc, storescp and nginx in one run, on one machine. Writes docs/benchmarks.md.

`python -m tests.bench --rows stow metadata` measures those rows alone and only prints them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.bench import peers, viewing
from tests.bench.ground import ARRIVED_WINDOWS, Data, Ground
from tests.bench.peers import ORTHANC, ORTHANC_POSTGRESQL, OURS, Peer
from tests.bench.rows import NGINX, ROWS, STORESCP, Figures, Goal, Row

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
MARK = "<!-- figures -->"
SYSTEMS = (OURS, ORTHANC, ORTHANC_POSTGRESQL)

Start = Callable[[Path], Peer]


class Run:
    """One run: what is measured, what came out by row and peer, and why something did not."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        self.folder, self.rows = folder, rows
        self.data = Data(folder / "data")
        self.copies = folder / "nginx-files"
        self.figures: dict[str, Figures] = {row.key: {} for row in rows}
        self.complaints: list[str] = []

    def measure(self) -> None:
        """Every peer by itself, nginx last, for it sends what ours has answered."""
        starts: dict[str, Start] = {
            STORESCP: peers.start_storescp,
            ORTHANC: peers.start_orthanc,
            ORTHANC_POSTGRESQL: peers.start_orthanc_postgresql,
            OURS: peers.start_ours,
            NGINX: partial(peers.start_nginx, root=self.copies),
        }
        for name, start in starts.items():
            for group in dict.fromkeys(row.group for row in self.rows if name in row.measures):
                rows = [row for row in self.rows if row.group == group and name in row.measures]
                self.measure_group(name, group, start, rows)

    def measure_group(self, name: str, group: str, start: Start, rows: list[Row]) -> None:
        work = Path(tempfile.mkdtemp(prefix=group, dir=self.folder))
        work.chmod(0o755)
        try:
            peer = start(work)
        except Exception as error:
            self.complain(f"{name}: {error}")
            return
        try:
            ground = Ground(peer, work, self.data, self.copies)
            for row in rows:
                self.measure_row(row, ground)
            if name == OURS and any(NGINX in row.measures for row in rows):
                self.attempt(f"{NGINX}'s files", lambda: viewing.copy_for_nginx(ground))
        finally:
            peer.stop()

    def measure_row(self, row: Row, ground: Ground) -> None:
        name, began = ground.peer.name, time.perf_counter()

        def once() -> None:
            ground.peer.rest(ARRIVED_WINDOWS if row.receives else 1)
            figure = self.figures[row.key][name] = row.measures[name](ground)
            say(f"{name}: {row.label}: {shown(figure)} {row.unit} ({time.perf_counter() - began:.0f} s)")

        self.attempt(f"{name}, {row.label}", once)

    def attempt(self, what: str, once: Callable[[], None]) -> None:
        """What fails, however it does, is told below the table, and the rest goes on."""
        try:
            once()
        except Exception as error:
            self.complain(f"{what}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")

    def complain(self, complaint: str) -> None:
        self.complaints.append(complaint)
        say(complaint)

    def table(self) -> str:
        """The figures as Markdown, and below it why some are missing."""
        lines = [
            f"| | unit | {' | '.join(SYSTEMS)} | floor | × Orthanc | × floor | must | met | aim | met |",
            "|---" * (len(SYSTEMS) + 9) + "|",
            *(self.line(row) for row in self.rows),
        ]
        missing = [f"- No figure: {complaint}" for complaint in self.complaints]
        return "\n".join([*lines, *([""] * bool(missing)), *missing])

    def line(self, row: Row) -> str:
        figures = self.figures[row.key]
        orthanc, floor = row.orthanc(figures), row.floor(figures)
        cells = [
            row.label,
            row.unit,
            *(shown(figures.get(name)) for name in SYSTEMS),
            shown(floor),
            shown(row.times(figures, orthanc)),
            shown(row.times(figures, floor)),
            told(row.must),
            answer(row, row.must, figures),
            told(row.aim),
            answer(row, row.aim, figures),
        ]
        return f"| {' | '.join(cells)} |"


def shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def told(goal: Goal | None) -> str:
    return "" if goal is None else str(goal)


def answer(row: Row, goal: Goal | None, figures: Figures) -> str:
    if goal is None:
        return ""
    return {True: "yes", False: "no", None: "not measured"}[row.meets(goal, figures)]


def say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rows", nargs="+", choices=[row.key for row in ROWS], metavar="ROW", help="only these")
    chosen = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run = Run(Path(folder), [row for row in ROWS if not chosen or row.key in chosen])
        run.measure()
        text = run.table()
    sys.stdout.write(text + "\n")
    if not chosen:
        before, _, rest = DOCUMENT.read_text().partition(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{rest.partition(MARK)[2]}")


if __name__ == "__main__":
    main()
