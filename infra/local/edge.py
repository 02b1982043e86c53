"""What CloudFront does in the cloud: sends the viewer's files, frames that are ready, and presigned objects.

Asked by the gateway before any route. What it does not answer goes on to the functions.
"""

import asyncio
import mimetypes
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from infra.local import assets
from infra.local.presigned import OBJECTS, Stores, receive_object, send_object
from infra.local.proxy_event import Answer, Files, Headers, Request
from pacs.dicomweb.media import takes_gzip
from pacs.dicomweb.ranges import entity_tag, http_date, none_match
from pacs.errors import BadRequest, DatabaseUnavailable, NotFound, ObjectNotFound, Unauthenticated
from pacs.people.permissions import may
from pacs.people.scope import SHARED, Scope
from pacs.viewing.headers import VIEWER_HEADERS, cache_control

SITE = Path(__file__).resolve().parents[2] / "ohif-site" / "build"
VIEWER = "/ohif-viewer"
FRAME = re.compile(r"/dicomweb/studies/([0-9.]+)/series/([0-9.]+)/instances/([0-9.]+)/frames/([1-9][0-9]*)")
TOKEN_HEADERS = ("authorization", "x-pacs-authorization", "cookie")
# A verified token is believed this long; a viewer asks for hundreds of frames a second with the same one.
BELIEVED_S = 1.0
BELIEVED_MAX = 1024

ScopeOf = Callable[[Mapping[str, str], str], Scope]


class Edge:
    """Answers a request, or None when the functions must."""

    def __init__(self, stores: Stores, scope_of: ScopeOf, site: Path = SITE) -> None:
        self.stores = stores
        self.derived = stores["derived"]
        self.scope_of = scope_of
        self.site = site
        self.believed: dict[tuple[str, ...], tuple[Scope, float]] = {}

    async def __call__(self, request: Request) -> Answer | None:
        if request.path.startswith(OBJECTS) and request.method == "POST":
            return await asyncio.to_thread(receive_object, self.stores, request)
        if request.method not in ("GET", "HEAD"):
            return None
        if found := FRAME.fullmatch(request.path):
            return await self.frame(request, *found.groups())
        if request.path == VIEWER or request.path.startswith(f"{VIEWER}/"):
            return site_file(self.site, request)
        if request.path.startswith(assets.PREFIX):
            return assets.asset(request)
        if request.path.startswith(OBJECTS):
            return send_object(self.stores, request)
        return None

    async def frame(self, request: Request, study: str, series: str, instance: str, frame_number: str) -> Answer | None:
        """A frame that is ready; None when it is not, or when a finer look at scope or Accept is needed."""
        headers = one_of_each(request.headers)
        if request.query or not takes_stored(headers.get("accept", "")):
            return None
        try:
            scope = await self.scope_of_headers(headers, study)
        except (Unauthenticated, DatabaseUnavailable):
            return None
        narrowed = scope.privacy or scope.branches is not None or not may(scope, "archive.retrieve")
        if narrowed or scope.role in SHARED or (scope.studies is not None and study not in scope.studies):
            return None
        try:
            info, body = self.derived.get(f"frames/{scope.organization_id}/{study}/{series}/{instance}/{frame_number}")
        except (ObjectNotFound, BadRequest):
            return None
        kept: Headers = [
            (b"etag", entity_tag(info.etag).encode()),
            (b"last-modified", http_date(info.last_modified).encode()),
            (b"cache-control", b"private, no-cache"),
        ]
        if not none_match(headers.get("if-none-match"), info.etag):
            return Answer(304, kept, b"")
        return Answer(200, [*kept, (b"content-type", info.content_type.encode())], body)

    async def scope_of_headers(self, headers: Mapping[str, str], study: str) -> Scope:
        """The scope of a request's token, verified at most a second ago. Raises what `scope_of` raises."""
        tokens = {name: headers[name] for name in TOKEN_HEADERS if name in headers}
        key = (study, *tokens.values())
        now = time.monotonic()
        known = self.believed.get(key)
        if known and now < known[1]:
            return known[0]
        scope = await asyncio.to_thread(self.scope_of, tokens, study)
        if len(self.believed) >= BELIEVED_MAX:
            self.believed.clear()
        self.believed[key] = (scope, now + BELIEVED_S)
        return scope


def takes_stored(accept: str) -> bool:
    """Whether a frame may come as it lies ready: in the syntax it was stored in, as multipart."""
    asks = accept.replace('"', "").replace(" ", "").lower()
    if "transfer-syntax=" in asks.replace("transfer-syntax=*", ""):
        return False
    return not asks or "*/*" in asks or "multipart/related;type=application/octet-stream" in asks


def site_file(site: Path, request: Request) -> Answer:
    """A file of the viewer, compressed when the browser takes it; index.html for every unknown path."""
    if not (site / "index.html").is_file():
        raise NotFound("the viewer is not built: run `make site`")
    name = unquote(request.path.removeprefix(VIEWER)).strip("/")
    path = site / name
    if not name or ".." in path.parts or "\0" in name or not path.is_file():
        path = site / "index.html"
    asked = one_of_each(request.headers)
    squeezed = path.with_name(path.name + ".gz")
    gzipped = takes_gzip(asked.get("accept-encoding")) and squeezed.is_file()
    file = squeezed if gzipped else path
    found = file.stat()
    etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    headers: Headers = [(name.lower().encode(), value.encode()) for name, value in VIEWER_HEADERS.items()]
    headers += [
        (b"cache-control", cache_control(str(path.relative_to(site))).encode()),
        (b"etag", etag.encode()),
        (b"vary", b"accept-encoding"),
    ]
    if asked.get("if-none-match") == etag:
        return Answer(304, headers, b"")
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
    return Answer(200, [*headers, (b"content-type", media_type(path))], Files(((file, 0, found.st_size),)))


def media_type(path: Path) -> bytes:
    found = {".wasm": "application/wasm", ".js": "text/javascript", ".woff2": "font/woff2"}.get(path.suffix)
    found = found or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return (f"{found}; charset=utf-8" if found.startswith("text/") else found).encode()


def one_of_each(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def edge_of(services: Any) -> Edge:
    """The edge over this process's stores and tokens, and its list of what was ended."""
    from pacs.entry.authorizer import scope_of

    def living_scope(headers: Mapping[str, str], study: str) -> Scope:
        scope = scope_of(headers, study)
        services.ended.require_living(scope)
        return scope

    stores = {name: getattr(services, name) for name in ("originals", "derived", "exchange")}
    return Edge(stores, living_scope)
