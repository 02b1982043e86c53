"""How is the work going? What was signed day by day and month by month, and how the branches stand.

Every figure is of what the scope sees. Called by functions/pages.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.people.scope import Scope
from pacs.portal.figures import DAYS
from pacs.ports import Database
from pacs.reading.states import OPEN
from pacs.reading.wanted import late

MONTHS = 12
SIGNED = (
    "signatures g join reports r on r.id = g.report_id join studies s using (organization_id, study_instance_uid)"
    " left join branches b on b.id = s.branch_id"
)
NO_BRANCH = "—"


@dataclass(frozen=True)
class Series:
    """Numbers of days or months, the last one that of now."""

    days: list[date]
    values: list[int]

    @property
    def last(self) -> int:
        return self.values[-1]


@dataclass(frozen=True)
class BranchFigures:
    """How a branch stands: today's arrivals and signed reports, what waits, and what is late."""

    name: str
    received: int
    signed: int
    waiting: int
    late: int


def signed_by_day(database: Database, scope: Scope, now: datetime, zone: ZoneInfo, *, member_id: str = "") -> Series:
    """Signatures of the last fourteen days; those of one member if one is named."""
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    return Series(days, counted(database, scope, "day", days, zone, member_id))


def signed_by_month(database: Database, scope: Scope, now: datetime, zone: ZoneInfo) -> Series:
    """Signatures of the last twelve months."""
    today = now.astimezone(zone).date()
    whole = [today.year * 12 + today.month - 1 - back for back in reversed(range(MONTHS))]
    months = [date(each // 12, each % 12 + 1, 1) for each in whole]
    return Series(months, counted(database, scope, "month", months, zone, ""))


def counted(database: Database, scope: Scope, unit: str, days: list[date], zone: ZoneInfo, member_id: str) -> list[int]:
    """How many signatures there are in each of these days, or months that begin with them."""
    parameters: dict[str, Any] = {"since": beginning(days[0], zone), "zone": zone.key, "unit": unit}
    where = [*scope_conditions(scope, parameters), "g.at >= :since"]
    if member_id:
        where.append("g.member_id = cast(:member_id as uuid)")
        parameters["member_id"] = member_id
    statement = (
        "select cast(date_trunc(:unit, g.at at time zone :zone) as date) as day, count(*) as count"  # noqa: S608
        f" from {SIGNED} where {' and '.join(where)} group by 1"
    )
    rows = database.fetch(text(statement), parameters)
    found = {date.fromisoformat(str(row["day"])): row["count"] for row in rows}
    return [found.get(day, 0) for day in days]


def signed_by_branch(database: Database, scope: Scope, since: datetime) -> dict[str, int]:
    """Signatures since a moment, by the names of branches."""
    parameters: dict[str, Any] = {"since": since, "none": NO_BRANCH}
    where = " and ".join([*scope_conditions(scope, parameters), "g.at >= :since"])
    statement = f"select coalesce(b.name, :none) as name, count(*) as count from {SIGNED} where {where} group by 1"  # noqa: S608
    return {row["name"]: row["count"] for row in database.fetch(text(f"{statement} order by 1"), parameters)}


def branch_figures(database: Database, scope: Scope, now: datetime, zone: ZoneInfo) -> list[BranchFigures]:
    """The branches by name, as they stand today."""
    since = beginning(now.astimezone(zone).date(), zone)
    parameters: dict[str, Any] = {"since": since, "now": now, "none": NO_BRANCH, "open": list(OPEN)}
    where = [*scope_conditions(scope, parameters), "(s.created_at >= :since or s.state = any(:open))"]
    statement = (
        "select coalesce(b.name, :none) as name, count(*) filter (where s.created_at >= :since) as received,"  # noqa: S608
        f" count(*) filter (where s.state = any(:open)) as waiting, count(*) filter (where {late(':now')}) as late"
        f" from studies s left join branches b on b.id = s.branch_id where {' and '.join(where)} group by 1"
    )
    signed = signed_by_branch(database, scope, since)
    standing = {row["name"]: row for row in database.fetch(text(statement), parameters)}
    none = {"received": 0, "waiting": 0, "late": 0}
    return [
        BranchFigures(name, row["received"], signed.get(name, 0), row["waiting"], row["late"])
        for name in sorted({*standing, *signed})
        for row in [standing.get(name, none)]
    ]


def failed_uploads(database: Database, scope: Scope, since: datetime) -> int:
    """How many of one's own uploads since a moment were not taken, or not wholly."""
    rows = database.fetch(
        text(
            "select count(*) as count from uploads where organization_id = cast(:organization_id as uuid)"
            " and member_id = :member_id and created_at >= :since and (state = 'failed' or refused > 0)"
        ),
        {"organization_id": scope.organization_id, "member_id": scope.member_id, "since": since},
    )
    return int(rows[0]["count"])


def beginning(day: date, zone: ZoneInfo) -> datetime:
    """Midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
