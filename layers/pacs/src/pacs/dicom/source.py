"""Where the bytes of one object come from, and how to read little of them. Asked by header and frames; the
archive makes a ByteSource out of an object in the store, tests out of bytes.
"""

import io
import zlib
from dataclasses import dataclass
from typing import Protocol

from pacs.errors import InvalidInstance

FIRST_BLOCK_BYTES = 64 * 1024
LARGEST_BLOCK_BYTES = 4 * 1024 * 1024
KEPT_BLOCKS = 4
# No header of a real instance comes near; a deflate bomb or a garbled length would.
HEADER_LIMIT_BYTES = 64 * 1024 * 1024


class ByteSource(Protocol):
    @property
    def size_bytes(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer at the end, none past it."""


@dataclass(frozen=True)
class BytesSource:
    content: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


class RangedFile:
    """A seekable binary file over a ByteSource that fetches few blocks and keeps the last of them.

    Blocks double while reading goes on forwards, and start small again after a jump. `bytes_fetched` and
    `requests` count what the source was asked for; more than `limit_bytes` raise InvalidInstance.
    """

    def __init__(
        self, source: ByteSource, first_block: int = FIRST_BLOCK_BYTES, *, limit_bytes: int | None = None
    ) -> None:
        self.source = source
        self.bytes_fetched = 0
        self.requests = 0
        self._first_block = first_block
        self._next_block = first_block
        self._limit_bytes = limit_bytes
        self._start = 0
        self._block = b""
        self._older: list[tuple[int, bytes]] = []
        self._position = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`, without moving the position."""
        begin = offset - self._start
        if begin >= 0 and begin + length <= len(self._block):
            return self._block[begin : begin + length]
        self._load(offset, length)
        begin = offset - self._start
        return self._block[begin : begin + length]

    def reaches(self, end: int) -> bool:
        """Whether the source has `end` bytes (of an inflated one only reading tells)."""
        if isinstance(self.source, InflatedSource):
            return end == 0 or len(self.source.read(end - 1, 1)) == 1
        return end <= self.source.size_bytes

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(0, self.source.size_bytes - self._position)
        content = self.read_at(self._position, size)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.source.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def _load(self, offset: int, length: int) -> None:
        """Make the current block the one that holds this range, as far as the source has it."""
        for start, block in self._older:
            if start <= offset and offset + length <= start + len(block):
                self._keep_current()
                self._start, self._block = start, block
                return
        end = self._start + len(self._block)
        forwards = self._start <= offset <= end + self._next_block
        if not forwards:
            self._keep_current()
            self._next_block = self._first_block
        have = self._block[offset - self._start :] if forwards else b""
        self._start, self._block = offset, have + self._fetch(offset + len(have), length - len(have))

    def _fetch(self, offset: int, length: int) -> bytes:
        if offset >= self.source.size_bytes:
            return b""
        fetched = self.source.read(offset, max(length, self._next_block))
        self._next_block = min(self._next_block * 2, LARGEST_BLOCK_BYTES)
        self.requests += 1
        self.bytes_fetched += len(fetched)
        if self._limit_bytes is not None and self.bytes_fetched > self._limit_bytes:
            raise InvalidInstance(f"the header is larger than {self._limit_bytes} bytes")
        return fetched

    def _keep_current(self) -> None:
        if self._block:
            self._older = [(self._start, self._block), *self._older[: KEPT_BLOCKS - 1]]


class InflatedSource:
    """A deflated object as if it had been stored inflated: the file meta as it is, then the dataset inflated.

    Inflates no further than asked; raises InvalidInstance for a broken stream and beyond `limit_bytes`.
    `size_bytes` is only the limit: the true size is known at the end of the stream.

    Source: PS3.5 §A.5
    """

    def __init__(self, source: ByteSource, dataset_offset: int, limit_bytes: int = HEADER_LIMIT_BYTES) -> None:
        self.size_bytes = limit_bytes
        self._source = source
        self._position = dataset_offset
        self._content = bytearray(source.read(0, dataset_offset))
        # The standard says raw deflate; some writers put the two zlib bytes before it.
        first = source.read(dataset_offset, 2)
        zlib_head = len(first) == 2 and first[0] & 0x0F == 8 and int.from_bytes(first, "big") % 31 == 0
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS if zlib_head else -zlib.MAX_WBITS)

    def read(self, offset: int, length: int) -> bytes:
        self._inflate_to(offset + length)
        return bytes(self._content[offset : offset + length])

    def _inflate_to(self, end: int) -> None:
        while len(self._content) < end and not self._inflater.eof:
            compressed = self._inflater.unconsumed_tail
            if not compressed:
                compressed = self._source.read(self._position, FIRST_BLOCK_BYTES)
                self._position += len(compressed)
                if not compressed:
                    return
            try:
                self._content += self._inflater.decompress(compressed, 4 * FIRST_BLOCK_BYTES)
            except zlib.error as error:
                raise InvalidInstance("the deflated dataset cannot be inflated") from error
            if len(self._content) > self.size_bytes:
                raise InvalidInstance(f"the dataset inflates to more than {self.size_bytes} bytes")
