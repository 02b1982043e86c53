"""Which objects are new? On one machine these files do what S3's event notifications do in the cloud.

The directory store appends an event before it acknowledges an original; the supervisor's relay drains the events
into the queue. They are files, so that the DICOM door needs no database.

Each writer has a segment of its own, which it holds locked as long as it lives. Nothing is synced to disk: the
death of a process loses nothing, and what a power failure takes away the reconciliation finds again.
"""

import errno
import fcntl
import os
import secrets
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import orjson

from pacs.errors import StoreUnavailable

SEGMENT_MAX_BYTES = 16 << 20
BATCH = 100
OFFSET_ATTRIBUTE = "user.delivered"

Deliver = Callable[[Sequence[str]], None]


def created_event(store: str, key: str, size_bytes: int, etag: str) -> str:
    """The body of an S3 event notification of one created object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "s3": {
            "bucket": {"name": store},
            "object": {"key": quote_plus(key, safe="/"), "size": size_bytes, "eTag": etag},
        },
    }
    return orjson.dumps({"Records": [record]}).decode()


class StoreJournal:
    """Events of one machine's stores, from any number of writing processes to one that drains them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments = folder / "segments"
        self._lock = threading.Lock()
        self._segment = -1
        self._doorbell = -1

    def append(self, body: str) -> None:
        """Write one event (a text without line breaks) and wake whoever waits. Raises StoreUnavailable."""
        line = body.encode() + b"\n"
        with self._lock, translated():
            if self._segment < 0 or os.fstat(self._segment).st_size >= SEGMENT_MAX_BYTES:
                self._close_segment()
                self._segment = self._new_segment()
            try:
                written = os.write(self._segment, line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                # The torn line stays the last of its segment, where readers leave it out.
                self._close_segment()
                raise
            self._ring()

    def drain(self, deliver: Deliver) -> int:
        """Hand every new event to `deliver`, at most 100 at once, oldest first within a writer; returns how many.

        An event counts as delivered when `deliver` returns; after a crash some are delivered twice. What
        `deliver` raises ends the draining. Raises StoreUnavailable.
        """
        delivered = 0
        with translated(), self._locked_for_draining():
            for segment in sorted(self.segments.iterdir()):
                with segment.open("rb") as file:
                    delivered += drain_segment(file.fileno(), segment, deliver)
        return delivered

    def wait(self, timeout_s: float) -> None:
        """Return when something was appended since the last wait, or when the time is over."""
        with translated():
            doorbell = self._open_doorbell()
            waiting = select.poll()
            waiting.register(doorbell, select.POLLIN)
            if waiting.poll(timeout_s * 1000):
                with suppress(BlockingIOError):
                    os.read(doorbell, 1 << 16)

    def close(self) -> None:
        """Let go of the files; a later append opens new ones."""
        with self._lock:
            self._close_segment()
            if self._doorbell >= 0:
                os.close(self._doorbell)
                self._doorbell = -1

    def __del__(self) -> None:
        self.close()

    def _new_segment(self) -> int:
        self.segments.mkdir(parents=True, exist_ok=True)
        while True:
            name = self.segments / f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            segment = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(segment, fcntl.LOCK_EX)
            if os.fstat(segment).st_nlink:
                return segment
            # Between creation and lock the draining process took it for a dead writer's and removed it.
            os.close(segment)

    def _close_segment(self) -> None:
        if self._segment >= 0:
            os.close(self._segment)
            self._segment = -1

    def _ring(self) -> None:
        # A full or missing doorbell rings anyway, or nobody listens: the event itself is written.
        with suppress(OSError):
            os.write(self._open_doorbell(), b"!")

    def _open_doorbell(self) -> int:
        """A named pipe, opened for both directions: so it neither blocks nor breaks when the other side is away."""
        if self._doorbell < 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = self.folder / "doorbell"
            with suppress(FileExistsError):
                os.mkfifo(name, 0o600)
            self._doorbell = os.open(name, os.O_RDWR | os.O_NONBLOCK)
        return self._doorbell

    @contextmanager
    def _locked_for_draining(self) -> Iterator[None]:
        self.segments.mkdir(parents=True, exist_ok=True)
        with (self.folder / "drain.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the journal of new objects cannot be used: {error.strerror}") from error


def drain_segment(segment: int, name: Path, deliver: Deliver) -> int:
    """Deliver what is new in one segment, and remove it when its writer is gone and nothing is left."""
    writer_is_gone = is_lockable(segment)
    delivered = 0
    offset = delivered_offset(segment)
    while lines := complete_lines(segment, offset):
        # What a power failure left of a page that was never written is zeros, not an event.
        bodies = [line[:-1].decode() for line in lines if line.startswith(b"{")]
        if bodies:
            deliver(bodies)
        offset += sum(map(len, lines))
        os.setxattr(segment, OFFSET_ATTRIBUTE, str(offset).encode())
        delivered += len(bodies)
    if writer_is_gone:
        name.unlink()
    return delivered


def is_lockable(segment: int) -> bool:
    try:
        fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def delivered_offset(segment: int) -> int:
    try:
        return int(os.getxattr(segment, OFFSET_ATTRIBUTE))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return 0
        raise


def complete_lines(segment: int, offset: int) -> list[bytes]:
    """Up to 100 lines, each with its line break."""
    data = os.pread(segment, BATCH << 12, offset)
    return [line for line in data.splitlines(keepends=True)[:BATCH] if line.endswith(b"\n")]
