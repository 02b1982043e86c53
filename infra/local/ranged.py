"""One range of an object, or all of it. Asked for what the edge sends out of stores. Source: RFC 9110 §14.2"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.proxy_event import Answer, Files, Headers
from pacs.errors import RangeNotSatisfiable

RANGE = re.compile(r"bytes=(\d*)-(\d*)")

Stretches = Callable[[int, int], Sequence[tuple[Path, int, int]]]  # of an offset and a length


def ranged(asked: str, stretches: Stretches, size_bytes: int, headers: Headers) -> Answer:
    """The whole object, or the one range of it that is asked for. Raises RangeNotSatisfiable.

    Source: RFC 9110 §14.2.
    """
    found = RANGE.fullmatch(asked)
    if not found or not any(found.groups()):
        return Answer(200, headers, Files(tuple(stretches(0, size_bytes))))
    first, last = found.groups()
    start = int(first) if first else max(0, size_bytes - int(last))
    end = min(int(last) if first and last else size_bytes - 1, size_bytes - 1)
    if start > end:
        raise RangeNotSatisfiable("the object ends before this range")
    told = f"bytes {start}-{end}/{size_bytes}".encode()
    return Answer(206, [*headers, (b"content-range", told)], Files(tuple(stretches(start, end - start + 1))))
