"""A process that the supervisor forks, watches and starts again.

Children are forked and not executed: the supervisor has imported everything once, so that a child serves within
milliseconds of its start and shares the memory of the code with its siblings.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pacs.errors import NotConfigured, PacsError

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
LIBC = ctypes.CDLL(None, use_errno=True)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 10.0
SETTLED_S = 10.0
LOG_BYTES_MAX = 10 << 20
FAILED = 70
GIVE_BACK_EVERY_S = 10.0


def fork(name: str, main: Callable[[], None], log: Path) -> int:
    """Run `main` in a forked process whose output goes to `log`; its process id.

    The child is killed when the supervisor dies: whatever it had acknowledged is durable by then.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal meant for the child must not meet the supervisor's own way with signals in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid
    status = FAILED
    try:
        become_child(name, parent, log)
        threading.Thread(target=give_memory_back, name="memory", daemon=True).start()
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else FAILED
    except BaseException as error:
        # The frames name code; the message of a foreign error may hold a patient's name.
        frames = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{frames}{type(error).__name__}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def become_child(name: str, parent: int, log: Path) -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(FAILED)
    LIBC.prctl(PR_SET_NAME, f"pacs-{name}".encode(), 0, 0, 0)
    # A session of its own: Ctrl-C in the terminal goes to the supervisor, which decides the order of the end.
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (*SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def give_memory_back() -> None:
    """Return what is free to the system, again and again. glibc keeps free room below what is still used, which after
    large images is most of it; another C library may have no such call.
    """
    over = threading.Event()
    while hasattr(LIBC, "malloc_trim") and not over.wait(GIVE_BACK_EVERY_S):
        LIBC.malloc_trim(0)


def ended(pid: int) -> int | None:
    """The exit code of a child that has ended (minus the signal's number for a killed one), or None."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


@dataclass
class Child:
    """One process by name. `pid` is 0 while it does not run."""

    name: str
    main: Callable[[], None]
    log: Path
    pid: int = 0
    restarts: int = 0
    started_at: float = 0.0
    start_after: float = 0.0
    backoff_s: float = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.pid = fork(self.name, self.main, self.log)

    def reap(self) -> int | None:
        """The exit code when it has ended since the last look; its next start is then set, later after each failure."""
        code = ended(self.pid) if self.pid else None
        if code is None:
            return None
        now = time.monotonic()
        settled = now - self.started_at > SETTLED_S
        self.backoff_s = BACKOFF_FIRST_S if settled or not self.backoff_s else min(self.backoff_s * 2, BACKOFF_MAX_S)
        self.start_after = now + self.backoff_s
        self.pid = 0
        self.restarts += 1
        return code

    def send(self, number: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def rotate_log(self) -> None:
        """Keep one older log. The child keeps its descriptor, opened for appending."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.with_suffix(".log.1").write_bytes(self.log.read_bytes())
            os.truncate(self.log, 0)


class Task:
    """A piece of work done once in a child, which hands back a JSON document (or the one line of its error)."""

    def __init__(self, name: str, work: Callable[[], dict[str, Any]], log: Path) -> None:
        self.name = name
        self.log = log
        self.reader, writer = os.pipe()
        self.pid = fork(name, partial(report, work, writer), log)
        os.close(writer)

    def document(self) -> dict[str, Any] | None:
        """What the work returned, or None while it goes on. Raises NotConfigured when it failed."""
        if ended(self.pid) is None:
            return None
        self.pid = 0
        with Path(f"/dev/fd/{self.reader}").open("rb") as pipe:
            text = pipe.read()
        os.close(self.reader)
        failure = {"error": f"the start failed at {self.name}: see {self.log}"}
        found: dict[str, Any] = json.loads(text) if text else failure
        if "error" in found:
            raise NotConfigured(found["error"])
        return found

    def kill(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def report(work: Callable[[], dict[str, Any]], writer: int) -> None:
    """Run a task and write its document for the supervisor; it fits into a pipe."""
    try:
        document = work()
    except PacsError as error:
        document = {"error": error.message}
    os.write(writer, json.dumps(document).encode())
