"""A whole archive as its owner runs it: `pacs up` in a process of its own, in a home of its own, on free ports."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACS = Path(sys.executable).with_name("pacs")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60


class Archive:
    """`pacs up` over one home. `start` returns when it says that it is ready."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        ours = {
            "PACS_HOME": str(home),
            "PACS_HTTP_PORT": "0",
            "PACS_DICOM_PORT": "0",
            "PACS_SAMPLE": "0",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PACS_")}
        self.environment = kept | ours | settings
        self.process: subprocess.Popen[str] | None = None
        self.said: dict[str, Any] = {}

    def start(self) -> dict[str, Any]:
        """Start, and wait for the document that ends the start. Raises AssertionError with what went wrong."""
        self.process = subprocess.Popen(
            [PACS, "up", "--json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stderr
        for line in self.process.stdout:
            if line.startswith("{"):
                self.said = json.loads(line)
                return self.said
        raise AssertionError(f"pacs up ended ({self.process.wait()}): {self.process.stderr.read()}")

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self.process
        code = self.process.wait(STOP_TIMEOUT_S)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
        self.process = None
        return code

    def stop(self) -> None:
        """End it, if it runs, whatever a test has done to it."""
        if self.process:
            self.process.terminate()
            self.wait()

    @property
    def http(self) -> str:
        return str(self.said["http"])

    @property
    def dicom_port(self) -> int:
        return int(self.said["dicom"]["port"])

    def processes(self) -> dict[str, int]:
        """Process id of every child by name; 0 while it does not run."""
        found = json.loads((self.home / "processes.json").read_text())
        return {name: each["pid"] for name, each in found.items()}

    def pacs(self, *arguments: str) -> Any:
        """What a command of `pacs` prints with --json. Raises CalledProcessError."""
        done = subprocess.run(
            [PACS, *arguments, "--json"], env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    def token(self, role: str = "admin") -> str:
        return str(self.pacs("token", "--role", role)["token"])

    def get(self, path: str, token: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of a GET."""
        told = {"Authorization": f"Bearer {token}", **(headers or {})}
        request = urllib.request.Request(self.http + path, headers=told)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
