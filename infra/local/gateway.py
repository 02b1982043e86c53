"""API Gateway on one machine: HTTP → proxy event → authorizer → the function's handler → HTTP.

Run by the supervisor, several processes on one listening socket. The edge in front of it answers what CloudFront
answers in the cloud. Every error has the one shape {code, message, requestId}.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from functions.catalogue import FUNCTIONS
from functions.entries import Function, Route
from functions.routing import Match, Routes
from infra.local.invocation import Handler, context_of
from infra.local.proxy_event import (
    BODY_IN_MEMORY_BYTES_MAX,
    Answer,
    Files,
    Headers,
    Request,
    answer_of,
    authorizer_event,
    proxy_event,
)
from pacs.errors import (
    UNKNOWN,
    BadRequest,
    Forbidden,
    NotFound,
    PacsError,
    PayloadTooLarge,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
    answer_for,
)
from pacs.viewing.origins import allowed_origins, preflight_headers, shared_with

BODY_BYTES_MAX = 64 << 30
THREADS = 8
PIECE_BYTES = 1 << 20
LITTER_AGE_S = 24 * 3600

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Edge = Callable[[Request], Awaitable[Answer | None]]


class Gateway:
    """An ASGI application over a catalogue and its handlers. `edge` is asked first; it answers None to pass.

    `spool` is the folder in which large bodies lie while they are handled.
    """

    def __init__(
        self,
        functions: tuple[Function, ...],
        handlers: Mapping[str, Handler],
        *,
        origins: frozenset[str] = frozenset(),
        edge: Edge | None = None,
        authorizer: str = "authorizer",
        spool: Path | None = None,
    ) -> None:
        self.routes = Routes(functions)
        self.handlers = handlers
        self.origins = origins
        self.edge = edge
        self.spool = spool or Path(tempfile.gettempdir())
        self.authorizer = next((each for each in functions if each.name == authorizer), None)
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.threads = ThreadPoolExecutor(THREADS, "handler", initializer=self.give_loop)

    def give_loop(self) -> None:
        """Mangum runs its app on the loop of its thread, and a thread has none of its own."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self.loops.append(loop)

    def close(self) -> None:
        """Wait for the calls that run, and close the loops of their threads."""
        self.threads.shutdown()
        for loop in self.loops:
            loop.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        started_at = time.perf_counter()
        request_id = str(uuid.uuid4())
        with ExitStack() as files:
            try:
                body = await self.body_of(scope, receive, request_id, files)
                answer = await self.answer(request_of(scope, body, request_id))
            except PacsError as error:
                answer = error_answer(error, request_id)
        headers = [*answer.headers, (b"x-request-id", request_id.encode())]
        headers = shared_with(self.origins, scope["headers"], headers)
        await send_answer(Answer(answer.status, headers, answer.body), scope["method"], send)
        took_ms = (time.perf_counter() - started_at) * 1000
        # Never the query string: it carries tokens and names.
        line = f"{scope['method']} {scope['path']!r} {answer.status} {len(answer.body)} {took_ms:.1f}ms {request_id}\n"
        sys.stdout.write(line)

    async def body_of(self, scope: Message, receive: Receive, request_id: str, files: ExitStack) -> bytes | Path:
        """The whole body. One larger than API Gateway takes becomes a file, when its sender may call at all."""
        pieces = read_pieces(receive, scope["headers"])
        held: list[bytes] = []
        held_bytes = 0
        async for piece in pieces:
            held.append(piece)
            held_bytes += len(piece)
            if held_bytes > BODY_IN_MEMORY_BYTES_MAX:
                break
        else:
            return b"".join(held)
        admitted = asyncio.get_running_loop().run_in_executor(
            self.threads, self.admit, request_of(scope, b"", request_id)
        )
        most_bytes = (await admitted).most_mib << 20
        rest = first_of(pieces, most_bytes + 1 - held_bytes) if most_bytes else pieces
        return await spool(bytearray().join(held), rest, self.spool, files)

    def admit(self, request: Request) -> Route:
        """The route of a large body. Raises PayloadTooLarge where API Gateway's limit holds here too, and what the
        authorizer says elsewhere; a public one's function asks who calls.
        """
        match = self.routes.match(request.method, request.path)
        if match is None or not match.route.streamed:
            raise PayloadTooLarge(f"at most {BODY_IN_MEMORY_BYTES_MAX >> 20} MB are taken here")
        if match.route.public:
            return match.route
        try:
            self.authorize(proxy_event(request, match), request.request_id)
        except PacsError:
            raise
        except Exception as error:
            raise Unavailable("whether you may call cannot be told now") from error
        return match.route

    async def answer(self, request: Request) -> Answer:
        """Raises PacsError for what no handler has answered."""
        match = self.routes.match(request.method, request.path)
        if request.method == "OPTIONS" and is_preflight(request, match):
            return self.preflight(request)
        if self.edge and (answer := await self.edge(request)):
            return answer
        if match is None:
            if methods := self.routes.methods(request.path):
                return refusal(405, "METHOD_NOT_ALLOWED", "this address does not take this method", request, methods)
            raise NotFound("there is nothing at this address")
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.invoke, request, match)

    def invoke(self, request: Request, match: Match) -> Answer:
        """Authorize and call, in a thread. Raises what the authorizer says; what a handler raises is told as 502."""
        event = proxy_event(request, match)
        try:
            if not match.route.public:
                event["requestContext"]["authorizer"] = self.authorize(event, request.request_id)
            context = context_of(match.function, request.request_id)
            return answer_of(self.handlers[match.function.name](event, context))
        except PacsError:
            raise
        except Exception as error:
            sys.stderr.write(f"{match.function.name} failed: {type(error).__name__} {request.request_id}\n")
            return refusal(502, UNKNOWN.code, "something went wrong on our side", request)

    def authorize(self, event: Mapping[str, Any], request_id: str) -> dict[str, str]:
        """What the authorizer found. Raises Unauthenticated or Forbidden.

        Source: API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer".
        """
        if self.authorizer is None:
            raise Unauthenticated("a token is needed")
        try:
            policy = self.handlers[self.authorizer.name](
                authorizer_event(event), context_of(self.authorizer, request_id)
            )
        except Exception as error:
            if str(error) == "Unauthorized":
                raise Unauthenticated("a valid token is needed") from error
            raise
        statements = policy["policyDocument"]["Statement"]
        if any(each["Effect"] != "Allow" for each in statements):
            raise Forbidden("this token may not do this")
        return {"principalId": str(policy["principalId"]), **policy.get("context", {})}

    def preflight(self, request: Request) -> Answer:
        """The answer to a browser that asks before it calls; `shared_with` says whether it may."""
        methods = ", ".join(sorted(self.routes.methods(request.path))) or "GET, HEAD"
        told = preflight_headers(methods)
        return Answer(204, [(name.lower().encode(), value.encode()) for name, value in told.items()], b"")


