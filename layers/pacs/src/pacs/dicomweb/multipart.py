"""How do several things travel in one HTTP body? Writes multipart/related for WADO-RS, reads it for STOW-RS.

Called by entry.answers and entry.stow; `wrap_single` by archive.frames, which keeps frames ready to send.

Source: PS3.18 §8.6.1.2, RFC 2046 §5.1, RFC 2387
"""

import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from pacs.errors import BadRequest, StoreUnavailable

MAX_HEADER_BYTES = 16 * 1024
MEMORY_BYTES = 1024 * 1024  # a part up to this size stays in memory
BLANKS = b" \t"
LONGEST_LINE_END = 66  # blanks that RFC 2046 lets follow a boundary, as far as we look for its line's end
FRAME_BOUNDARY = "bulut-pacs-7d1f0f5c9b7e4f55a4a3d0f0c6e4b2a9"


Piece = TypeVar("Piece", covariant=True)


@dataclass(frozen=True)
class Part(Generic[Piece]):
    """One part to be written; `location` is what Content-Location tells, when it is not empty.

    A body may come in pieces, which are bytes or whatever else the caller makes of them.
    """

    body: bytes | Iterable[Piece]
    content_type: str
    location: str = ""


@dataclass(frozen=True)
class ReceivedPart:
    """One part that was read. A body too large for memory is a file, which belongs to the reader's caller."""

    body: bytes | Path
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


def new_boundary() -> str:
    return secrets.token_hex(16)


def related_content_type(part_type: str, boundary: str) -> str:
    """The Content-Type of the whole, for parts of this media type (its parameters stay with the parts)."""
    return f'multipart/related; type="{part_type.partition(";")[0].strip()}"; boundary={boundary}'


def related(parts: Iterable[Part[Piece]], *, boundary: str) -> Iterator[bytes | Piece]:
    """The body, piece by piece. No part may hold the boundary: `new_boundary` makes one that none will."""
    for part in parts:
        yield part_header(part, boundary)
        if isinstance(part.body, bytes):
            yield part.body
        else:
            yield from part.body
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def part_header(part: Part[Any], boundary: str) -> bytes:
    """Viewers search for `Content-Type:` in exactly this spelling."""
    location = f"Content-Location: {part.location}\r\n" if part.location else ""
    return f"--{boundary}\r\nContent-Type: {part.content_type}\r\n{location}\r\n".encode()


def wrap_single(body: bytes, content_type: str) -> tuple[bytes, str]:
    """One part as a whole body, and the Content-Type of it. The same part always gives the same bytes."""
    boundary = next(each for each in boundaries() if each.encode() not in body)
    whole = b"".join(related([Part(body, content_type)], boundary=boundary))
    return whole, related_content_type(content_type, boundary)


def boundaries() -> Iterator[str]:
    return (f"{FRAME_BOUNDARY}{number:04d}" for number in count())


def read_parts(
    chunks: Iterable[bytes],
    boundary: str,
    *,
    spool: Path,
    memory_bytes: int = MEMORY_BYTES,
    max_header_bytes: int = MAX_HEADER_BYTES,
) -> Iterator[ReceivedPart]:
    """The parts of a body that arrives in chunks of any size; large ones are written into the folder `spool`.

    A preamble, an epilogue, blanks behind a boundary and lines that end in LF alone are put up with.
    Raises BadRequest when the body is no multipart body or breaks off, StoreUnavailable when the folder is full.
    """
    if not boundary:
        raise BadRequest("the Content-Type names no boundary", field="Content-Type")
    reader = Reader(chunks, boundary.encode())
    reader.skip_preamble()
    while not reader.closed:
        headers = reader.headers(max_header_bytes)
        yield ReceivedPart(spooled(reader.until_delimiter(), spool, memory_bytes), headers)


def spooled(pieces: Iterator[bytes], folder: Path, memory_bytes: int) -> bytes | Path:
    """The pieces put together in memory, or in a new file of the folder when they are too many."""
    held: list[bytes] = []
    held_bytes = 0
    file: IO[bytes] | None = None
    with ExitStack() as stack:
        try:
            for piece in pieces:
                held.append(piece)
                held_bytes += len(piece)
                if held_bytes <= memory_bytes:
                    continue
                if file is None:
                    file = stack.enter_context(tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False))
                file.writelines(held)
                held, held_bytes = [], 0
            if file is None:
                return b"".join(held)  # one piece is not copied
            file.writelines(held)
            return Path(file.name)
        except OSError as error:
            raise StoreUnavailable("there is no room for the parts of the request") from error


