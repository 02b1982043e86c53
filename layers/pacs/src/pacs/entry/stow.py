"""STOW-RS requests: takes the instances out of a body and stores each. Used by functions/dicomweb.

Source: PS3.18 §10.5 and §12.5.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from fastapi import Request, Response

from pacs.archive.storing import StoredInstance, store_instance
from pacs.dicom.uids import is_uid
from pacs.dicomweb.bulkdata import DICOM_XML, Json, compose, read_request, text_of
from pacs.dicomweb.media import (
    DICOM_JSON,
    MULTIPART,
    SYNONYMS,
    ContentType,
    Offer,
    choose,
    parse_accept,
    parse_content_type,
)
from pacs.dicomweb.multipart import ReceivedPart, read_parts
from pacs.dicomweb.native import to_native
from pacs.dicomweb.stow import store_answer
from pacs.entry.body import body_pieces, spool_beside
from pacs.errors import BadRequest, Forbidden, InvalidInstance, UnsupportedMediaType
from pacs.people.scope import Scope
from pacs.ports import Services

DICOM = "application/dicom"
STORED_TYPES = (DICOM, DICOM_JSON, DICOM_XML)
ANSWERS = (Offer(DICOM_JSON), Offer(DICOM_XML))
# SOP class, study, series and instance.
IDENTITY = ("00080016", "0020000D", "0020000E", "00080018")

WRITERS = 10  # instances of a process on their way to the store; waiting, not computing

Store = Callable[[bytes | Path], StoredInstance]


def store_request(
    services: Services,
    scope: Scope,
    request: Request,
    body: bytes | Path,
    *,
    study: str | None = None,
    category: str | None = None,
    instance: str | None = None,
) -> Response:
    """Store every instance of a request and tell of each: 200 all, 202 some or with warnings, 409 none.

    `study`, `category`, `instance`: what the URL names.
    """
    chosen = choose(parse_accept(request.headers.getlist("accept")), ANSWERS)
    content_type = parse_content_type(request.headers.get("content-type"))
    part_type = type_of_parts(content_type)
    source_ip = request.client.host if request.client else ""
    if scope.privacy:
        raise Forbidden("links with privacy store nothing")
    if scope.branches == ():
        raise Forbidden("no branch is granted to store into")
    # Who sees some branches only stores into the first of them.
    branch_id = scope.branches[0] if scope.branches else ""
    addressed = partial(store_instance, study=study, category=category, instance=instance)
    store = partial(addressed, services, scope, branch_id=branch_id, source_ip=source_ip)
    results: list[StoredInstance] = []
    with TemporaryDirectory(dir=spool_beside(body), prefix="stow-") as folder:
        try:
            for result in stored(store, parts_of(content_type, body, Path(folder)), part_type, Path(folder)):
                results.append(result)
        except BadRequest as error:
            if not results:
                raise
            # The body breaks off: what came before is stored, and must be told of.
            results.append(StoredInstance("", "", "", "", outcome=None, error=error))
    status, answer = store_answer(results, base_url=f"{services.settings.origin}/dicomweb")
    encoded = to_native(answer) if chosen.media_type == DICOM_XML else orjson.dumps(answer)
    return Response(encoded, status, media_type=chosen.media_type)


def type_of_parts(content_type: ContentType) -> str:
    """What the instances come as. Raises UnsupportedMediaType."""
    named = content_type.media_type
    if named == MULTIPART:
        named = content_type.parameters.get("type", DICOM).lower()
        named = SYNONYMS.get(named, named)
    if named not in STORED_TYPES:
        possible = ", ".join(STORED_TYPES)
        raise UnsupportedMediaType(f"{possible} are stored here, alone or as {MULTIPART}", field="Content-Type")
    return named


def parts_of(content_type: ContentType, body: bytes | Path, folder: Path) -> Iterator[ReceivedPart]:
    """The parts of a body, the large ones as files in the folder. Raises BadRequest, StoreUnavailable."""
    if content_type.media_type != MULTIPART:
        return iter([ReceivedPart(body, {"content-type": content_type.media_type})])
    return read_parts(body_pieces(body), content_type.parameters.get("boundary", ""), spool=folder)


def stored(store: Store, parts: Iterator[ReceivedPart], part_type: str, folder: Path) -> Iterator[StoredInstance]:
    """Store every instance; the results in their order. Raises BadRequest, StoreUnavailable."""
    if part_type == DICOM:
        yield from at_once(store, (part.body for part in parts))
        return
    documents, bulk = read_request(parts, part_type)
    for document in documents:
        try:
            body = compose(document, bulk, folder)
        except InvalidInstance as error:
            sop_class, study, series, instance = (uid_of(document, key) for key in IDENTITY)
            yield StoredInstance(sop_class, study, series, instance, outcome=None, error=error)
        else:
            yield store(body)


@cache
def writers() -> ThreadPoolExecutor:
    """Those of this process; starting them anew for each request would take as long as storing an instance."""
    return ThreadPoolExecutor(WRITERS, "writer")


def at_once(store: Store, bodies: Iterator[bytes | Path]) -> Iterator[StoredInstance]:
    """A few at a time, for each waits for the store. What comes before a break is stored and told of first.

    None is still on its way when this ends, for the files of a request go with it.
    """
    pending: deque[Future[StoredInstance]] = deque()
    try:
        for body in bodies:
            pending.append(writers().submit(store, body))
            if len(pending) == WRITERS:
                yield pending.popleft().result()
    except BadRequest:
        yield from (each.result() for each in pending)
        raise
    else:
        yield from (each.result() for each in pending)
    finally:
        wait(pending)


def uid_of(document: Json, key: str) -> str:
    """A UID of a dataset; empty when it has none."""
    uid = text_of(document, key)
    return uid if is_uid(uid) else ""
