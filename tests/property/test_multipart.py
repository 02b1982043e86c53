"""Multipart bodies come back as they were, however they are cut, also by another's code."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dicomweb_client.web import DICOMwebClient
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicomweb.multipart import Part, ReceivedPart, read_parts, related, related_content_type, wrap_single

# Bodies rich in what a parser could trip over.
BODIES = (
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"--boundary", b"\r\n--bound", b"x"])
        | st.binary(max_size=9),
        max_size=12,
    )
    .map(b"".join)
    .filter(lambda body: b"--boundary" not in body)
)
PART_LISTS = st.lists(BODIES, min_size=1, max_size=5)
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=10)


def cut(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The body in chunks of these sizes, over and over, an empty one now and then."""
    stream, number = io.BytesIO(body), 0
    while chunk := stream.read(sizes[number % len(sizes)]):
        yield chunk
        yield b""
        number += 1


def read(chunks: Iterator[bytes], memory_bytes: int) -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        parts = read_parts(chunks, "boundary", spool=Path(folder), memory_bytes=memory_bytes)
        return [(part.content_type, content(part)) for part in parts]


def content(part: ReceivedPart) -> bytes:
    return part.body.read_bytes() if isinstance(part.body, Path) else part.body


@settings(deadline=None)
@given(PART_LISTS, CUTS, st.integers(0, 30), st.binary(max_size=20).filter(lambda text: b"--boundary" not in text))
def test_any_cutting_gives_the_same_parts(bodies: list[bytes], sizes: list[int], memory: int, epilogue: bytes) -> None:
    body = b"\r\n" + b"".join(related((Part(each, "application/dicom") for each in bodies), boundary="boundary"))
    assert read(cut(body + epilogue, sizes), memory) == [("application/dicom", each) for each in bodies]


@settings(deadline=None)
@given(PART_LISTS, CUTS)
def test_what_dicomweb_client_sends_is_read(bodies: list[bytes], sizes: list[int]) -> None:
    content_type = 'multipart/related; type="application/dicom"; boundary="boundary"'
    body = DICOMwebClient._encode_multipart_message(bodies, content_type)
    assert read(cut(body, sizes), 100) == [("application/dicom", each) for each in bodies]


class Answer:
    """A finished response, as far as dicomweb-client looks at one."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self.content = body
        self.headers = {"content-type": content_type}

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None: ...


def decode(body: bytes, content_type: str) -> list[bytes]:
    """What dicomweb-client makes of an answer."""
    client: Any = DICOMwebClient("http://localhost")
    return [bytes(part) for part in client._decode_multipart_message(Answer(body, content_type), stream=False)]


@settings(deadline=None)
@given(PART_LISTS)
def test_dicomweb_client_reads_what_is_sent(bodies: list[bytes]) -> None:
    body = b"".join(related((Part(each, "application/dicom") for each in bodies), boundary="boundary"))
    assert decode(body, related_content_type("application/dicom", "boundary")) == bodies


@settings(deadline=None)
@given(BODIES)
def test_dicomweb_client_reads_a_wrapped_frame(frame: bytes) -> None:
    assert decode(*wrap_single(frame, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1")) == [frame]
