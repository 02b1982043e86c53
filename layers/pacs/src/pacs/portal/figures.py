"""What happened today, and what waits: the numbers on the dashboards. Every one is of what the scope sees."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.people.scope import Scope
from pacs.ports import Database, Services

DAYS = 14
QUEUES = ("index", "derive", "log", "ai")
ARRIVED = "arrivals a join studies s using (organization_id, study_instance_uid)"


@dataclass(frozen=True)
class Received:
    """What came in: since midnight, and day by day."""

    studies: int
    instances: int
    size_bytes: int
    days: list[date]
    studies_by_day: list[int]
    instances_by_day: list[int]


@dataclass(frozen=True)
class Waiting:
    queue: str
    waiting: int
    in_flight: int
    dead: int


def received(database: Database, scope: Scope, now: datetime, zone: ZoneInfo) -> Received:
    """What was received in the last fourteen days, today last; days begin at midnight of the zone."""
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=zone)
    parameters: dict[str, Any] = {"since": since, "zone": zone.key}
    conditions = " and ".join([*scope_conditions(scope, parameters), "a.at >= :since"])
    rows = database.fetch(
        text(
            "select cast(a.at at time zone :zone as date) as day, count(*) as instances,"  # noqa: S608 - our conditions
            " count(distinct a.study_instance_uid) as studies, cast(sum(a.size_bytes) as bigint) as size_bytes"
            f" from {ARRIVED} where {conditions} group by 1"
        ),
        parameters,
    )
    found = {date.fromisoformat(str(row["day"])): row for row in rows}
    none = {"studies": 0, "instances": 0, "size_bytes": 0}
    by_day = [found.get(day, none) for day in days]
    return Received(
        **{name: by_day[-1][name] for name in none},
        days=days,
        studies_by_day=[each["studies"] for each in by_day],
        instances_by_day=[each["instances"] for each in by_day],
    )


def held(database: Database, scope: Scope) -> dict[str, int]:
    """`studies`, `instances` and `size_bytes` of all that the scope sees."""
    parameters: dict[str, Any] = {}
    conditions = " and ".join(scope_conditions(scope, parameters))
    statement = (
        "select count(*) as studies, cast(coalesce(sum(s.number_of_instances), 0) as bigint) as instances,"  # noqa: S608
        f" cast(coalesce(sum(s.size_bytes), 0) as bigint) as size_bytes from studies s where {conditions}"
    )
    return dict(database.fetch(text(statement), parameters)[0])


def count_failed(database: Database, scope: Scope) -> int:
    """How many objects of the scope's organization could not be indexed or prepared."""
    rows = database.fetch(
        text("select count(*) as count from failures where organization_id = cast(:organization_id as uuid)"),
        {"organization_id": scope.organization_id},
    )
    return int(rows[0]["count"])


def waiting(services: Services) -> list[Waiting]:
    """How much each queue holds. Counts alone: a message may be another organization's."""
    depths = [(name, services.queue.depth(name)) for name in QUEUES]
    return [Waiting(name, each.waiting, each.in_flight, each.dead) for name, each in depths]
