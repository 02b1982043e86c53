"""How well did each provider answer on the last thirty days? Called by functions/ai."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.health import HealthCheck
from pacs.ai.health_runs import results
from pacs.ai.providers import ORCHESTRATOR, PROVIDERS
from pacs.people.scope import Scope
from pacs.portal.ai_usage import uuid_of
from pacs.portal.language import marked
from pacs.ports import Database, Rows, Services

DAYS, MOST_FAILURES = 30, 30
OWN = "organization_id = cast(:organization_id as uuid)"
BY_DAY = text(
    "select provider, cast(cast(checked_at at time zone :zone as date) as text) as day, count(*) as checks,"  # noqa: S608
    " count(*) filter (where failure <> '') as failed,"
    " avg(latency_ms) filter (where failure = '') as latency_ms, sum(cost) as cost"
    f" from ai_health_checks where {OWN} and checked_at >= :since group by 1, 2"
)
FAILURES = text(
    "select provider, model, kind, checked_at, failure, latency_ms from ai_health_checks"  # noqa: S608
    f" where {OWN} and checked_at >= :since and failure <> '' order by checked_at desc, id desc limit :most"
)
STATES = {"ok": marked("answered"), "failed": marked("failed"), "none": marked("not asked")}
KINDS = {"text": marked("Text"), "image": marked("Image")}


@dataclass(frozen=True)
class Day:
    """One day of a provider: `ok`, `failed` or `none`, and how long it took where it answered."""

    day: date
    state: str
    latency_ms: int | None = None


@dataclass(frozen=True)
class Line:
    """A provider's thirty days, the last one today."""

    name: str
    label: str
    colour: int
    days: list[Day]

    @property
    def values(self) -> list[int | None]:
        return [each.latency_ms for each in self.days]

    @property
    def drawn(self) -> dict[str, Any]:
        return {"colour": self.colour, "values": self.values}

    @property
    def answered(self) -> int:
        return sum(each.state == "ok" for each in self.days)

    @property
    def asked(self) -> int:
        return sum(each.state != "none" for each in self.days)


@dataclass(frozen=True)
class RunSeen:
    """A run as far as it is. Who would answer is its last row, and of the orchestrator."""

    id: str
    rows: Sequence[HealthCheck]
    ended: bool


def days_until(now: datetime, zone: ZoneInfo) -> list[date]:
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def read_days(database: Database, scope: Scope, days: Sequence[date], zone: ZoneInfo) -> list[Line]:
    """Every provider that was asked on one of these days, in the order of PROVIDERS."""
    values = {"organization_id": scope.organization_id, "zone": zone.key, "since": beginning(days, zone)}
    found = {(row["provider"], row["day"]): row for row in database.fetch(BY_DAY, values)}
    asked = {provider for provider, _ in found}
    return [
        Line(name, each.label, colour, [day_of(day, found.get((name, day.isoformat()))) for day in days])
        for colour, (name, each) in enumerate(PROVIDERS.items(), start=1)
        if name in asked
    ]


def day_of(day: date, row: Mapping[str, Any] | None) -> Day:
    if row is None:
        return Day(day, "none")
    latency = None if row["latency_ms"] is None else round(row["latency_ms"])
    return Day(day, "failed" if row["failed"] else "ok", latency)


def beginning(days: Sequence[date], zone: ZoneInfo) -> datetime:
    return datetime.combine(days[0], time(), zone)


def list_failures(database: Database, scope: Scope, days: Sequence[date], zone: ZoneInfo) -> Rows:
    """The latest first."""
    values = {"organization_id": scope.organization_id, "since": beginning(days, zone), "most": MOST_FAILURES}
    return database.fetch(FAILURES, values)


def run_of(services: Services, scope: Scope, run_id: str) -> RunSeen:
    """How far a run is. Raises BadRequest for what is no identifier."""
    rows = results(services, scope, uuid_of(run_id, "run"))
    return RunSeen(run_id, rows, ended=any(each.provider == ORCHESTRATOR for each in rows))
