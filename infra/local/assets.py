"""The files that the pages for people name, as CloudFront sends them: `/assets/…`. Asked by edge."""

import gzip
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from infra.local.proxy_event import Answer, Headers, Request
from pacs.dicomweb.media import takes_gzip
from pacs.dicomweb.ranges import entity_tag, none_match
from pacs.errors import NotFound
from pacs.viewing.headers import asset_cache_control

FOLDER = Path(__file__).resolve().parents[2] / "ohif-site" / "portal"
PREFIX = "/assets/"
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def asset(request: Request) -> Answer:
    """A file, compressed when the browser takes it. Raises NotFound."""
    name = unquote(request.path.removeprefix(PREFIX))
    path = FOLDER / name
    if ".." in path.parts or "\0" in name or path.suffix not in MEDIA_TYPES or not path.is_file():
        raise NotFound("there is nothing at this address")
    asked = {key.decode("latin-1"): value.decode("latin-1") for key, value in request.headers}
    modified = path.stat().st_mtime_ns
    headers: Headers = [
        (b"content-type", MEDIA_TYPES[path.suffix].encode()),
        (b"cache-control", asset_cache_control(name).encode()),
        (b"etag", entity_tag(f"{modified:x}").encode()),
        (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if not none_match(asked.get("if-none-match"), f"{modified:x}"):
        return Answer(304, headers, b"")
    if takes_gzip(asked.get("accept-encoding")):
        return Answer(200, [*headers, (b"content-encoding", b"gzip")], squeezed(path, modified))
    return Answer(200, headers, path.read_bytes())


@lru_cache(maxsize=32)
def squeezed(path: Path, modified_ns: int) -> bytes:
    """A file as gzip, as it was at that time."""
    return gzip.compress(path.read_bytes(), mtime=0)
