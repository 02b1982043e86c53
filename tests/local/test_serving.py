"""Heads of requests that are too large, too slow or none, against a real port: refused, and nobody else waits."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from functions.entries import Function, Route
from infra.local import serving
from infra.local.gateway import Gateway
from infra.local.serving import server_config

FUNCTIONS = (Function("door", "", routes=(Route("GET", "/open", public=True),)),)
GOOD = b"GET /open HTTP/1.1\r\nhost: here\r\n\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    gateway = Gateway(FUNCTIONS, {"door": lambda event, context: {"statusCode": 200, "body": "hello"}})
    server = uvicorn.Server(server_config(gateway))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
    gateway.close()


def said(port: int, *pieces: bytes) -> tuple[int, Any]:
    """Status and body of what is answered before the connection ends; 0 when it is cut while we still send."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        with suppress(ConnectionError):
            while received := connection.recv(65536):
                answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]), json.loads(body)) if body else (0, None)


def is_open(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(GOOD)
        return connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /open HTTP/1.1\r\nx: " + b"a" * (66 << 10),
        b"GET /open HTTP/1.1\r\nx: " + b"a" * (66 << 10) + b"\r\n\r\n",
        b"GET /" + b"a" * (66 << 10),
        b"GET /open HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(70)) + b"\r\n",
    ],
    ids=["unfinished", "one header", "request line", "many headers"],
)
def test_a_head_that_is_too_large_is_refused_with_the_limit(port: int, head: bytes) -> None:
    status, body = said(port, head)
    assert (status, body["code"], body["message"]) == (431, "HEAD_TOO_LARGE", "a head has at most 64 KB")
    assert set(body) == {"code", "message", "requestId"}
    assert is_open(port)


@pytest.mark.parametrize(
    "bomb",
    [
        [b"GET /open HTTP/1.1\r\n", *(b"x-%d: %s\r\n" % (n, b"a" * (64 << 10)) for n in range(100)), b"\r\n"],
        [b"GET /", *([b"a" * (1 << 20)] * 10), b" HTTP/1.1\r\n\r\n"],
    ],
    ids=["headers", "request line"],
)
def test_a_bomb_is_cut_off_long_before_its_end(port: int, bomb: list[bytes]) -> None:
    assert said(port, *bomb)[0] in (0, 431)  # the answer is lost when the sender's bytes meet a closed connection
    assert is_open(port)


def test_a_head_that_comes_too_slowly_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TIMEOUT_S", 0.3)
    for slow in (b"", b"GET /open HTTP/1.1\r\nx: a", b"\r\n"):
        status, body = said(port, slow)
        assert (status, body["code"]) == (408, "REQUEST_TIMEOUT")
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(b"GET /op")
        assert is_open(port)
        connection.sendall(b"en HTTP/1.1\r\nhost: here\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /")  # the next one on the same connection
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_what_is_no_http_is_told_in_the_shape_of_every_error(port: int) -> None:
    status, body = said(port, b"\x16\x03\x01 hello\r\n\r\n")
    assert (status, body["code"]) == (400, "BAD_REQUEST")
    assert is_open(port)