class Reader:
    """A multipart body as a sequence of delimiters, header blocks and bodies, in this order.

    Whether lines end in CRLF or in LF alone is learnt from the first delimiter, so that a body that ends in CR
    keeps it. What is taken of a body that comes in one piece is copied once.
    """

    def __init__(self, chunks: Iterable[bytes], boundary: bytes) -> None:
        self.closed = False
        self._chunks = iter(chunks)
        self._token = b"--" + boundary
        self._line_end = b"\n"
        self._learnt = False
        self._buffer = b""
        self._start = 0  # of what is not taken yet, from which all positions count

    def skip_preamble(self) -> None:
        """Consume the first delimiter, which may be the first line, and what stands before it."""
        while len(self._buffer) < len(self._token):
            self._more()
        if self._buffer.startswith(self._token) and (end := self._delimiter_end(len(self._token))) >= 0:
            self._start += end
            return
        for _ in self.until_delimiter():
            pass

    def until_delimiter(self) -> Iterator[bytes]:
        """Pieces of what stands before the next delimiter, which is consumed. `closed` is set by the last one."""
        searched = 0
        while True:
            delimiter = self._line_end + self._token
            found = self._buffer.find(delimiter, self._start + searched) - self._start
            if found < 0:
                if (rest := len(self._buffer) - self._start - len(delimiter) + 1) > 0:
                    yield self._take(rest)
                searched = 0
                self._more()
                continue
            end = self._delimiter_end(found + len(delimiter))
            if end < 0:
                searched = found + 1  # the boundary is the beginning of another word
                continue
            # The end counts from where we are now; what is taken first moves us on.
            if found:
                yield self._take(found)
            self._start += end - found
            return

    def headers(self, limit_bytes: int) -> dict[str, str]:
        """The header lines of a part, up to the empty one."""
        lines: list[str] = []
        size = 0
        while line := self._line(limit_bytes - size):
            size += len(line)
            if line[:1] in (b" ", b"\t") and lines:
                lines[-1] += " " + line.decode("utf-8", "replace").strip()
            else:
                lines.append(line.decode("utf-8", "replace"))
        pairs = (line.partition(":") for line in lines)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _delimiter_end(self, position: int) -> int:
        """Where the line of a delimiter ends, given the end of its boundary; -1 when it is none."""
        while True:
            rest = self._buffer[self._start + position : self._start + position + LONGEST_LINE_END]
            if rest.startswith(b"--"):
                self.closed = True
                return position + 2
            blanks = len(rest) - len(rest.lstrip(BLANKS))
            for line_end in (b"\r\n", b"\n"):
                if rest.startswith(line_end, blanks):
                    self._learn(line_end)
                    return position + blanks + len(line_end)
            if len(rest) == LONGEST_LINE_END or rest[blanks:] not in (b"", b"\r", b"-"):
                return -1
            self._more()

    def _learn(self, line_end: bytes) -> None:
        if not self._learnt:
            self._line_end, self._learnt = line_end, True

    def _line(self, limit_bytes: int) -> bytes:
        """The next line without its end."""
        searched = 0
        while (found := self._buffer.find(b"\n", self._start + searched) - self._start) < 0:
            searched = len(self._buffer) - self._start
            if searched > limit_bytes:
                raise BadRequest("the headers of a part are too long")
            self._more()
        if found > limit_bytes:
            raise BadRequest("the headers of a part are too long")
        return self._take(found + 1).rstrip(b"\r\n")

    def _take(self, length: int) -> bytes:
        piece = self._buffer[self._start : self._start + length]
        self._start += length
        return piece

    def _more(self) -> None:
        """At least one byte more. Raises BadRequest when the body has ended."""
        for chunk in self._chunks:
            if chunk:
                rest = self._buffer[self._start :]
                self._buffer, self._start = rest + chunk if rest else chunk, 0
                return
        raise BadRequest("the body ends before its last boundary")
