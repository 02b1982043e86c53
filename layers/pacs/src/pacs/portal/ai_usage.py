"""What did models cost, day by day and by provider, model, report or member? And what is left of the budgets.

Every view is one statement over the calls of a period, along `ai_usage_events_by_time`: 100,000 of them take less than
a fifth of a second. Called by functions/ai.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.providers import PROVIDERS
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.portal.administration import harmless, midnight
from pacs.portal.language import marked
from pacs.ports import Database, Rows

LONGEST = timedelta(days=366)
# Longer periods are drawn by month.
MOST_DAYS, MOST_GROUPS, EXPORT = 92, 200, 10_000
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What the table may be grouped by.
GROUPS = {
    "provider": marked("Provider"),
    "model": marked("Model"),
    "member": marked("Member"),
    "report": marked("Report"),
    "purpose": marked("Purpose"),
    "day": marked("Time"),
}
# Whom the chart tells already is not asked for once more.
GROUPED = {
    "model": "e.model",
    "member": "e.member_id",
    "report": "e.job_id",
    "purpose": "e.purpose",
}
# What a group is called, where it is not by itself.
NAMES = {
    "member": (
        "coalesce(nullif(m.name, ''), m.email)",
        "left join organization_members m on m.organization_id = cast(:organization_id as uuid) and m.id = u.named",
    ),
    "report": (
        "s.code",
        "left join ai_jobs j on j.organization_id = cast(:organization_id as uuid) and j.id = u.named"
        " left join studies s on s.organization_id = j.organization_id"
        " and s.study_instance_uid = j.study_instance_uid",
    ),
}
PURPOSES = {
    "draft": marked("Pre-report"),
    "health": marked("Daily check"),
    "test": marked("Test"),
    "evaluation": marked("Evaluation"),
}
SUMS = (
    "count(*) as calls, cast(sum(tokens_in) as bigint) as tokens_in, cast(sum(tokens_out) as bigint) as tokens_out,"
    " cast(sum(tokens_cached) as bigint) as tokens_cached, cast(sum(images) as bigint) as images,"
    " sum(seconds) as seconds, coalesce(sum(cost), 0) as cost, count(*) filter (where cost is null) as unpriced"
)
COUNTED = ("calls", "tokens_in", "tokens_out", "tokens_cached", "images", "seconds", "cost", "unpriced")
COLUMNS = (
    "at",
    "purpose",
    "provider",
    "model",
    "member",
    "study_code",
    "job_id",
    "report_id",
    "outcome",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "images",
    "seconds",
    "cost_usd",
)
MEMBERS = text(
    "select cast(id as text) as id, coalesce(nullif(name, ''), email) as name from organization_members"
    " where organization_id = cast(:organization_id as uuid) order by lower(coalesce(nullif(name, ''), email)), id"
)


@dataclass(frozen=True)
class Filters:
    """Whose calls of which days are looked at. `report`: a study's code, or a pre-report's or a report's identifier."""

    since: str = ""
    until: str = ""
    provider: str = ""
    model: str = ""
    report: str = ""
    member: str = ""
    by: str = "provider"

    @property
    def address(self) -> str:
        return urlencode({name: value for name, value in self.__dict__.items() if value})

    def narrowed(self, report: str) -> str:
        """The address of the same period with one report alone."""
        return replace(self, report=report, by="model").address


@dataclass(frozen=True)
class Sums:
    """What some calls took together; `cost` is US dollars of those whose price was known, `unpriced` counts others."""

    named: str | None = None
    label: str | None = None
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    images: int = 0
    seconds: float = 0.0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def money(self) -> Decimal:
        """The cost in cents; in fractions of them where it is less than a dollar."""
        return self.cost.quantize(Decimal("0.01")) if self.cost >= 1 else self.cost


Drawn = tuple[date, str, Sums]  # of a step and a provider


@dataclass(frozen=True)
class Stack:
    """One provider's values in a chart, in whose colour they are drawn."""

    name: str
    label: str
    colour: int
    values: list[float]

    @property
    def drawn(self) -> dict[str, Any]:
        return {"colour": self.colour, "values": self.values}


