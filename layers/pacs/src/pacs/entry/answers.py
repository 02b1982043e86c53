"""Answers of bytes: in one piece, by range, as multipart, and by redirect when an API gateway would not carry them.

Used by functions/dicomweb and functions/frames. Source: PS3.18 §8.6 and §8.7, RFC 9110 §14.
"""

import gzip
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from fastapi import Request, Response

from pacs.dicomweb.multipart import Part, new_boundary, related, related_content_type
from pacs.dicomweb.ranges import content_range, entity_tag, none_match, parse_range
from pacs.ports import ObjectStore, Services

# A Lambda answers at most 6 MB, of which base64 takes a third.
CARRIED_MAX_BYTES = 4_400_000
REDIRECT_LIFE_S = 900
PRIVATE = {"Cache-Control": "private, no-cache"}


def carried(services: Services, request: Request, body: bytes, content_type: str, *, etag: str = "") -> Response:
    """A body as the answer; a large one lies in the exchange store for a while, and the answer points at it.

    HEAD gets the headers alone. With an `etag`, If-None-Match is honoured.
    """
    headers = {**PRIVATE, **({"ETag": entity_tag(etag)} if etag else {})}
    if etag and not none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(body))}, media_type=content_type)
    if len(body) <= CARRIED_MAX_BYTES:
        return Response(body, headers=headers, media_type=content_type)
    return redirect(services.exchange, exchanged(services.exchange, body, content_type), content_type)


def gzipped(services: Services, request: Request, body: bytes, content_type: str) -> Response:
    """A gzip body for those who take it, the plain one for others."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return carried(services, request, gzip.decompress(body), content_type)
    if len(body) > CARRIED_MAX_BYTES:
        key = exchanged(services.exchange, body, content_type, content_encoding="gzip")
        return redirect(services.exchange, key, content_type)
    headers = {**PRIVATE, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, headers=headers, media_type=content_type)


def exchanged(store: ObjectStore, body: bytes | Path, content_type: str, *, content_encoding: str = "") -> str:
    """Put a body where it lies for a short time under a name that nobody guesses; returns the key."""
    key = f"responses/{uuid.uuid4().hex}"
    store.put(key, body, content_type=content_type, content_encoding=content_encoding)
    return key


def redirect(store: ObjectStore, key: str, content_type: str) -> Response:
    location = store.presign_get(key, expires_s=REDIRECT_LIFE_S, content_type=content_type)
    return Response(status_code=307, headers={**PRIVATE, "Location": location})


def ranged(
    services: Services, request: Request, store: ObjectStore, key: str, size_bytes: int, content_type: str, etag: str
) -> Response:
    """An object of a store with Range, If-None-Match and HEAD. Raises RangeNotSatisfiable."""
    headers = {**PRIVATE, "ETag": entity_tag(etag), "Accept-Ranges": "bytes"}
    if not none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    asked = parse_range(request.headers.get("range"), size_bytes)
    start, end = asked or (0, size_bytes - 1)
    length = end - start + 1
    status = 206 if asked else 200
    if asked:
        headers["Content-Range"] = content_range(start, end, size_bytes)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(length)}, status_code=status, media_type=content_type)
    if length > CARRIED_MAX_BYTES:
        return redirect(store, key, content_type)
    return Response(store.read(key, start, length), status, headers, media_type=content_type)


def multipart(services: Services, request: Request, parts: Iterable[Part], part_type: str) -> Response:
    """Parts as one multipart/related answer, gathered on disk so that a study need not fit into memory."""
    boundary = new_boundary()
    content_type = related_content_type(part_type, boundary)
    with tempfile.NamedTemporaryFile(prefix="multipart-") as file:
        for chunk in related(parts, boundary=boundary):
            file.write(chunk)
        file.flush()
        size = file.tell()
        if request.method == "HEAD":
            return Response(headers={**PRIVATE, "Content-Length": str(size)}, media_type=content_type)
        if size <= CARRIED_MAX_BYTES:
            return Response(Path(file.name).read_bytes(), headers=PRIVATE, media_type=content_type)
        return redirect(services.exchange, exchanged(services.exchange, Path(file.name), content_type), content_type)
