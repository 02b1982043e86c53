"""How do bytes come to lie under a name, whole or not at all? Used by the directory store.

A body is staged first: a file that nobody finds yet, with its attributes set. Then it is linked or renamed to its
name. Bytes are staged in a file without any name (O_TMPFILE), which vanishes with a killed process; where the file
system has no such files (an overlay on an old kernel), in a named one that the store sweeps up a day later.
"""

import errno
import os
import secrets
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR)
FILE_MODE = 0o600
MARKED_MODE = 0o400
LITTER_AGE_S = 24 * 3600


class Staged:
    """A file on its way: `place` it under a new name, or `replace` what has the name already.

    `body` as a Path with `consume` is used itself and gone afterwards, when it lies on the file system of `folder`.
    """

    def __init__(self, folder: Path, body: bytes | Path, *, consume: bool) -> None:
        self._folder = folder
        self._name: Path | None = None
        self._consumed = body if consume and isinstance(body, Path) else None
        self._dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.fd = -1
        try:
            self._stage(body)
        except BaseException:
            self._abandon()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._consumed:
            self._consumed.unlink(missing_ok=True)
        self._abandon()

    def seal(self, attribute: str, value: bytes, *, durable: bool) -> None:
        """Set the attribute and the time, and bring all of it to the disk if it must survive a power failure."""
        now = time.time_ns()
        os.fchmod(self.fd, FILE_MODE)
        os.setxattr(self.fd, attribute, value)
        os.utime(self.fd, ns=(now, now))
        if durable:
            os.fsync(self.fd)

    def place(self, target: Path) -> None:
        """Raises FileExistsError when the name is taken."""
        if self._name:
            os.link(self._name, target)
        else:
            source = f"/proc/self/fd/{self.fd}"
            os.link(source, target, src_dir_fd=self._dir_fd, dst_dir_fd=self._dir_fd, follow_symlinks=True)

    def replace(self, target: Path) -> None:
        if self._name is None:
            named = self._folder / secrets.token_hex(16)
            self.place(named)
            self._name = named
        self._name.rename(target)

    def _stage(self, body: bytes | Path) -> None:
        if isinstance(body, bytes):
            self.fd = self._new_file()
            write_all(self.fd, body)
        elif self._consumed and body.stat().st_dev == os.fstat(self._dir_fd).st_dev:
            self.fd = os.open(body, os.O_RDWR)
            self._name = body
        else:
            self.fd = self._new_file()
            with body.open("rb") as source, open(self.fd, "wb", closefd=False) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)

    def _new_file(self) -> int:
        try:
            return os.open(".", os.O_TMPFILE | os.O_RDWR, FILE_MODE, dir_fd=self._dir_fd)
        except OSError as error:
            if error.errno not in NO_TMPFILE:
                raise
        self._name = self._folder / secrets.token_hex(16)
        return os.open(self._name, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE)

    def _abandon(self) -> None:
        if self._name and self._name != self._consumed:
            self._name.unlink(missing_ok=True)
        if self.fd >= 0:
            os.close(self.fd)
        os.close(self._dir_fd)


def mark(fd: int) -> None:
    """Note on a file that its event is written. Of all that a file can tell, its mode is the cheapest to change."""
    os.fchmod(fd, MARKED_MODE)


def is_marked(fd: int) -> bool:
    return stat.S_IMODE(os.fstat(fd).st_mode) == MARKED_MODE


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder: Path) -> None:
    """Bring a folder's listing to the disk. One that is gone again has nothing in it that could be lost."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a staging folder; nothing stays there for a day."""
    oldest = time.time() - LITTER_AGE_S
    for file in folder.iterdir():
        with suppress(OSError):
            if file.stat().st_mtime < oldest:
                file.unlink()
