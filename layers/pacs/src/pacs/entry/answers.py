"""Answers of bytes: in one piece, by range, as multipart, and by redirect when an API gateway would not carry them.

Used by functions/dicomweb and functions/frames. Source: PS3.18 §8.6 and §8.7, RFC 9110 §13 and §14.
"""

import gzip
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain

from fastapi import Request, Response

from pacs.archive.expiring import ANSWERS
from pacs.archive.pieces import read_pieces
from pacs.dicomweb.media import takes_gzip
from pacs.dicomweb.multipart import Part, new_boundary, related, related_content_type
from pacs.dicomweb.ranges import (
    byteranges,
    content_range,
    entity_tag,
    http_date,
    none_match,
    parse_ranges,
    range_applies,
    unmodified,
    unsatisfied,
)
from pacs.entry.http import error_body, request_id
from pacs.errors import RangeNotSatisfiable, answer_for
from pacs.objects import Piece, Span
from pacs.ports import ObjectStore, Services

# A Lambda answers at most 6 MB, of which base64 takes a third.
CARRIED_MAX_BYTES = 4_400_000
REDIRECT_LIFE_S = 900
WORTH_SQUEEZING_BYTES = 1400  # less is one packet either way
SQUEEZING = 3  # level of gzip for what is asked once
PRIVATE = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True)
class Version:
    """What tells one state of a thing from another. `etag` is strong: other bytes, other tag."""

    etag: str
    modified: datetime | None = None

    def headers(self) -> dict[str, str]:
        modified = {"Last-Modified": http_date(self.modified)} if self.modified else {}
        return {**PRIVATE, "ETag": entity_tag(self.etag), **modified}

    def known_to(self, request: Request) -> bool:
        """Whether the client has this one already. If-None-Match goes before If-Modified-Since."""
        tags = request.headers.get("if-none-match")
        if tags is not None:
            return not none_match(tags, self.etag)
        return self.modified is not None and unmodified(request.headers.get("if-modified-since"), self.modified)

    def ranges_of(self, request: Request) -> str | None:
        """The Range header, unless If-Range says that it was meant for another version."""
        condition = request.headers.get("if-range")
        return request.headers.get("range") if range_applies(condition, self.etag, self.modified) else None


def wants_whole(request: Request) -> bool:
    """Whether the answer is the whole body in any case: a GET without conditions and ranges."""
    conditions = ("if-none-match", "if-modified-since", "range")
    return request.method == "GET" and not any(each in request.headers for each in conditions)


def digest(*parts: object) -> str:
    """An etag of what a representation is made of."""
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def carried(
    services: Services,
    request: Request,
    body: bytes,
    content_type: str,
    *,
    etag: str = "",
    modified: datetime | None = None,
) -> Response:
    """A body as the answer, with Range, HEAD and conditions; a large one lies in the exchange store for a while, and
    the answer points at it. Without an etag its bytes make one.
    """
    version = Version(etag or hashlib.blake2b(body, digest_size=16).hexdigest(), modified)

    def place() -> Response:
        return redirect(services.exchange, exchanged(services.exchange, body, content_type), content_type)

    return sliced(
        request, version, len(body), content_type, lambda offset, length: body[offset : offset + length], place
    )


def ranged(
    request: Request,
    store: ObjectStore,
    key: str,
    size_bytes: int,
    content_type: str,
    version: Version,
    *,
    start: bytes = b"",
) -> Response:
    """An object of a store as the answer, with Range, HEAD and conditions; when it is large, a pointer at it.

    `start`: its first bytes, as far as they are read already.
    """

    def read(offset: int, length: int) -> bytes:
        return start[offset : offset + length] if offset + length <= len(start) else store.read(key, offset, length)

    return sliced(request, version, size_bytes, content_type, read, lambda: redirect(store, key, content_type))


def sliced(
    request: Request,
    version: Version,
    size_bytes: int,
    content_type: str,
    read: Callable[[int, int], bytes],
    place: Callable[[], Response],
) -> Response:
    """Nothing when the client has it, the ranges it asks for, or the whole; `place` answers what is too large."""
    headers = {**version.headers(), "Accept-Ranges": "bytes"}
    if version.known_to(request):
        return Response(status_code=304, headers=headers)
    try:
        spans = parse_ranges(version.ranges_of(request), size_bytes)
    except RangeNotSatisfiable as error:
        answer = answer_for(error)
        body = error_body(answer.code, error.message, request_id(request), error.field)
        told = {"Content-Range": unsatisfied(size_bytes)}
        return Response(body, answer.http_status, told, media_type="application/json")
    length = sum(last - first + 1 for first, last in spans) if spans else size_bytes
    if length > CARRIED_MAX_BYTES and request.method != "HEAD":
        return place()
    if len(spans) > 1:
        boundary = new_boundary()
        several = b"".join(byteranges(spans, size_bytes, content_type, boundary, read))
        return whole(request, several, 206, headers, f"multipart/byteranges; boundary={boundary}")
    first, last = spans[0] if spans else (0, size_bytes - 1)
    if spans:
        headers["Content-Range"] = content_range(first, last, size_bytes)
    if request.method == "HEAD":
        headers["Content-Length"] = str(length)
        return Response(None, 206 if spans else 200, headers, content_type)
    return Response(read(first, length) if length else b"", 206 if spans else 200, headers, content_type)


