"""`pacs up`: starts every process of one machine, watches them, starts them again, and stops them in order.

One process, one thread. It imports all code once and forks the children from it; it opens no database connection
and no store itself. Stopping: first the DICOM door, which finishes its associations, then the rest, PostgreSQL last.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from functions.catalogue import FUNCTIONS, TOPICS
from infra.local import checks, executions, gateway, relay, schedules, start, workers
from infra.local.children import SIGNALS, Child, Task
from infra.local.invocation import load_all
from infra.local.postgres import EmbeddedPostgres
from infra.local.start import UNSHOWN, address_of, block_of_text, write_atomically
from pacs.errors import PacsError
from pacs.settings import Settings

DRAIN_TIMEOUT_S = 115.0
STOP_TIMEOUT_S = 40.0
LOOK_S = 1.0
POSTGRES_PAUSE_S = 1.0
PROCESSES_MAX = 4
# Of mallopt, section 3 of the manual.
M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1
KEPT_BYTES_MAX, FREE_BYTES_MAX = 32 << 20, 256 << 20


class Stopped(Exception):
    """Somebody asked for the end while the start was still going on."""


def run(settings: Settings, *, as_json: bool = False) -> int:
    """Run until SIGINT or SIGTERM; the exit code. Raises NotConfigured, in one line, when it cannot start."""
    home = settings.home.resolve()
    lock = checks.open_home(home)
    with checks.listen(settings.bind, settings.http_port, "PACS_HTTP_PORT") as listening:
        settings = replace(
            settings,
            home=home,
            http_port=listening.getsockname()[1],
            dicom_port=checks.free_port(settings.bind, settings.dicom_port, "PACS_DICOM_PORT"),
        )
        supervisor = Supervisor(settings, listening)
        try:
            supervisor.start(as_json=as_json)
            supervisor.watch()
        except Stopped:
            return 0
        finally:
            supervisor.stop()
            os.close(lock)
    return 0


class Supervisor:
    """The processes of one machine."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self.settings = settings
        self.home = settings.home
        self.logs = self.home / "logs"
        self.logs.mkdir(exist_ok=True)
        self.listening = listening
        self.postgres = EmbeddedPostgres(self.home)
        self.children: list[Child] = []
        self.handlers: Mapping[str, Any] = {}
        self.postgres_after = 0.0
        self.asked_to_stop = 0
        self.wakeup, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup leaves it
                signal.signal(number, self.ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop += 1

    def start(self, *, as_json: bool) -> None:
        """Start everything; returns when all of it answers. Raises Stopped, or PacsError in one line."""
        (self.home / "ready.json").unlink(missing_ok=True)
        os.environ.update(environment(self.settings, self.postgres.dsn))
        self.postgres.start()
        migration = Task("migrate", start.migrate, self.logs / "migrate.log")
        self.handlers = preload()
        self.finish(migration)
        checks.write_version(self.home)
        self.children = [Child(name, main, self.logs / f"{name}.log") for name, main in self.programs()]
        self.mend()
        found = self.finish(Task("welcome", start.welcome, self.logs / "welcome.log"))
        self.announce(found, as_json=as_json)

    def programs(self) -> Iterable[tuple[str, Callable[[], None]]]:
        """Every child by name, with what it runs; the DICOM door first, for it stops first."""
        several = range(1, min(os.cpu_count() or 1, PROCESSES_MAX) + 1)
        for number in several:
            yield f"scp-{number}", dicom_door
        for number in several:
            yield f"web-{number}", partial(gateway.main, self.listening, self.handlers)
        yield "relay", relay.main
        for function in FUNCTIONS:
            for source in function.sources:
                for number in range(1, source.workers + 1):
                    name = function.name if source.workers == 1 else f"{function.name}-{number}"
                    yield name, partial(workers.main, function, source, self.handlers[function.name])
        beside = [
            (function, source, self.handlers[function.name])
            for function in FUNCTIONS
            for source in function.sources
            if not source.workers
        ]
        yield "workflow", partial(executions.main, executions.load_machines(), self.handlers)
        yield "scheduler", partial(schedules.main, self.home, beside)

    def announce(self, found: Mapping[str, Any], *, as_json: bool) -> None:
        """Write ready.json and the last words of the start; the administrator's password is shown once."""
        settings = self.settings
        host = address_of(settings)
        unshown = self.home / UNSHOWN
        ready = {
            "http": f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}",
            "dicom": {"host": host, "port": settings.dicom_port, "ae_title": settings.ae_title},
            "pid": os.getpid(),
        }
        write_atomically(self.home / "ready.json", ready)
        document = {**ready, "origin": settings.origin, "home": str(self.home), **found}
        if unshown.exists():
            document["administrator"] = json.loads(unshown.read_text())
        sys.stdout.write(json.dumps(document) + "\n" if as_json else block_of_text(document))
        sys.stdout.flush()
        unshown.unlink(missing_ok=True)

    def finish(self, task: Task) -> dict[str, Any]:
        """Watch until a task is done; its document. Raises NotConfigured when it failed, Stopped when told to stop."""
        try:
            while (document := task.document()) is None:
                if self.asked_to_stop:
                    raise Stopped
                self.mend()
                self.wait()
        finally:
            task.kill()
        return document

    def watch(self) -> None:
        while not self.asked_to_stop:
            self.mend()
            self.wait()

    def mend(self) -> None:
        """Start what is not running, unless it failed a moment ago."""
        self.revive_postgres()
        changed = False
        for child in self.children:
            code = child.reap()
            if code is not None:
                say(f"{child.name} ended ({code}); starting it again")
            if not child.pid and child.start_after <= time.monotonic():
                child.start()
                changed = True
            child.rotate_log()
        if changed:
            self.write_processes()

    def wait(self, timeout_s: float = LOOK_S) -> None:
        """Wait for a signal (a child's end is one), or the next thing to start."""
        now = time.monotonic()
        waiting = [child.start_after - now for child in self.children if not child.pid]
        if select.select([self.wakeup], [], [], max(0.01, min([timeout_s, *waiting])))[0]:
            with suppress(BlockingIOError):
                os.read(self.wakeup, 4096)

    def revive_postgres(self) -> None:
        now = time.monotonic()
        if self.postgres.process.poll() is None or now < self.postgres_after:
            return
        self.postgres_after = now + POSTGRES_PAUSE_S
        say(f"PostgreSQL ended ({self.postgres.process.returncode}); starting it again")
        try:
            self.postgres.start()
        except PacsError as error:
            say(error.message)
        self.write_processes()

    def write_processes(self) -> None:
        """Which process is who, for `pacs status` and the tests."""
        found = {child.name: {"pid": child.pid, "restarts": child.restarts} for child in self.children}
        found["postgres"] = {"pid": self.postgres.process.pid, "restarts": 0}
        write_atomically(self.home / "processes.json", found)

    def stop(self) -> None:
        """End every child: the DICOM door drained, then the others, PostgreSQL last. A second signal hastens it."""
        (self.home / "ready.json").unlink(missing_ok=True)
        doors = [child for child in self.children if child.name.startswith("scp-")]
        self.end(doors, DRAIN_TIMEOUT_S)
        self.end(self.children, STOP_TIMEOUT_S)
        if hasattr(self.postgres, "process"):
            self.postgres.stop()
        (self.home / "processes.json").unlink(missing_ok=True)

    def end(self, children: list[Child], timeout_s: float) -> None:
        """Ask children to end, and kill those that have not when the time is over."""
        for child in children:
            child.reap()
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        while any(child.pid for child in children):
            if time.monotonic() > deadline or self.asked_to_stop > 1:
                for child in children:
                    child.send(signal.SIGKILL)
            self.wait(0.5)
            for child in children:
                child.reap()


