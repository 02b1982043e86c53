"""Objects by addresses that one of our stores has signed, as S3 answers at its presigned URLs. Asked by the edge."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import parse_qs, unquote

from infra.local.proxy_event import Answer, Headers, Request
from infra.local.ranged import ranged
from pacs.entry.body import spool_beside
from pacs.entry.form import form_parts
from pacs.errors import BadRequest, NotFound
from pacs.local.presigning import Presigner
from pacs.ports import ObjectInfo
from pacs.viewing.headers import ANSWER_HEADERS

OBJECTS = "/objects/"


class Store(Protocol):
    """What `pacs.local.store.DirectoryStore` offers, with more than the port."""

    @property
    def presigner(self) -> Presigner: ...

    def get(self, key: str) -> tuple[ObjectInfo, bytes]: ...

    def head(self, key: str) -> ObjectInfo: ...

    def stretches(self, key: str, offset: int, length: int) -> Sequence[tuple[Path, int, int]]: ...

    def put(self, key: str, body: bytes | Path) -> str: ...


Stores = Mapping[str, Store]


def send_object(stores: Stores, request: Request) -> Answer:
    """The object, or the range of it that is asked for. Raises PacsError."""
    store, key, content_type = verified(stores, request, "GET", "content_type")
    info = store.head(key)
    headers: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{info.etag}"'.encode()),
        (b"cache-control", b"private, no-store"),
        *((name.lower().encode(), value.encode()) for name, value in ANSWER_HEADERS.items()),
    ]
    if info.content_encoding:
        headers.append((b"content-encoding", info.content_encoding.encode()))
    asked = next((value.decode("latin-1") for name, value in request.headers if name == b"range"), "")
    return ranged(asked, partial(store.stretches, key), info.size_bytes, headers)


def receive_object(stores: Stores, request: Request) -> Answer:
    """Take the file of a form as the object. Raises PacsError.

    Source: Amazon S3 API Reference, "POST Object".
    """
    store, key, sizes = verified(stores, request, "POST", "sizes")
    content_type = next((value.decode("latin-1") for name, value in request.headers if name == b"content-type"), "")
    with TemporaryDirectory(dir=spool_beside(request.body), prefix="post-") as folder:
        for told, part in form_parts(content_type, request.body, Path(folder)):
            if told.get("name") == "file":
                store.put(key, of_size(part.body, sizes))
                return Answer(204, [(b"cache-control", b"no-store")], b"")
    raise BadRequest("the form has no file", field="file")


def of_size(body: bytes | Path, sizes: str) -> bytes | Path:
    """Raises BadRequest for a file smaller or larger than what was signed."""
    least, _, most = sizes.partition("-")
    size_bytes = body.stat().st_size if isinstance(body, Path) else len(body)
    if not int(least) <= size_bytes <= int(most):
        raise BadRequest(f"the file has {least} to {most} bytes", field="file")
    return body


def verified(stores: Stores, request: Request, method: str, signed: str) -> tuple[Store, str, str]:
    """Store, key and what else was signed of an address. Raises NotFound, Forbidden."""
    name, _, key = unquote(request.path.removeprefix(OBJECTS)).partition("/")
    query = {word: values[-1] for word, values in parse_qs(request.query).items()}
    store, expires = stores.get(name), query.get("expires", "")
    if store is None or not (expires.isascii() and expires.isdigit()):
        raise NotFound("there is nothing at this address")
    value = query.get(signed, "")
    store.presigner.verify(method, key, int(expires), value, query.get("signature", ""))
    return store, key, value