def is_preflight(request: Request, match: Match | None) -> bool:
    """Whether a browser asks before it calls: always, where nobody else has an answer to OPTIONS."""
    asked = any(name == b"access-control-request-method" for name, _ in request.headers)
    return asked or match is None


async def read_pieces(receive: Receive, headers: Headers) -> AsyncIterator[bytes]:
    """The body as it comes. Raises PayloadTooLarge, before reading when the length is announced."""
    announced = next((int(value) for name, value in headers if name == b"content-length" and value.isdigit()), 0)
    size_bytes = 0
    more = True
    while more:
        if max(announced, size_bytes) > BODY_BYTES_MAX:
            limit = f"more than {BODY_BYTES_MAX >> 30} GB in one request"
            raise PayloadTooLarge(f"{limit}: send less at once, or over DICOM or with `pacs import`")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the sender has gone before its request ended")
        piece = message.get("body", b"")
        size_bytes += len(piece)
        more = message.get("more_body", False)
        yield piece


async def first_of(pieces: AsyncIterator[bytes], left: int) -> AsyncIterator[bytes]:
    """So many bytes. As many again are read and dropped, so that a sender of a little too much hears the answer."""
    dropped = -left
    async for piece in pieces:
        if left > 0:
            yield piece[:left]
        left -= len(piece)
        if left < dropped:
            return