@dataclass(frozen=True)
class Usage:
    """A period: its days or months with a stack of providers for each chart, its sum, and its groups, dearest first."""

    days: list[date]
    unit: str
    total: Sums
    groups: list[Sums]
    cost: list[Stack] = field(default_factory=list)
    calls: list[Stack] = field(default_factory=list)
    tokens: list[Stack] = field(default_factory=list)


def with_period(filters: Filters, now: datetime, zone: ZoneInfo) -> Filters:
    """The same with both days: this month unless others are told. Raises BadRequest."""
    today = now.astimezone(zone).date()
    until = filters.until or (today if not filters.since else max(today, day_named(filters.since, "since"))).isoformat()
    since = filters.since or day_named(until, "until").replace(day=1).isoformat()
    if filters.by not in GROUPS:
        raise BadRequest(f"groups are {', '.join(GROUPS)}", field="by")
    if not timedelta(0) <= day_named(until, "until") - day_named(since, "since") < LONGEST:
        raise BadRequest("a period ends when it began or later, and has at most 366 days", field="until")
    return replace(filters, since=since, until=until)


def day_named(day: str, field: str) -> date:
    try:
        return datetime.strptime(day, "%Y-%m-%d").date()
    except ValueError as error:
        raise BadRequest("this is no date", field=field) from error


def conditions_of(scope: Scope, filters: Filters, zone: ZoneInfo) -> tuple[str, dict[str, Any]]:
    """What calls `e` must be like, and the values of that."""
    values: dict[str, Any] = {
        "organization_id": scope.organization_id,
        "since": midnight(filters.since, zone, "since"),
        "until": midnight((day_named(filters.until, "until") + timedelta(days=1)).isoformat(), zone, "until"),
    }
    where = ["e.organization_id = cast(:organization_id as uuid)", "e.at >= :since", "e.at < :until"]
    for name in ("provider", "model"):
        if told := getattr(filters, name):
            where.append(f"e.{name} = :{name}")
            values[name] = told
    if filters.member:
        where.append("e.member_id = cast(:member as uuid)")
        values["member"] = uuid_of(filters.member, "member")
    if told := filters.report.strip():
        values["report"] = told
        if UUID.fullmatch(told.lower()):
            of_draft = "select job_id from ai_report_drafts where organization_id = cast(:organization_id as uuid)"
            where.append(
                "e.job_id = any(array(select cast(:report as uuid) union all"
                f" {of_draft} and (id = cast(:report as uuid) or report_id = cast(:report as uuid))))"
            )
        else:
            where.append(
                "e.study_instance_uid = (select study_instance_uid from studies"
                " where organization_id = cast(:organization_id as uuid) and code = :report)"
            )
    return " and ".join(where), values


def uuid_of(told: str, field: str) -> str:
    if not UUID.fullmatch(told.lower()):
        raise BadRequest("this is no identifier", field=field)
    return told


def read_usage(database: Database, scope: Scope, filters: Filters, zone: ZoneInfo) -> Usage:
    """A period that `with_period` has completed."""
    where, values = conditions_of(scope, filters, zone)
    months = day_named(filters.until, "until") - day_named(filters.since, "since") >= timedelta(days=MOST_DAYS)
    days = steps(filters, months=months)
    bounds = [datetime.combine(each, time(), zone).isoformat() for each in days]
    rows = database.fetch(text(statement_of(filters.by, where)), {**values, "bounds": bounds, "most": MOST_GROUPS})
    drawn = [(days[row["step"] - 1], row["named"], sums_of(row)) for row in rows if row["step"]]
    return Usage(
        days,
        "month" if months else "day",
        total_of([each for _, _, each in drawn]),
        groups_of(filters.by, drawn) or [sums_of(row) for row in rows if not row["step"]],
        cost=stacks(drawn, days, lambda each: float(each.cost)),
        calls=stacks(drawn, days, lambda each: each.calls),
        tokens=stacks(drawn, days, lambda each: each.tokens_in + each.tokens_out),
    )