def environment(settings: Settings, dsn: str) -> dict[str, str]:
    """What the children read. Set before numpy is imported: its threads would not survive a fork."""
    return {
        "PACS_HOME": str(settings.home),
        "PACS_HTTP_PORT": str(settings.http_port),
        "PACS_DICOM_PORT": str(settings.dicom_port),
        "PACS_DICOM_REUSE_PORT": "1",
        "PACS_DATABASE_DSN": dsn,
        "PACS_TOPICS": json.dumps({topic.name: topic.subscribers for topic in TOPICS}),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "POWERTOOLS_METRICS_NAMESPACE": "BulutPacs",
        "POWERTOOLS_TRACE_DISABLED": "1",
    }


def preload() -> Mapping[str, Any]:
    """Import what the children run; the handlers by function name."""
    for name in ("uvloop", "gateway_scp.__main__", "infra.local.edge", "infra.local.serving"):
        importlib.import_module(name)
    handlers = load_all()
    gc.collect()
    gc.freeze()
    arrange_heaps()
    return handlers


def arrange_heaps() -> None:
    """Let the threads of a child share two heaps. glibc gives each up to eight per core, and every one keeps the room
    of the largest images that went through it.

    Room that was used stays until `give_memory_back`: as new from the system for each body and image, it would take
    a fifth of the time in which instances are stored.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # other C libraries have no such heaps
        libc.mallopt(M_ARENA_MAX, 2)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES_MAX)
        libc.mallopt(M_TRIM_THRESHOLD, FREE_BYTES_MAX)


def say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def dicom_door() -> None:
    """The gateway as its container runs it; several share the port."""
    from gateway_scp.__main__ import main

    sys.exit(main())
