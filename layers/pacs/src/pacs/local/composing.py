"""How can an object consist of others without a copy of them? Asked by the directory store alone.

The file of a composed object holds its own bytes and, behind them, the list of its stretches: of these bytes, and of
hard links to the originals, which stand in a folder of their own. A link is the version that it was when it was made,
whoever replaces or removes the original.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import orjson

from pacs.errors import ObjectNotFound
from pacs.local.files import Attributes, opened, read_at
from pacs.local.staging import write_all
from pacs.objects import Piece, Span

Stretch = tuple[str, int, int]  # a file, offset and length in it

BLOCK_BYTES = 1 << 20
OWN = ""  # the name that the object's own file has among the links
# Another disk, a file system that has no links, a file that has as many as it can.
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


class Composition:
    """Writes pieces into an open file and links their originals into a folder, which exists."""

    def __init__(self, fd: int, links: Path, originals: Path) -> None:
        self._fd, self._links, self._originals = fd, links, originals
        self._held: list[bytes] = []
        self._held_bytes = self._written = 0
        self._names: dict[str, str | None] = {}  # of the links by the key of their original; None: it takes none
        self._numbers = count()
        self._stretches: list[tuple[str, int, int]] = []

    def write(self, pieces: Iterable[Piece]) -> tuple[int, int]:
        """Size of the whole, and where in the file its list begins. Raises ObjectNotFound, BeingReplaced."""
        for piece in pieces:
            if isinstance(piece, Span):
                self._add_span(piece)
            else:
                self._add(piece)
        self._flush()
        write_all(self._fd, orjson.dumps(self._stretches))
        return sum(length for _, _, length in self._stretches), self._written

    def _add(self, piece: bytes) -> None:
        at = self._written + self._held_bytes
        self._held.append(piece)
        self._held_bytes += len(piece)
        self._stretches.append((OWN, at, len(piece)))
        if self._held_bytes >= BLOCK_BYTES:
            self._flush()

    def _add_span(self, span: Span) -> None:
        if span.key not in self._names:
            self._names[span.key] = self._link(span)
        name = self._names[span.key]
        if name is None:
            with opened(self._originals / span.key) as fd:
                span.require(Attributes.of(fd).metadata)
                for offset in range(0, span.length, BLOCK_BYTES):
                    self._add(read_at(fd, span.offset + offset, min(BLOCK_BYTES, span.length - offset)))
        else:
            self._stretches.append((name, span.offset, span.length))

    def _link(self, span: Span) -> str | None:
        """The name of a new link. It is the link that is looked at, and not what has the key a moment later."""
        name = str(next(self._numbers))
        link = f"{self._links}/{name}"  # of text, for there are hundreds of them
        try:
            os.link(f"{self._originals}/{span.key}", link)
        except FileNotFoundError as error:
            raise ObjectNotFound("no such object") from error
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            return None
        span.require(Attributes.of(link).metadata)
        return name

    def _flush(self) -> None:
        write_all(self._fd, b"".join(self._held))
        self._written += self._held_bytes
        self._held, self._held_bytes = [], 0


def stretches_of(fd: int, path: str, links: Path) -> list[Stretch]:
    """Of what an object's open file consists, in order; one that is not composed of itself."""
    composed, file_bytes = Attributes.of(fd).composed, os.fstat(fd).st_size
    if composed is None:
        return [(path, 0, file_bytes)]
    listed = orjson.loads(read_at(fd, composed[1], file_bytes))
    return [(f"{links}/{name}" if name else path, offset, length) for name, offset, length in listed]


def cut(stretches: Iterable[Stretch], offset: int, length: int) -> Iterator[Stretch]:
    """The stretches of a range of what others make up together."""
    for path, start, size in stretches:
        taken = min(size - offset, length)
        if taken > 0:
            yield path, start + offset, taken
            length -= taken
        offset = max(offset - size, 0)


def read_through(stretches: Iterable[Stretch], offset: int, length: int) -> bytes:
    """At most `length` bytes of what stretches make up together."""
    found = []
    for path, start, size in cut(stretches, offset, length):
        with opened(path) as fd:
            found.append(read_at(fd, start, size))
    return b"".join(found)
