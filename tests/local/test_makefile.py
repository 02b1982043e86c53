"""`make` says what it can do, and everything it says is there."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = ("help", "up", "test", "check", "bench", "synth", "site", "layers", "speech")


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_make_alone_prints_every_command() -> None:
    lines = [line.split("\t") for line in make().splitlines()]
    assert tuple(command.removeprefix("  make ") for command, _ in lines) == TARGETS
    assert all(help for _, help in lines)
    assert make("help") == make()


def test_ci_runs_what_everybody_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert [line for line in script.splitlines() if line.startswith("make")] == ["make check", "make test"]
