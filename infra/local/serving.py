"""The HTTP server under the gateway: uvicorn, and how large and how slow the head of a request may be.

uvicorn has no bounds for heads, which are the request line and the headers; in the cloud CloudFront has. Called by
infra.local.gateway. Source: RFC 6585 §5, RFC 9110 §15.5.9
"""

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BYTES_MAX = 64 << 10
TIMEOUT_S = 30.0
CODES = {
    HTTPStatus.BAD_REQUEST: ("BAD_REQUEST", "this is no HTTP request"),
    HTTPStatus.REQUEST_TIMEOUT: ("REQUEST_TIMEOUT", "the head of the request did not come in time"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("HEAD_TOO_LARGE", f"a head has at most {BYTES_MAX >> 10} KB"),
}


def server_config(application: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        loop="uvloop",
        http=BoundedHeads,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
    )


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose next head does not come whole in time, or is too large; nobody else waits for it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.in_head = True
        self.head_bytes = 0
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        began_in_head = self.in_head
        if began_in_head:
            self.await_head()
        super().data_received(data)
        if began_in_head and self.timer:  # the head goes on
            self.head_bytes += len(data)
            if self.head_bytes > BYTES_MAX:
                self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_bytes = 0
        self.await_head()

    def on_headers_complete(self) -> None:
        self.stop_waiting()
        self.in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > BYTES_MAX:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            raise ValueError("the head is too large")  # which ends the parsing
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.in_head = True
        super().on_message_complete()

    def await_head(self) -> None:
        if self.timer is None:
            self.timer = self.loop.call_later(TIMEOUT_S, self.give_up)

    def give_up(self) -> None:
        self.timer = None
        if self.cycle and not self.cycle.response_complete:  # nothing is read while an answer is sent
            self.await_head()
        else:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT)

    def stop_waiting(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def send_400_response(self, msg: str) -> None:
        self.refuse(HTTPStatus.BAD_REQUEST)

    def refuse(self, status: HTTPStatus) -> None:
        """Say why, unless an answer is being sent, and close."""
        self.stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            code, message = CODES[status]
            body = json.dumps({"code": code, "message": message, "requestId": str(uuid.uuid4())}).encode()
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()
