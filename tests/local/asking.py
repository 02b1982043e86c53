"""Asks an ASGI application one question, as a server would."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.gateway import Gateway, Message


@dataclass(frozen=True)
class Heard:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def header(self) -> dict[str, str]:
        return dict(self.headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    gateway: Gateway,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Iterable[bytes] = (b"",),
) -> Heard:
    """Send one request whose body comes in these pieces; the whole answer."""
    path, _, query = target.partition("?")
    scope: Message = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("192.0.2.7", 4711),
        "scheme": "http",
    }
    pieces = list(body)
    sent: list[Message] = []

    async def receive() -> Message:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    # A loop of its own and nobody's current one: Mangum keeps a current loop for the thread that makes handlers.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(gateway(scope, receive, send))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    start, *parts = sent
    told = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Heard(start["status"], told, b"".join(part["body"] for part in parts))
