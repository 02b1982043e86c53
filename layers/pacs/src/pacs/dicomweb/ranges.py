"""Which bytes of a representation does a client want, and does it have them already?

Called by functions/dicomweb and functions/frames for instances, bulk data and video.

Source: RFC 9110 §13.1.2, §14
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from pacs.errors import RangeNotSatisfiable

RANGES = re.compile(r"\s*bytes\s*=(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
ONE_RANGE = re.compile(r"\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')
MOST_RANGES = 16

Span = tuple[int, int]


def parse_ranges(header: str | None, size_bytes: int) -> list[Span]:
    """First and last byte of each range that a Range header asks for, both inclusive; none: the whole representation.

    What does not exist is left out. A header that is malformed, names too many ranges, or together more than there
    is, is ignored, as the RFC allows. Raises RangeNotSatisfiable when nothing of any range exists; the answer carries
    `unsatisfied(size_bytes)`.
    """
    found = RANGES.fullmatch(header or "")
    asked = [ONE_RANGE.fullmatch(each) for each in found[1].split(",")] if found else []
    spans: list[Span] = []
    for each in asked:
        if each is None or each.groups() == ("", "") or backwards(each[1], each[2]):
            return []
        first, last = first_and_last(each[1], each[2], size_bytes)
        if first <= last:
            spans.append((first, last))
    if asked and not spans:
        raise RangeNotSatisfiable(f"the representation has {size_bytes} bytes", field="Range")
    if len(spans) > MOST_RANGES or sum(last - first + 1 for first, last in spans) > size_bytes:
        return []
    return spans


def backwards(begin: str, end: str) -> bool:
    return bool(begin and end) and int(end) < int(begin)


def first_and_last(begin: str, end: str, size_bytes: int) -> Span:
    if begin == "":
        return max(size_bytes - int(end), 0), size_bytes - 1
    return int(begin), min(int(end or size_bytes), size_bytes - 1)


def byteranges(
    spans: Sequence[Span], size_bytes: int, content_type: str, boundary: str, read: Callable[[int, int], bytes]
) -> Iterator[bytes]:
    """Several ranges as the body of a multipart/byteranges answer; `read` takes offset and length.

    Source: RFC 9110 §14.6
    """
    for first, last in spans:
        told = f"Content-Type: {content_type}\r\nContent-Range: {content_range(first, last, size_bytes)}"
        yield f"--{boundary}\r\n{told}\r\n\r\n".encode()
        yield read(first, last - first + 1)
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def content_range(first: int, last: int, size_bytes: int) -> str:
    """The Content-Range header of a 206 answer."""
    return f"bytes {first}-{last}/{size_bytes}"


def unsatisfied(size_bytes: int) -> str:
    """The Content-Range header of a 416 answer."""
    return f"bytes */{size_bytes}"


def entity_tag(etag: str) -> str:
    """A tag in the quotes that HTTP wants, once."""
    return '"' + etag.strip('"') + '"'


def none_match(header: str | None, etag: str) -> bool:
    """Whether If-None-Match lets the answer be sent; False means 304."""
    if header is None:
        return True
    return header.strip() != "*" and etag.strip('"') not in ENTITY_TAG.findall(header)


def unmodified(header: str | None, last_modified: datetime) -> bool:
    """Whether If-Modified-Since says that the client has this already. Source: RFC 9110 §13.1.3"""
    try:
        return header is not None and last_modified.replace(microsecond=0) <= parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return False


def range_applies(if_range: str | None, etag: str, last_modified: datetime | None) -> bool:
    """Whether If-Range lets a range be answered; False means the whole. Weak tags never do.

    Source: RFC 9110 §13.1.5
    """
    if if_range is None:
        return True
    text = if_range.strip()
    if text.startswith(('"', "W/")):
        return text == entity_tag(etag)
    try:
        return last_modified is not None and parsedate_to_datetime(text) == last_modified.replace(microsecond=0)
    except (TypeError, ValueError):
        return False


def http_date(moment: datetime) -> str:
    """A Last-Modified header. `moment` is aware, in UTC."""
    return format_datetime(moment, usegmt=True)