def whole(request: Request, body: bytes, status: int, headers: dict[str, str], content_type: str) -> Response:
    """A body, or its headers alone for HEAD."""
    if request.method == "HEAD":
        return Response(None, status, {**headers, "Content-Length": str(len(body))}, content_type)
    return Response(body, status, headers, content_type)


def gzipped(
    services: Services, request: Request, body: bytes, content_type: str, *, modified: datetime | None = None
) -> Response:
    """A gzip body for those who take it, the plain one for others."""
    if not takes_gzip(request.headers.get("accept-encoding")):
        answer = carried(services, request, gzip.decompress(body), content_type, modified=modified)
        answer.headers["Vary"] = "Accept-Encoding"
        return answer
    version = Version(hashlib.blake2b(body, digest_size=16).hexdigest(), modified)
    headers = {**version.headers(), "Vary": "Accept-Encoding"}
    if version.known_to(request):
        return Response(status_code=304, headers=headers)
    if len(body) > CARRIED_MAX_BYTES and request.method != "HEAD":
        key = exchanged(services.exchange, body, content_type, content_encoding="gzip")
        return redirect(services.exchange, key, content_type)
    return whole(request, body, 200, {**headers, "Content-Encoding": "gzip"}, content_type)


def squeezed(services: Services, request: Request, body: bytes, content_type: str) -> Response:
    """A plain body, gzipped for those who take that when it is worth it."""
    if len(body) >= WORTH_SQUEEZING_BYTES and takes_gzip(request.headers.get("accept-encoding")):
        return gzipped(services, request, gzip.compress(body, SQUEEZING, mtime=0), content_type)
    answer = carried(services, request, body, content_type)
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


def warned(answer: Response, warnings: Sequence[str]) -> Response:
    """An answer that says what was left out of it. Source: PS3.18 §8.3.4.4"""
    if warnings:
        answer.headers["Warning"] = ", ".join(f'299 bulut-pacs: "{each}"' for each in warnings)
    return answer


def new_key() -> str:
    """A name that nobody guesses, for what lies in the exchange store for a short time."""
    return f"{ANSWERS}{uuid.uuid4().hex}"


def exchanged(store: ObjectStore, body: bytes, content_type: str, *, content_encoding: str = "") -> str:
    """Put a body where it lies for a short time; returns the key."""
    key = new_key()
    store.put(key, body, content_type=content_type, content_encoding=content_encoding)
    return key


def redirect(store: ObjectStore, key: str, content_type: str) -> Response:
    location = store.presign_get(key, expires_s=REDIRECT_LIFE_S, content_type=content_type)
    return Response(status_code=307, headers={**PRIVATE, "Location": location})


def multipart(
    services: Services, request: Request, parts: Iterable[Part[Piece]], part_type: str, version: Version
) -> Response:
    """Parts as one multipart/related answer, which need not fit into memory.

    The boundary is made of the etag, so that the same version always gives the same bytes.
    """
    boundary = digest("boundary", version.etag, part_type)
    content_type = related_content_type(part_type, boundary)
    return gathered(services, request, related(parts, boundary=boundary), content_type, version)


def composed(services: Services, pieces: Iterable[Piece], content_type: str) -> tuple[str, int]:
    """Key and size of pieces that an API gateway would not carry, put where they lie for a short time."""
    key = new_key()
    return key, services.exchange.compose(key, pieces, originals=services.originals, content_type=content_type)


def placed(services: Services, pieces: Iterable[Piece], content_type: str) -> Response:
    """A pointer at pieces that an API gateway would not carry."""
    return redirect(services.exchange, composed(services, pieces, content_type)[0], content_type)


def gathered(
    services: Services, request: Request, pieces: Iterable[Piece], content_type: str, version: Version
) -> Response:
    """Pieces as one body that need not fit into memory: spans of originals are read when they are sent."""
    if version.known_to(request):
        return Response(status_code=304, headers=version.headers())
    rest = iter(pieces)
    held, complete = hold(rest)
    if complete:
        size, read = sum(map(len, held)), partial(read_pieces, services.originals, held)
        return sliced(request, version, size, content_type, read, lambda: placed(services, held, content_type))
    if request.method == "HEAD" and version.ranges_of(request) is None:
        size = sum(map(len, held)) + sum(map(len, rest))
        return sliced(request, version, size, content_type, lambda offset, length: b"", Response)
    key, size = composed(services, chain(held, rest), content_type)
    read = partial(services.exchange.read, key)
    return sliced(request, version, size, content_type, read, lambda: redirect(services.exchange, key, content_type))


def hold(pieces: Iterator[Piece]) -> tuple[list[Piece], bool]:
    """The first pieces, as far as their bytes need not go to a store, and whether these are all; a span holds none."""
    held: list[Piece] = []
    held_bytes = 0
    for piece in pieces:
        held.append(piece)
        held_bytes += 0 if isinstance(piece, Span) else len(piece)
        if held_bytes > CARRIED_MAX_BYTES:
            return held, False
    return held, True
