"""Date-times and ranges of them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.errors import BadRequest
from pacs.worklist.moments import bounds, span, stamp


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("20260501093000", "2026-05-01 09:30:00", "2026-05-01 09:30:00.999999"),
        ("20260501093000.5+0300", "2026-05-01 06:30:00.5", "2026-05-01 06:30:00.599999"),
        ("202602", "2026-02-01", "2026-02-28 23:59:59.999999"),
        ("2024-0500", "2024-01-01 05:00", "2025-01-01 04:59:59.999999"),
        ("20161231235960", "2016-12-31 23:59:59", "2016-12-31 23:59:59.999999"),
    ],
)
def test_a_date_time_ends_after_any_part(text: str, first: str, last: str) -> None:
    expected = tuple(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (first, last))
    assert bounds(text, "X") == expected


@pytest.mark.parametrize("text", ["", "2", "20260230", "20261301", "20260501+1500", "tomorrow", "0000", "2026-05-01"])
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        bounds(text, "X")
    assert refused.value.field == "X"


def test_ranges_are_open_where_nothing_stands() -> None:
    assert span("20260501-", "X") == (datetime(2026, 5, 1, tzinfo=UTC), None)
    assert span("-20260501", "X") == (None, datetime(2026, 5, 1, 23, 59, 59, 999999, tzinfo=UTC))
    assert span("20260501-20260502", "X")[1] == datetime(2026, 5, 2, 23, 59, 59, 999999, tzinfo=UTC)
    first, last = span("20260501 0300-20260502 0300", "X")
    assert (first, last) == (bounds("20260501+0300", "X")[0], bounds("20260502+0300", "X")[1])
    with pytest.raises(BadRequest):
        span("-", "X")


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_stamp_is_its_own_only_moment(moment: datetime) -> None:
    assert bounds(stamp(moment), "X") == (moment, moment)


@given(st.text(max_size=30))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    try:
        first, last = span(text, "X")
    except BadRequest:
        return
    assert first is not None or last is not None
