"""How can an object in S3 consist of others? It is streamed together through here, a few parts at a time in memory.

Asked by the S3 store. Parts that S3 copies by itself have at least 5 MB, and most instances are smaller.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from pacs.objects import Piece, Span, decode_metadata

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_BYTES = 8 << 20
READS_AT_ONCE = 6  # with the parts, as many connections as a client keeps
PART_BYTES = 16 << 20
PARTS_AT_ONCE = 4

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Composer:
    """Writes one object of pieces, whose spans lie in the bucket `originals`."""

    client: "S3Client"
    originals: str
    bucket: str
    key: str
    content_type: str

    def write(self, pieces: Iterable[Piece]) -> int:
        """The size of the whole."""
        with ThreadPoolExecutor(READS_AT_ONCE) as readers:
            parts = joined(in_order(readers, self._read, cut(pieces), READS_AT_ONCE))
            first = next(parts, b"")
            second = next(parts, None)
            if second is not None:
                return self._write_parts(chain((first, second), parts))
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=first, ContentType=self.content_type)
            return len(first)

    def _read(self, piece: Piece) -> bytes:
        if not isinstance(piece, Span):
            return piece
        wanted = f"bytes={piece.offset}-{piece.offset + piece.length - 1}"
        answer = self.client.get_object(Bucket=self.originals, Key=piece.key, Range=wanted)
        piece.require(decode_metadata(answer["Metadata"]))
        return answer["Body"].read()

    def _write_parts(self, parts: Iterable[bytes]) -> int:
        place: Any = {"Bucket": self.bucket, "Key": self.key}
        upload = self.client.create_multipart_upload(**place, ContentType=self.content_type)["UploadId"]

        def write_part(numbered: tuple[int, bytes]) -> tuple[int, Any]:
            number, body = numbered
            answer = self.client.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)
            return len(body), {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as writers:
                written = list(in_order(writers, write_part, enumerate(parts, 1), PARTS_AT_ONCE))
            told: Any = {"Parts": [part for _, part in written]}
            self.client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=told)
        except BaseException:
            self.client.abort_multipart_upload(**place, UploadId=upload)
            raise
        return sum(size for size, _ in written)


def cut(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces of which none takes much memory to read."""
    for piece in pieces:
        if isinstance(piece, Span):
            for start in range(0, piece.length, READ_BYTES):
                length = min(READ_BYTES, piece.length - start)
                yield Span(piece.key, piece.offset + start, length, piece.sha256)
        else:
            yield piece


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts that are large enough for S3."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Given], Made], items: Iterable[Given], at_once: int
) -> Iterator[Made]:
    """What becomes of each item, a few worked on at the same time."""
    pending: deque[Future[Made]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) == at_once:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
