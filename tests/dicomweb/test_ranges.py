"""Range and conditional requests."""

from datetime import UTC, datetime

import pytest

from pacs.dicomweb.ranges import (
    byteranges,
    content_range,
    entity_tag,
    http_date,
    none_match,
    parse_ranges,
    range_applies,
    unmodified,
    unsatisfied,
)
from pacs.errors import RangeNotSatisfiable

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", (0, 99)),
        ("bytes=0-0", (0, 0)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-1000", (90, 99)),
        ("bytes=99-", (99, 99)),
        ("bytes=-1", (99, 99)),
        ("bytes=-500", (0, 99)),
        (" Bytes = 5 - 6 ", (5, 6)),
    ],
)
def test_single_ranges(header: str, expected: tuple[int, int]) -> None:
    assert parse_ranges(header, 100) == [expected]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-5",
        "bytes=0-99,5-6",
        "bytes=0-1,9-5",
        "bytes=" + ",".join(["0-0"] * 17),
        "items=0-5",
        "0-5",
    ],
)
def test_ranges_that_are_ignored(header: str | None) -> None:
    assert parse_ranges(header, 100) == []


def test_several_ranges_without_those_of_nothing() -> None:
    assert parse_ranges("bytes=0-1, 5-6,200-300,-1", 100) == [(0, 1), (5, 6), (99, 99)]
    assert parse_ranges("bytes=" + ",".join(["0-0"] * 16), 100) == [(0, 0)] * 16


def test_several_ranges_as_a_body() -> None:
    body = bytes(range(10))
    pieces = byteranges([(0, 1), (9, 9)], 10, "image/png", "b", lambda offset, length: body[offset : offset + length])
    assert b"".join(pieces) == (
        b"--b\r\nContent-Type: image/png\r\nContent-Range: bytes 0-1/10\r\n\r\n\x00\x01\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Range: bytes 9-9/10\r\n\r\n\x09\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    ("header", "size_bytes"), [("bytes=100-", 100), ("bytes=100-,200-201", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_ranges_of_nothing(header: str, size_bytes: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as raised:
        parse_ranges(header, size_bytes)
    assert raised.value.field == "Range"


def test_content_range() -> None:
    assert content_range(0, 9, 100) == "bytes 0-9/100"
    assert unsatisfied(100) == "bytes */100"


@pytest.mark.parametrize(
    ("header", "send"),
    [
        (None, True),
        ('"abc"', False),
        ('W/"abc"', False),
        ('"x", "abc"', False),
        ("*", False),
        ('"abcd"', True),
        ("abc", True),
    ],
)
def test_if_none_match(header: str | None, send: bool) -> None:
    assert none_match(header, "abc") is send
    assert none_match(header, entity_tag("abc")) is send


@pytest.mark.parametrize(
    ("header", "applies"),
    [
        (None, True),
        ('"abc"', True),
        ('W/"abc"', False),
        ('"old"', False),
        ("Thu, 29 Feb 2024 12:30:15 GMT", True),
        ("Thu, 29 Feb 2024 12:30:14 GMT", False),
        ("yesterday", False),
    ],
)
def test_if_range(header: str | None, applies: bool) -> None:
    assert range_applies(header, "abc", MOMENT) is applies


@pytest.mark.parametrize(
    ("header", "has"),
    [
        (None, False),
        ("yesterday", False),
        ("Thu, 29 Feb 2024 12:30:14 GMT", False),
        ("Thu, 29 Feb 2024 12:30:15 GMT", True),
    ],
)
def test_if_modified_since(header: str | None, has: bool) -> None:
    assert unmodified(header, MOMENT) is has


def test_dates_and_tags() -> None:
    assert http_date(MOMENT) == "Thu, 29 Feb 2024 12:30:15 GMT"
    assert entity_tag("abc") == entity_tag('"abc"') == '"abc"'
