"""What must be true before one machine starts: a home that is ours alone, room on its disk, two free ports.

Called by the supervisor. Every refusal is one line that names what to change.
"""

import errno
import fcntl
import os
import shutil
import socket
import time
from importlib.metadata import version
from pathlib import Path

from pacs.errors import NotConfigured

FREE_BYTES_MIN = 1 << 30
# A killed supervisor takes its children along within moments; they hold the lock until then.
LOCK_PATIENCE_S = 2.0
LOCK_RETRY_S = 0.05
PORT_MAX = 65535


def open_home(home: Path) -> int:
    """Make the home and take its lock; the lock's descriptor. Children inherit it, so leftovers keep the home busy."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotConfigured(
            f"PACS_HOME={home} cannot be written ({error.strerror}): set PACS_HOME to another folder", field="PACS_HOME"
        ) from error
    take_lock(lock, home)
    check_version(home)
    check_disk(home)
    check_file_system(home)
    return lock


def take_lock(lock: int, home: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() < deadline:
                time.sleep(LOCK_RETRY_S)
                continue
            holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
            os.close(lock)
            raise NotConfigured(
                f"PACS_HOME={home} is in use by process {holder}: stop it, or set PACS_HOME to another folder",
                field="PACS_HOME",
            ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def our_version() -> str:
    return version("bulut-pacs")


def check_version(home: Path) -> None:
    """Raises NotConfigured for a home that a newer version has written."""
    path = home / "version"
    made_by = path.read_text().strip() if path.exists() else ""
    if made_by and numbers(made_by) > numbers(our_version()):
        raise NotConfigured(
            f"PACS_HOME={home} was written by version {made_by} and this is {our_version()}:"
            " upgrade, or set PACS_HOME to another folder",
            field="PACS_HOME",
        )


def write_version(home: Path) -> None:
    """Say which version wrote the home last; called once its database is at this version."""
    (home / "version").write_text(our_version() + "\n")


def numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version_text.split(".") if part.isdigit())


def check_disk(home: Path, free_bytes_min: int = FREE_BYTES_MIN) -> None:
    free_bytes = shutil.disk_usage(home).free
    if free_bytes < free_bytes_min:
        raise NotConfigured(
            f"PACS_HOME={home} has {free_bytes >> 20} MB free and needs {free_bytes_min >> 20}:"
            " free some disk space, or set PACS_HOME to another disk",
            field="PACS_HOME",
        )


def check_file_system(home: Path) -> None:
    """The store keeps what it knows of an object in the file's extended attributes."""
    probe = home / "lock"
    try:
        os.setxattr(probe, "user.pacs", b"probe")
        os.removexattr(probe, "user.pacs")
    except OSError as error:
        raise NotConfigured(
            f"PACS_HOME={home} lies on a file system without extended attributes ({error.strerror}):"
            " set PACS_HOME to a folder on ext4, xfs or btrfs",
            field="PACS_HOME",
        ) from error


def listen(address: str, port: int, variable: str) -> socket.socket:
    """A listening socket. Raises NotConfigured, naming `variable`, when the port or the address cannot be had."""
    if not 0 <= port <= PORT_MAX:
        raise NotConfigured(f"port {port} is not a port: set {variable}", field=variable)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=1024)
    except OSError as error:
        number = error.errno
        if number == errno.EADDRINUSE:
            text = f"port {port} on {address} is in use: stop the program that has it, or set {variable}"
        elif number == errno.EACCES:
            text = f"port {port} needs rights that this user has not: set {variable} to a port above 1023"
        else:
            text = f"PACS_BIND={address} is not an address of this machine: set PACS_BIND"
            variable = "PACS_BIND"
        raise NotConfigured(text, field=variable) from error


def free_port(address: str, port: int, variable: str) -> int:
    """The port, found free (any free one for 0). Raises as `listen`."""
    with listen(address, port, variable) as found:
        return int(found.getsockname()[1])