async def spool(held: bytearray, rest: AsyncIterator[bytes], folder: Path, files: ExitStack) -> Path:
    """What is held and what comes after it as a file, which goes with `files`. Raises StoreUnavailable."""
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".body")
        files.callback(Path(name).unlink, missing_ok=True)
        files.callback(os.close, descriptor)
        async for piece in rest:
            held += piece
            if len(held) >= PIECE_BYTES:
                await asyncio.to_thread(write_all, descriptor, held)
                held.clear()
        await asyncio.to_thread(write_all, descriptor, held)
    except OSError as error:
        raise StoreUnavailable("there is no room for the body of the request") from error
    return Path(name)


def write_all(descriptor: int, content: bytearray) -> None:
    written = 0
    with memoryview(content) as view:
        while written < len(view):
            written += os.write(descriptor, view[written:])


def request_of(scope: Mapping[str, Any], body: bytes | Path, request_id: str) -> Request:
    return Request(
        method=scope["method"],
        path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=list(scope["headers"]),
        body=body,
        source_ip=scope["client"][0] if scope.get("client") else "",
        scheme=scope["scheme"],
        request_id=request_id,
    )


async def send_answer(answer: Answer, method: str, send: Send) -> None:
    """Send with a right Content-Length; for HEAD the one that a handler gave is kept, and no body follows."""
    headers = answer.headers
    if answer.status not in (204, 304) and (method != "HEAD" or len(answer.body)):
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
    elif isinstance(answer.body, Files):
        await send_files(answer.body, send)
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def send_files(files: Files, send: Send) -> None:
    """Files in pieces, so that large ones take no memory.

    A file that has become shorter meanwhile ends the connection: its length was promised.
    """
    left = len(files)
    with closing(blocks_of(files)) as blocks:
        while left:
            block = await asyncio.to_thread(next, blocks, ())
            for piece in block:
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            if not block:
                break
    if left or not len(files):
        await send({"type": "http.response.body", "body": b""})


def blocks_of(files: Files) -> Generator[list[bytes]]:
    """What is read of files at a time: a large piece, or many small ones."""
    block: list[bytes] = []
    held = 0
    for path, start, length in files.stretches:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while length and (piece := file.read(min(length, PIECE_BYTES))):
                length -= len(piece)
                block.append(piece)
                held += len(piece)
                if held >= PIECE_BYTES:
                    yield block
                    block, held = [], 0
    if block:
        yield block


def error_answer(error: PacsError, request_id: str) -> Answer:
    told = answer_for(error)
    headers = [(b"content-type", b"application/json")]
    if told.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    body = {"code": told.code, "message": error.message, "requestId": request_id}
    return Answer(told.http_status, headers, json.dumps(body).encode())


def refusal(status: int, code: str, message: str, request: Request, methods: Mapping[str, Any] | None = None) -> Answer:
    """An error that has no exception of ours, because no room raises it."""
    headers = [(b"content-type", b"application/json")]
    if methods:
        headers.append((b"allow", ", ".join(sorted(methods)).encode()))
    body = {"code": code, "message": message, "requestId": request.request_id}
    return Answer(status, headers, json.dumps(body).encode())


def serve(application: Gateway, listening: socket.socket) -> None:
    """Serve until SIGTERM; the calls that run are finished."""
    import uvicorn

    from infra.local.serving import server_config

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        uvicorn.Server(server_config(application)).run(sockets=[listening])
    finally:
        application.close()


def main(listening: socket.socket, handlers: Mapping[str, Handler]) -> None:
    """One web process: the edge, and behind it every function that has routes."""
    from infra.local.edge import edge_of
    from pacs.bootstrap import services

    settings = services().settings
    origins = allowed_origins(settings.cors_origins)
    gateway = Gateway(
        FUNCTIONS, handlers, origins=origins, edge=edge_of(services()), spool=spool_of(settings.home / "uploads")
    )
    serve(gateway, listening)


def spool_of(folder: Path) -> Path:
    """The folder of large bodies, without those that a killed process left there."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - LITTER_AGE_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return folder
