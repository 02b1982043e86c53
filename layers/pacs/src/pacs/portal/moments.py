"""Which moment do people mean who fill in a date, or a date with a time? Asked by functions/pages."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pacs.errors import BadRequest


def moment_of(text: str, field: str, zone: ZoneInfo) -> datetime | None:
    """What a field for date and time holds, on the clocks of a zone. Raises BadRequest, naming the field."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadRequest("this is no date with a time", field=field) from error
    return moment.replace(tzinfo=zone) if moment else None


def end_of(day: str, field: str, zone: ZoneInfo) -> datetime | None:
    """The end of a day; none when none was chosen. Raises BadRequest, naming the field."""
    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError as error:
        raise BadRequest("this is no date", field=field) from error
    return datetime.combine(chosen + timedelta(days=1), time(), zone) if chosen else None
