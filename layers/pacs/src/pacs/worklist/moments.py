"""Date-times (DT) as the worklist compares them. Without an offset they are in UTC.

Source: PS3.5 §6.2, PS3.4 §C.2.2.2.5
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone

from pacs.errors import BadRequest

MOMENT = (
    r"\d{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)"
    r"(?:\.\d{1,6})?)?)?)?)?)?(?:[+-](?:0\d|1[0-4])[0-5]\d)?"
)
ONE = re.compile(MOMENT, re.ASCII)
RANGE = re.compile(f"({MOMENT})?-({MOMENT})?", re.ASCII)
OFFSET = re.compile(r"[+-]\d{4}$", re.ASCII)


def bounds(text: str, field: str) -> tuple[datetime, datetime]:
    """The first and the last moment of a date-time, which may end after any of its parts. Raises BadRequest."""
    if not ONE.fullmatch(text):
        raise BadRequest("the value must be a date-time YYYYMMDDHHMMSS.FFFFFF&ZZXX", field=field)
    found = OFFSET.search(text)
    digits = (text[: found.start()] if found else text).replace(".", "")
    year, month = int(digits[:4]), digits[4:6]
    try:
        last_month = int(month or 12)
        last = f"{year:04}{last_month:02}{calendar.monthrange(year, last_month)[1]}235959999999"
        first = f"{year:04}0101000000000000"
        zone = offset(found[0]) if found else UTC
        # A leap second counts as the one before it.
        return at(digits + first[len(digits) :], zone), at(digits + last[len(digits) :], zone)
    except (ValueError, OverflowError) as error:
        raise BadRequest("the value is no date of the calendar", field=field) from error


def at(digits: str, zone: timezone) -> datetime:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), min(int(digits[12:14]), 59)
    return datetime(year, month, day, hour, minute, second, int(digits[14:20]), zone).astimezone(UTC)


def offset(text: str) -> timezone:
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))


def span(text: str, field: str) -> tuple[datetime | None, datetime | None]:
    """The first and the last moment that a query value matches; None is open. Raises BadRequest."""
    text = text.strip().replace(" ", "+")  # which is how a plus arrives that a client did not encode
    if ONE.fullmatch(text):
        return bounds(text, field)
    found = RANGE.fullmatch(text)
    if not found or not any(found.groups()):
        raise BadRequest("the value must be a date-time, or a range of two joined by a hyphen", field=field)
    first, last = found.groups()
    return (bounds(first, field)[0] if first else None, bounds(last, field)[1] if last else None)


def stamp(moment: datetime) -> str:
    """A moment as DT in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")
