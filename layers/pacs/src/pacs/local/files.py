"""How an object of the directory store lies in its file: bytes, attributes, folders. Asked by the store alone."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from pacs.errors import BadRequest, StoreUnavailable
from pacs.objects import decode_metadata
from pacs.ports import ObjectInfo

ATTRIBUTE = "user.pacs"


@dataclass(frozen=True)
class Attributes:
    """What an object's extended attribute holds.

    `composed`: the size of what consists of stretches (see `pacs.local.composing`), and where in the file they stand.
    """

    etag: str
    content_type: str
    content_encoding: str
    metadata: Mapping[str, str]  # encoded
    composed: tuple[int, int] | None = None

    def to_bytes(self) -> bytes:
        return orjson.dumps(vars(self))

    @classmethod
    def of(cls, file: int | str) -> "Attributes":
        """Those of an open file, or of a path; one that came without (from a backup, say) has a type of no meaning."""
        try:
            return cls(**orjson.loads(os.getxattr(file, ATTRIBUTE)))
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            found = os.stat(file)  # noqa: PTH116 - an open file has no Path
            return cls(f"{found.st_size:x}-{found.st_mtime_ns:x}", ObjectInfo.content_type, "", {})


@contextmanager
def unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the object store does not answer: {error.strerror}") from error


@contextmanager
def colliding() -> Iterator[None]:
    """Around moves to a name: of `a` and `a/b` only one can be an object here."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadRequest("a part of the object's key is another object's key", field="key") from error


@contextmanager
def opened(path: Path | str) -> Iterator[int]:
    """An object's file, open for reading. Raises IsADirectoryError, which `os.open` does not."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        yield fd
    finally:
        os.close(fd)


def describe(key: str, fd: int) -> ObjectInfo:
    found = os.fstat(fd)
    attributes = Attributes.of(fd)
    return ObjectInfo(
        key=key,
        size_bytes=attributes.composed[0] if attributes.composed else found.st_size,
        etag=attributes.etag,
        last_modified=datetime.fromtimestamp(found.st_mtime, UTC),
        content_type=attributes.content_type,
        content_encoding=attributes.content_encoding,
        metadata=decode_metadata(attributes.metadata),
    )


def read_at(fd: int, offset: int, length: int) -> bytes:
    """At most `length` bytes; one call of the kernel gives no more than 2 GB."""
    end = min(offset + length, os.fstat(fd).st_size)
    data = b""
    while offset + len(data) < end and (more := os.pread(fd, end - offset - len(data), offset + len(data))):
        data = data + more if data else more
    return data


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and what it stands in; returns the folders whose listings changed."""
    try:
        folder.mkdir()
    except FileExistsError:
        return []
    except FileNotFoundError:
        return make_folder(folder.parent) + make_folder(folder)
    return [folder.parent]


def digest(body: bytes | Path) -> str:
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
