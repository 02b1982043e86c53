"""A whole archive: `pacs up` in processes of its own, in a home and on ports that nobody else has."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from dicomweb_client.api import DICOMwebClient

from infra.local.postgres import EmbeddedPostgres
from tests.journey.instances import Instance
from tests.leaks import require_silent

PACS = Path(sys.executable).with_name("pacs")
PATIENCE_S = 60.0
LOOK_S = 0.02
BACKLOG = "select count(*) from machine.message where queue = any(%s) and dead_at is null"
AS_STORED = {"Accept": "application/dicom"}


def until(condition: Callable[[], Any], complaint: str, *, within_s: float = PATIENCE_S) -> Any:
    """What the condition gives once it is true. Fails with the complaint when the time is over."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint
        time.sleep(LOOK_S)
    return found


class Archive:
    """One home and, between `start` and `stop`, the processes in it. `settings` are PACS_* without the prefix."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        ours = {"HOME": str(home), "HTTP_PORT": "0", "DICOM_PORT": "0", "SAMPLE": "0", **settings}
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("PACS_")}
        self.environment = theirs | {f"PACS_{name}": value for name, value in ours.items()}
        self.output = home.with_name(f"{home.name}.out")
        self.process: subprocess.Popen[bytes] | None = None
        self.said: dict[str, Any] = {}

    def start(self) -> dict[str, Any]:
        """Start and wait until it is ready; the document that it prints."""
        with self.output.open("wb") as output:
            command = [str(PACS), "up", "--json"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT)
        until(self.is_ready, "the archive does not get ready")
        self.said = until(self.announced, "the archive says nothing")
        return self.said

    def is_ready(self) -> bool:
        assert self.runs, self.output.read_text()
        return (self.home / "ready.json").exists()

    def announced(self) -> Any:
        """The document that `pacs up --json` prints, once it is whole."""
        document, line_break, _ = self.output.read_text().partition("\n")
        return json.loads(document) if line_break else None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> int:
        """Ask it to end, if it runs, and wait; its exit code."""
        assert self.process
        if self.runs:
            self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self.require_silent()
        return code

    def require_silent(self) -> None:
        """No line that its processes have written, nor its database, tells what no log may tell."""
        for file in (self.output, *self.home.glob("postgres.log*")):
            require_silent(file.read_text(errors="replace"))

    def kill(self) -> None:
        """The supervisor dies without a word."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self.require_silent()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of `pacs` over this home, however it ends."""
        command = [str(PACS), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)

    def pacs(self, *arguments: str) -> Any:
        """What a command prints with --json. Fails when it does."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    @property
    def http(self) -> str:
        return str(self.said["http"])

    @property
    def dicom_port(self) -> int:
        return int(self.said["dicom"]["port"])

    @cached_property
    def authorization(self) -> dict[str, str]:
        """A session that may see everything; it outlives restarts."""
        token = self.pacs("token", "--role", "admin")["token"]
        return {"Authorization": f"Bearer {token}"}

    def browser(self, *, signed_in: bool = True) -> httpx2.Client:
        """A client of the HTTP interface that follows redirects."""
        headers = self.authorization if signed_in else {}
        return httpx2.Client(base_url=self.http, headers=headers, timeout=30, follow_redirects=True)

    def dicomweb(self) -> DICOMwebClient:
        return DICOMwebClient(f"{self.http}/dicomweb", headers=self.authorization)

    def launch(self, study: str, *options: str) -> str:
        """A signed link to a study."""
        return str(self.pacs("launch", study, *options)["url"])

    def children(self) -> dict[str, int]:
        """Process ids by name, as the supervisor keeps them; 0 for one that does not run just now."""
        found = json.loads((self.home / "processes.json").read_text())
        return {name: each["pid"] for name, each in found.items()}

    def children_like(self, prefix: str) -> list[str]:
        """The names of several that do the same; there are as many as processors."""
        return sorted(name for name in self.children() if name.startswith(prefix))

    def backlog(self, *queues: str) -> int:
        """How many messages are not done with."""
        with psycopg.connect(EmbeddedPostgres(self.home).dsn, autocommit=True) as connection:
            row = connection.execute(BACKLOG, [list(queues)]).fetchone()
        assert row
        return int(row[0])

    def indexed(self) -> set[str]:
        """The SHA-256 of every instance that the index knows."""
        with psycopg.connect(EmbeddedPostgres(self.home).dsn, autocommit=True) as connection:
            return {str(row[0]) for row in connection.execute("select sha256 from instances")}

    def processes(self) -> list[int]:
        """Every process of this machine that works in this home, whoever started it."""
        return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and self.concerns(each)]

    def concerns(self, process: Path) -> bool:
        home = os.fsencode(self.home)
        try:
            if b"PACS_HOME=" + home in (process / "environ").read_bytes().split(b"\0"):
                return True
            return home in (process / "cmdline").read_bytes() or home in os.fsencode((process / "cwd").readlink())
        except OSError:
            return False  # ended meanwhile, or another user's


def wait_until_there(archive: Archive, instances: Iterable[Instance], *, within_s: float = PATIENCE_S) -> None:
    """Every instance is found by QIDO within the time, and WADO gives it back byte by byte."""
    wanted = list(instances)
    with archive.browser() as browser:
        until(
            lambda: all(found_in(browser, study) >= uids for study, uids in by_study(wanted).items()),
            f"of {len(wanted)} instances not all are found",
            within_s=within_s,
        )
        for each in wanted:
            answer = browser.get(each.path, headers=AS_STORED)
            assert answer.status_code == 200, answer.text
            assert answer.content == each.part10


def wait_until_found(archive: Archive, study: str, *, within_s: float = PATIENCE_S) -> set[str]:
    """The instances of a study, once QIDO finds any."""
    with archive.browser() as browser:
        found: set[str] = until(lambda: found_in(browser, study), "the study is not found", within_s=within_s)
    return found


def by_study(instances: Iterable[Instance]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in instances:
        found.setdefault(each.study, set()).add(each.sop_instance_uid)
    return found


def found_in(browser: httpx2.Client, study: str) -> set[str]:
    """The instances that QIDO finds in a study; none while the archive does not answer."""
    try:
        answer = browser.get(f"/dicomweb/studies/{study}/instances", params={"limit": "1000"})
    except httpx2.TransportError:
        return set()
    if answer.status_code != 200:
        return set()
    return {each["00080018"]["Value"][0] for each in answer.json()}
