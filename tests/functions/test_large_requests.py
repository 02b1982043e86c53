"""A request of any size takes little memory: measured with one of 300 MB, of parts and of a single one."""

import asyncio
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from functions.catalogue import FUNCTIONS
from infra.local import gateway
from pacs.dicom.encoding import element_head, encode_dataset, encode_part10_head
from pacs.dicomweb.multipart import Part, related

PIECE = bytes(1 << 20)
PIXELS_MB = 300
MEMORY_MB = 64
CT = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
}


def instance() -> Iterator[bytes]:
    """A Part 10 file with large pixel data, piece by piece."""
    yield encode_part10_head("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", "1.2.840.10008.1.2.1")
    yield encode_dataset(CT, lambda uri: b"")
    yield element_head(0x7FE00010, "OW", PIXELS_MB << 20)
    yield from pixels()


def pixels() -> Iterator[bytes]:
    return (PIECE for _ in range(PIXELS_MB))


def bodies() -> dict[str, tuple[str, Callable[[], Iterator[bytes]]]]:
    document = {**CT, "7FE00010": {"vr": "OW", "BulkDataURI": "p"}}
    parts = {
        "application/dicom": lambda: [Part(instance(), "application/dicom")],
        "application/dicom+json": lambda: [
            Part(orjson.dumps([document]), "application/dicom+json"),
            Part(pixels(), "application/octet-stream", "p"),
        ],
    }
    made: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {"alone": ("application/dicom", instance)}
    for kind, each in parts.items():
        content_type = f'multipart/related; type="{kind}"; boundary=b'
        made[kind] = (content_type, lambda each=each: related(each(), boundary="b"))  # type: ignore[misc]
    return made


def post(application: Any, headers: dict[str, str], body: Iterator[bytes]) -> tuple[int, bytes]:
    """Send a request whose body is made while it is sent."""
    answered: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/dicomweb/studies",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 4711),
        "scheme": "http",
    }

    async def receive() -> dict[str, Any]:
        piece = next(body, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        answered.append(message)

    # A loop of its own and nobody's current one: Mangum keeps a current loop for the thread that makes handlers.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(application(scope, receive, send))
    loop.close()
    return answered[0]["status"], b"".join(each.get("body", b"") for each in answered[1:])


@pytest.mark.parametrize("kind", ["alone", "application/dicom", "application/dicom+json"])
def test_a_large_request_takes_little_memory(clinic: Any, tmp_path: Path, kind: str) -> None:
    content_type, body = bodies()[kind]
    gateway = clinic.client.app
    gateway.spool = tmp_path / "uploads"
    gateway.spool.mkdir()
    tracemalloc.start()
    try:
        status, answer = post(gateway, {**clinic.bearer(), "Content-Type": content_type}, body())
        peak_mb = tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()
    assert (status, "00081199" in orjson.loads(answer)) == (200, True)
    assert peak_mb < MEMORY_MB
    (info,) = clinic.services.originals.scan()
    assert info.size_bytes > PIXELS_MB << 20
    assert list(gateway.spool.iterdir()) == []


def test_only_what_is_streamed_takes_more_than_the_gateway(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As API Gateway refuses it in the cloud: whoever would read the body whole is never asked."""
    monkeypatch.setattr(gateway, "BODY_IN_MEMORY_BYTES_MAX", 1 << 20)
    body = bytes((1 << 20) + 1)
    for route in (each for function in FUNCTIONS for each in function.routes if each.method not in ("GET", "HEAD")):
        path = re.sub(r"\{\w+\}", "1.2.3", route.path.replace("{category}", "hanging-protocols"))
        answer = clinic.client.request(route.method, path, headers=clinic.bearer(), content=body)
        if route.streamed:
            assert answer.status_code == (401 if route.public else 415), route
        else:
            assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE"), route
            assert answer.json()["message"] == "at most 1 MB are taken here"
            assert set(answer.json()) == {"code", "message", "requestId"}
