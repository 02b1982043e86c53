"""What an administrator sees: the audit and the settings. Called by functions/pages."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.ports import Database, Rows
from pacs.settings import Settings

AUDIT_PAGE, AUDIT_EXPORT = 100, 10_000
COLUMNS = (
    "at",
    "member",
    "role",
    "source_ip",
    "action",
    "event_id",
    "event_type",
    "outcome",
    "subject",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "number_of_instances",
)
AUDIT = (
    "select a.id, a.at, coalesce(m.email, a.member_id) as member, a.role, a.source_ip, a.action, a.event_id,"
    " a.event_type, a.outcome, a.subject, a.study_instance_uid, a.series_instance_uid, a.sop_instance_uid,"
    " a.number_of_instances from audit a left join organization_members m on cast(m.id as text) = a.member_id"
    " where a.organization_id = cast(:organization_id as uuid)"
)
# Of these only whether they are set is shown: they say how to come in.
SECRET = (
    "database_dsn",
    "signing_secret_arn",
    "database_secret_arn",
    "oidc_client_secret",
    "speech_key",
    "language_key",
)
# Spreadsheets take what begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class AuditFilters:
    """What somebody looks for in the audit; `before` is the number of the last row of the page before."""

    member: str = ""
    action: str = ""
    study: str = ""
    since: str = ""
    until: str = ""
    before: int = 0

    @property
    def address(self) -> str:
        shown = {name: value for name, value in self.__dict__.items() if value and name != "before"}
        return urlencode(shown)


def search_audit(database: Database, scope: Scope, filters: AuditFilters, zone: ZoneInfo, *, limit: int) -> Rows:
    """Rows of the audit of the scope's organization, the newest first. Raises BadRequest for what is no date."""
    parameters: dict[str, Any] = {"organization_id": scope.organization_id, "limit": limit}
    conditions = []
    if filters.member:
        conditions.append("(m.email ilike :member or a.member_id = :member_id)")
        escaped = filters.member.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        parameters |= {"member": f"%{escaped}%", "member_id": filters.member}
    for name, column in (("action", "a.action"), ("study", "a.study_instance_uid")):
        if value := getattr(filters, name):
            conditions.append(f"{column} = :{name}")
            parameters[name] = value
    if filters.since:
        conditions.append("a.at >= :since")
        parameters["since"] = midnight(filters.since, zone, "since")
    if filters.until:
        conditions.append("a.at < :until")
        parameters["until"] = midnight(filters.until, zone, "until") + timedelta(days=1)
    if filters.before:
        conditions.append("a.id < :before")
        parameters["before"] = filters.before
    statement = " and ".join([AUDIT, *conditions]) + " order by a.id desc limit :limit"
    return database.fetch(text(statement), parameters)


def midnight(day: str, zone: ZoneInfo, field: str) -> datetime:
    try:
        return datetime.combine(datetime.strptime(day, "%Y-%m-%d").date(), time(), zone)
    except ValueError as error:
        raise BadRequest(f"{field} is no date", field=field) from error


def audit_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the audit as CSV, in UTF-8 with the mark by which spreadsheets know it. Source: RFC 4180"""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(row[name]) for name in COLUMNS] for row in rows)
    return "\ufeff" + written.getvalue()


def harmless(value: Any) -> str:
    """A cell that no spreadsheet calculates with."""
    shown = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def shown_settings(settings: Settings) -> list[dict[str, str]]:
    """Every setting with its value; of what is secret only whether it is set."""
    return [
        {
            "name": f"PACS_{each.name.upper()}",
            "value": ("•••" if value else "") if each.name in SECRET else value,
            "unit": each.metadata["unit"],
            "help": each.metadata["help"],
        }
        for each in fields(settings)
        for value in (str(getattr(settings, each.name)),)
    ]
