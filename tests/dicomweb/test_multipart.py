"""multipart/related bodies: those that viewers read, those that senders write."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import pytest

from pacs.dicomweb.media import parse_content_type
from pacs.dicomweb.multipart import (
    FRAME_BOUNDARY,
    Part,
    ReceivedPart,
    new_boundary,
    read_parts,
    related,
    related_content_type,
    wrap_single,
)
from pacs.errors import BadRequest, StoreUnavailable

J2K = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90"


def read(body: bytes, folder: Path, boundary: str = "b", **options: int) -> list[ReceivedPart]:
    return list(read_parts([body], boundary, spool=folder, **options))


def test_a_frame_is_wrapped_as_viewers_read_it() -> None:
    body, content_type = wrap_single(b"\x00pixels\r\n", J2K)
    boundary = parse_content_type(content_type).parameters["boundary"]
    assert parse_content_type(content_type).parameters["type"] == "application/octet-stream"
    header, _, rest = body.partition(b"\r\n\r\n")
    assert header.decode() == f"--{boundary}\r\nContent-Type: {J2K}"
    assert rest == b"\x00pixels\r\n\r\n--" + boundary.encode() + b"--\r\n"


def test_wrapping_costs_always_the_same_and_gives_the_same() -> None:
    overheads = {len(wrap_single(b"x" * size, J2K)[0]) - size for size in (0, 1, 1000)}
    assert len(overheads) == 1
    assert wrap_single(b"x", J2K) == wrap_single(b"x", J2K)


def test_a_frame_that_holds_the_boundary(tmp_path: Path) -> None:
    frame = f"\r\n--{FRAME_BOUNDARY}0000--".encode()
    body, content_type = wrap_single(frame, J2K)
    (part,) = read(body, tmp_path, parse_content_type(content_type).parameters["boundary"])
    assert part.body == frame


def test_python_reads_what_we_write() -> None:
    boundary = new_boundary()
    pieces: Iterator[bytes] = iter([b"seco", b"nd"])
    parts = [Part(b"first\n", "application/dicom"), Part(pieces, "text/plain", location="/studies/1")]
    content_type = related_content_type("application/dicom; transfer-syntax=1.2", boundary)
    whole = f"Content-Type: {content_type}\r\n\r\n".encode() + b"".join(related(parts, boundary=boundary))
    message = message_from_bytes(whole, policy=HTTP)
    assert message.get_content_type() == "multipart/related"
    assert [part.get_payload(decode=True) for part in message.iter_parts()] == [b"first\n", b"second"]
    assert [part["Content-Location"] for part in message.iter_parts()] == [None, "/studies/1"]


def test_no_parts_at_all(tmp_path: Path) -> None:
    assert read(b"".join(related([], boundary="b")), tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b--",
        b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b--\r\n",
        b"preamble --b\r\nmore\r\n--b\r\ncontent-type:application/dicom\r\n\r\nDICM\r\n--b--\r\nepilogue\r\n--b",
        b"--b \t\r\nContent-Type:\r\n application/dicom\r\n\r\nDICM\r\n--b--",
        b"--b\nContent-Type: application/dicom\n\nDICM\n--b--\n",
    ],
)
def test_bodies_as_senders_write_them(body: bytes, tmp_path: Path) -> None:
    (part,) = read(body, tmp_path)
    assert part.content_type == "application/dicom"
    assert part.body == b"DICM"


def test_bodies_keep_what_looks_like_a_delimiter(tmp_path: Path) -> None:
    content = b"\r\n--bc\r\n--b-\r\n\n--b--\n--b\r\n--b x\r\n\r"
    (part,) = read(b"--b\r\n\r\n" + content + b"\r\n--b--", tmp_path)
    assert part.body == content


def test_a_part_without_headers_and_one_without_content(tmp_path: Path) -> None:
    parts = read(b"--b\r\n\r\nx\r\n--b\r\nX-Odd\r\n\r\n\r\n--b--", tmp_path)
    assert [part.body for part in parts] == [b"x", b""]
    assert parts[0].headers == {}
    assert parts[0].content_type == ""


def test_large_parts_become_files(tmp_path: Path) -> None:
    body = b"--b\r\n\r\n" + b"s" * 10 + b"\r\n--b\r\n\r\n" + b"l" * 1000 + b"\r\n--b--"
    chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
    small, large = read_parts(chunks, "b", spool=tmp_path, memory_bytes=100)
    assert small.body == b"s" * 10
    assert isinstance(large.body, Path)
    assert large.body.parent == tmp_path
    assert large.body.read_bytes() == b"l" * 1000


def test_no_room_for_large_parts(tmp_path: Path) -> None:
    body = b"--b\r\n\r\n" + b"l" * 1000 + b"\r\n--b--"
    with pytest.raises(StoreUnavailable):
        read(body, tmp_path / "not there", memory_bytes=100)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary anywhere",
        b"--b",
        b"--b\r\n",
        b"--b\r\nContent-Type: application/dicom",
        b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM",
        b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b",
        b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b-",
        b"--b\r\n\r\nDICM\r\n--b\r\n",
    ],
)
def test_bodies_that_break_off(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        read(body, tmp_path)


def test_headers_without_end(tmp_path: Path) -> None:
    for headers in (b"x" * 5000, b"X: y\r\n" * 1000, b"X: y\r\n" * 1000 + b"\r\n\r\n--b--"):
        with pytest.raises(BadRequest, match="headers"):
            read(b"--b\r\n" + headers, tmp_path, max_header_bytes=1000)


def test_no_boundary(tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as raised:
        read(b"--\r\n\r\n--", tmp_path, boundary="")
    assert raised.value.field == "Content-Type"
