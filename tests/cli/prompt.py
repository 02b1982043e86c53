"""`pacs` again and again: one process imports what the commands import, and forks for each, which then has a start
like any other. Whether the command itself starts is for the tests that begin one.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
IMPORTED = ("infra.local.importing", "infra.local.running", "infra.local.watching", "pacs.archive.rebuilding")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Prompt:
    """Where commands are typed. What they tell is kept in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.told = [folder / name for name in ("in", "out", "err")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.prompt"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, arguments: list[str], environment: dict[str, str], said: str = "") -> Done:
        """Run a command to its end, with this on its standard input."""
        assert self.process.stdin and self.process.stdout
        self.told[0].write_text(said)
        line = json.dumps([arguments, environment, str(Path.cwd()), [str(path) for path in self.told]])
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return Done(code, *(path.read_text() for path in self.told[1:]))

    def close(self) -> None:
        self.process.communicate()


def serve() -> None:
    """Fork for each line of the standard input, and answer with the exit code. Ends with the input."""
    for module in IMPORTED:
        import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(arguments: list[str], environment: dict[str, str], folder: str, told: list[str]) -> NoReturn:
    """Be the command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(told):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0)), number)
    sys.argv = ["pacs", *arguments]
    from infra.cli import main

    main()
    raise AssertionError("a command ends by itself")


if __name__ == "__main__":
    serve()
