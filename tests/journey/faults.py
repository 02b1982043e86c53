"""What breaks an archive: processes that are killed at the worst moment, and a store that refuses."""

import fcntl
import os
import resource
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from infra.local.postgres import EmbeddedPostgres
from tests.journey.archive import Archive, until

FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602
FS_IMMUTABLE = 0x10

IN_FLIGHT = "select count(*) from machine.message where queue = %s and receive_count > 0 and dead_at is null"


def kill(archive: Archive, *names: str) -> None:
    """Kill children without a word, and wait until the supervisor has started others."""
    killed = {name: archive.children()[name] for name in names}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    until(
        lambda: all(pid not in (0, killed[name]) for name, pid in archive.children().items() if name in killed),
        f"{', '.join(names)} not started again",
        within_s=30,
    )


@contextmanager
def halted(archive: Archive, name: str) -> Iterator[int]:
    """A child that does nothing for a while; its process id."""
    pid = archive.children()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


def kill_in_mid_batch(archive: Archive, name: str, queue: str, send: Callable[[], int]) -> None:
    """Let messages gather while a worker is halted, and kill it once it has received them and not finished."""
    with psycopg.connect(EmbeddedPostgres(archive.home).dsn, autocommit=True) as connection:

        def in_flight() -> bool:
            row = connection.execute(IN_FLIGHT, [queue]).fetchone()
            return row is not None and row[0] > 0

        with halted(archive, name) as pid:
            sent = send()
            until(lambda: archive.backlog(queue) >= sent, f"the queue {queue} does not fill")

        def caught() -> bool:
            if in_flight():
                os.kill(pid, signal.SIGSTOP)
                if in_flight():
                    return True
                os.kill(pid, signal.SIGCONT)
            return False

        until(caught, f"{name} never works")
    kill(archive, name)


@contextmanager
def no_room(archive: Archive) -> Iterator[None]:
    """The DICOM door can write nothing more, as on a full disk."""
    doors = [archive.children()[name] for name in archive.children_like("scp-")]
    _soft, hard = resource.prlimit(doors[0], resource.RLIMIT_FSIZE)
    for pid in doors:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid in doors:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def gone(archive: Archive) -> Iterator[None]:
    """The store's folder is not there, as when its disk is not mounted."""
    store = archive.home / "store" / "originals"
    elsewhere = store.with_name("elsewhere")
    store.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(store)


@contextmanager
def read_only(archive: Archive) -> Iterator[None]:
    """Nothing can be made in the store's folders. Modes do not stop root: there they are made immutable.

    A root that may not do that, as in most containers, finds the folder gone instead.
    """
    store = archive.home / "store" / "originals"
    folders = [store, *(each for each in store.rglob("*") if each.is_dir())]
    make = make_immutable if os.geteuid() == 0 else make_unwritable
    try:
        make(store, True)
    except OSError:
        with gone(archive):
            yield
        return
    try:
        for folder in folders:
            make(folder, True)
        yield
    finally:
        for folder in folders:
            make(folder, False)


def make_unwritable(folder: Path, yes: bool) -> None:
    folder.chmod(0o500 if yes else 0o700)


def make_immutable(folder: Path, yes: bool) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, struct.pack("l", 0)))
        wanted = flags | FS_IMMUTABLE if yes else flags & ~FS_IMMUTABLE
        fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("l", wanted))
    finally:
        os.close(descriptor)


Refusal = Callable[[Archive], AbstractContextManager[None]]