def statement_of(by: str, where: str) -> str:
    """The sums of each step of the period and provider; and with `step` 0 those of each group, where it is another."""
    steps = "width_bucket(e.at, (select cast(:bounds as timestamptz[])))"  # read once, not for every call
    called = "u." + ", u.".join(COUNTED)
    calls = f"{SUMS} from ai_usage_events e where {where}"
    drawn = f"u as (select {steps} as step, e.provider as named, {calls} group by 1, 2)"
    statement = f"with {drawn} select u.step, u.named, null as label, {called} from u"  # noqa: S608
    if by not in GROUPED:
        return statement
    label, joined = NAMES.get(by, ("null", ""))
    grouped = (
        f"u as (select {GROUPED[by]} as named, {calls} group by 1 order by cost desc, calls desc, named limit :most)"
    )
    return (
        f"({statement}) union all (with {grouped} select 0, cast(u.named as text), {label}, {called}"  # noqa: S608
        f" from u {joined} order by u.cost desc, u.calls desc, u.named)"
    )


def groups_of(by: str, drawn: Sequence[Drawn]) -> list[Sums]:
    """The groups that the chart tells: by provider, the dearest first, or by time."""
    if by not in ("provider", "day"):
        return []
    found: dict[str, list[Sums]] = {}
    for day, provider, sums in drawn:
        found.setdefault(provider if by == "provider" else day.isoformat(), []).append(sums)
    groups = [replace(total_of(each), named=named) for named, each in found.items()]
    return sorted(groups, key=lambda each: (each.named or "") if by == "day" else (-each.cost, -each.calls, each.named))


def steps(filters: Filters, *, months: bool) -> list[date]:
    """Every day of the period, or the first of every month of it."""
    first, last = day_named(filters.since, "since"), day_named(filters.until, "until")
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    return list(dict.fromkeys(each.replace(day=1) for each in days)) if months else days


def sums_of(row: Mapping[str, Any]) -> Sums:
    return Sums(named=row["named"], label=row["label"], **{name: row[name] for name in COUNTED})


def total_of(each: Sequence[Sums]) -> Sums:
    return Sums(**{name: sum((getattr(one, name) for one in each), getattr(Sums, name)) for name in COUNTED})


def stacks(drawn: Sequence[Drawn], days: Sequence[date], value: Callable[[Sums], float]) -> list[Stack]:
    """The values of each provider that was asked, in the order of PROVIDERS."""
    found = {(provider, day): value(sums) for day, provider, sums in drawn}
    asked = {provider for provider, _ in found}
    return [
        Stack(name, each.label, colour, [found.get((name, day), 0) for day in days])
        for colour, (name, each) in enumerate(PROVIDERS.items(), start=1)
        if name in asked
    ]


def list_members(database: Database, scope: Scope) -> Rows:
    """`id` and `name` of everybody who may have asked."""
    return database.fetch(MEMBERS, {"organization_id": scope.organization_id})


def list_calls(database: Database, scope: Scope, filters: Filters, zone: ZoneInfo) -> Rows:
    """Call by call, the newest first, at most EXPORT of them."""
    where, values = conditions_of(scope, filters, zone)
    statement = (
        "select e.at, e.purpose, e.provider, e.model, coalesce(m.email, cast(e.member_id as text)) as member,"  # noqa: S608
        " s.code as study_code, cast(e.job_id as text) as job_id, cast(d.report_id as text) as report_id, e.outcome,"
        " e.tokens_in, e.tokens_cached, e.tokens_out, e.images, round(cast(e.seconds as numeric), 3) as seconds,"
        " e.cost as cost_usd from ai_usage_events e"
        " left join organization_members m on m.organization_id = e.organization_id and m.id = e.member_id"
        " left join studies s on s.organization_id = e.organization_id"
        " and s.study_instance_uid = e.study_instance_uid"
        " left join ai_report_drafts d on d.organization_id = e.organization_id and d.job_id = e.job_id"
        f" where {where} order by e.at desc, e.id desc limit :most"
    )
    return database.fetch(text(statement), {**values, "most": EXPORT})


def calls_csv(rows: Rows) -> str:
    """Calls as CSV, in UTF-8 with the mark by which spreadsheets know it. Source: RFC 4180"""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(row[name]) for name in COLUMNS] for row in rows)
    return "\ufeff" + written.getvalue()
