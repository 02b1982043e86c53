"""How do people read a statement of credits? Its months, its sums, and as a file. Called by functions/pages.

Months begin at midnight UTC, as those of the ledger do.
"""

import calendar
import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pacs.errors import BadRequest
from pacs.portal.administration import harmless
from pacs.portal.work_figures import MONTHS, Series

MONTH = re.compile(r"(\d{4})-(\d{2})")
COLUMNS = ("moved_at", "kind", "credits", "available", "member", "job_id", "reason")
Rows = Sequence[Mapping[str, Any]]


def month_named(name: str, now: datetime) -> date:
    """The first day of a month that is named as YYYY-MM, or of the one that is now. Raises BadRequest."""
    if not name:
        return now.astimezone(UTC).date().replace(day=1)
    found = MONTH.fullmatch(name)
    try:
        return date(int(found[1]), int(found[2]), 1) if found else date.fromisoformat(name)
    except ValueError as error:
        raise BadRequest("a month is given as YYYY-MM", field="month") from error


def months_until(now: datetime) -> list[date]:
    """The last twelve months, that of now first."""
    today = now.astimezone(UTC).date()
    whole = [today.year * 12 + today.month - 1 - back for back in range(MONTHS)]
    return [date(each // 12, each % 12 + 1, 1) for each in whole]


def readable(rows: Rows) -> list[dict[str, Any]]:
    """The moves, the last one first, with their moments and with signs: what makes the available credits fewer."""
    fewer = ("adjustment", "hold")
    shown = [
        {
            **row,
            "moved_at": datetime.fromisoformat(row["moved_at"]),
            "change": 0 if row["kind"] == "capture" else -row["credits"] if row["kind"] in fewer else row["credits"],
        }
        for row in rows
    ]
    return shown[::-1]


def sums_of(rows: Rows) -> dict[str, int]:
    """How many credits of each kind were moved."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["kind"]] = sums.get(row["kind"], 0) + row["credits"]
    return sums


def used_by_day(rows: Rows, month: date) -> Series:
    """Credits that reports used, day by day."""
    days = [month.replace(day=each) for each in range(1, calendar.monthrange(month.year, month.month)[1] + 1)]
    used = dict.fromkeys(days, 0)
    for row in rows:
        if row["kind"] == "capture":
            used[datetime.fromisoformat(row["moved_at"]).astimezone(UTC).date()] += row["credits"]
    return Series(days, list(used.values()))


def statement_csv(rows: Rows) -> str:
    """A statement as CSV, in UTF-8 with the mark by which spreadsheets know it. Source: RFC 4180"""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(row[name]) for name in COLUMNS] for row in rows)
    return "\ufeff" + written.getvalue()
