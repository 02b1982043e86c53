"""Where an instance lies while it arrives: small ones in memory, large ones in a file beside the store.

Filled by the wire, PDV by PDV, straight from the socket; handed by the handler to the store, which consumes it.
"""

import fcntl
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pacs.errors import StoreUnavailable

# Instances up to this size stay in memory: most do, and a store writes bytes with fewer calls than a file.
MEMORY_BYTES = 8 << 20
READ_BYTES = 1 << 20


class Spool:
    """A folder of arriving files. Files that a killed process left are removed by the next one that opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.part"):
            self._remove_abandoned(left)

    @staticmethod
    def _remove_abandoned(path: Path) -> None:
        """A living writer holds a lock on its file; one that can be had belongs to nobody."""
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()

    def create(self) -> tuple[int, Path]:
        descriptor, name = tempfile.mkstemp(suffix=".part", dir=self.folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor, Path(name)


class Arrival:
    """One Part 10 object in the making. `room` is where the next bytes go, `fill` says how many came.

    An error of the disk is told when the arrival is read: until then all of the dataset must come from the peer.
    """

    def __init__(self, spool: Spool, buffer: bytearray, meta: bytes) -> None:
        self._spool = spool
        self._buffer = buffer
        self._used = len(meta)
        self._descriptor = -1
        self._in_file = False
        self._path: Path | None = None
        self._error: OSError | None = None
        self._digest = hashlib.sha256(meta)
        self.dataset_offset = len(meta)
        self.dataset_bytes = 0
        buffer[: len(meta)] = meta

    def room(self, wanted: int) -> memoryview:
        """A writable view of at most `wanted` bytes. Must be released before the next call."""
        if self._in_file:
            self._used = 0
        elif self._used + wanted > MEMORY_BYTES:
            self._to_file()
        wanted = min(wanted, READ_BYTES)
        if self._used + wanted > len(self._buffer):
            self._buffer.extend(bytes(max(wanted, len(self._buffer))))
        return memoryview(self._buffer)[self._used : self._used + wanted]

    def fill(self, view: memoryview) -> None:
        """Take the bytes that were read into the view that `room` gave."""
        self._digest.update(view)
        self.dataset_bytes += len(view)
        if self._in_file:
            self._write(view)
        else:
            self._used += len(view)

    @property
    def size_bytes(self) -> int:
        return self.dataset_offset + self.dataset_bytes

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`: an arrival is a ByteSource of its object."""
        self._check()
        if self._in_file:
            return os.pread(self._descriptor, length, offset)
        return bytes(memoryview(self._buffer)[offset : min(self._used, offset + length)])

    def take(self) -> tuple[bytes | Path, str]:
        """The whole object and its sha256 (hex). Raises StoreUnavailable when it could not be kept."""
        self._check()
        return self._path or bytes(memoryview(self._buffer)[: self._used]), self._digest.hexdigest()

    def discard(self) -> None:
        """Let go of the file, unless the store has consumed it. Always called, at last."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _check(self) -> None:
        if self._error:
            raise StoreUnavailable("no room for the object") from self._error

    def _to_file(self) -> None:
        try:
            self._descriptor, self._path = self._spool.create()
        except OSError as error:
            self._error = error
        self._in_file = True
        self._write(memoryview(self._buffer)[: self._used])
        self._used = 0

    def _write(self, view: memoryview) -> None:
        if self._error:
            return
        try:
            written = 0
            while written < len(view):
                written += os.write(self._descriptor, view[written:])
        except OSError as error:
            self._error = error
