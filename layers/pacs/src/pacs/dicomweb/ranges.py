"""Which bytes of a representation does a client want, and does it have them already?

Called by functions/dicomweb and functions/frames for instances, bulk data and video.

Source: RFC 9110 §13.1.2, §14
"""

import re
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from pacs.errors import RangeNotSatisfiable

SINGLE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)
ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks for, both inclusive; None: the whole representation.

    A header that is malformed or names several ranges is ignored, as the RFC allows.
    Raises RangeNotSatisfiable when nothing of the range exists; the answer carries `unsatisfied(size_bytes)`.
    """
    found = SINGLE_RANGE.fullmatch(header or "")
    if not found or found.groups() == ("", ""):
        return None
    begin, end = found.groups()
    if begin == "":
        first, last = max(size_bytes - int(end), 0), size_bytes - 1
    else:
        first, last = int(begin), min(int(end or size_bytes), size_bytes - 1)
        if end and int(end) < int(begin):
            return None
    if first > last:
        raise RangeNotSatisfiable(f"the representation has {size_bytes} bytes", field="Range")
    return first, last


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


def range_applies(if_range: str | None, etag: str, last_modified: datetime) -> bool:
    """Whether If-Range lets a range be answered; False means the whole. Weak tags never do.

    Source: RFC 9110 §13.1.5
    """
    if if_range is None:
        return True
    text = if_range.strip()
    if text.startswith(('"', "W/")):
        return text == entity_tag(etag)
    try:
        return parsedate_to_datetime(text) == last_modified.replace(microsecond=0)
    except (TypeError, ValueError):
        return False


def http_date(moment: datetime) -> str:
    """A Last-Modified header. `moment` is aware, in UTC."""
    return format_datetime(moment, usegmt=True)
