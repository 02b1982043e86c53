"""Reports as those see them who wait for them: the verified ones, and which of them one has not opened yet.

Called by functions/pages and the dashboards.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from pacs.archive.search import like_escape, scope_conditions
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.portal.worklist import person_name
from pacs.ports import Services
from pacs.reading.studies import first_value
from pacs.reading.wanted import read_wanted, word_condition

PAGE_SIZE = 50
NEW_FOR = timedelta(days=30)
COUNTED = 1000
VERIFIED = "r.state in ('final', 'addendum')"
FROM = (
    "reports r join studies s using (organization_id, study_instance_uid) left join branches b on b.id = s.branch_id"
    " join report_versions v on v.report_id = r.id and v.number = r.version"
)
COLUMNS = (
    "cast(r.id as text) as id, s.code, s.study_instance_uid, s.dicom, s.modalities_in_study, s.urgent,"
    " coalesce(b.name, '') as branch, r.state, v.author, r.updated_at"
)
# Not opened by this member since it was signed, as the audit tells; what is older than a month is not new.
UNREAD = (
    "(r.updated_at > :since and not exists (select from audit a where a.organization_id = r.organization_id"
    " and a.member_id = :me and a.action = 'read-report'"
    " and a.subject in (cast(r.id as text), cast(r.id as text) || ': pdf') and a.at >= r.updated_at))"
)


@dataclass(frozen=True)
class ReportRow:
    """A verified report in a list; `new`: the one who looks has not opened it."""

    id: str
    code: str
    patient: str
    patient_id: str
    modalities: str
    description: str
    study_date: str
    branch: str
    urgent: bool
    author: str
    state: str
    at: datetime
    new: bool


@dataclass(frozen=True)
class ReportPage:
    rows: list[ReportRow]
    before: str  # asks for the next page; empty: this is the last one


def list_verified(
    services: Services, scope: Scope, *, words: str = "", only_new: bool = False, before: str = ""
) -> ReportPage:
    """Verified reports of what the scope sees, those signed last first. Raises BadRequest."""
    parameters = own(services, scope) | {"limit": PAGE_SIZE + 1}
    where = [*scope_conditions(scope, parameters), VERIFIED]
    for number, each in enumerate(read_wanted({"q": [words]}).words):
        parameters |= {f"q{number}": f"%{like_escape(each)}%", f"c{number}": f"{like_escape(each.upper())}%"}
        where.append(word_condition(f":q{number}", f":c{number}"))
    if only_new:
        where.append(UNREAD)
    if before:
        where.append("r.updated_at < :before")
        parameters["before"] = moment(before)
    statement = (
        f"select {COLUMNS}, {UNREAD} as new from {FROM} where {' and '.join(where)}"  # noqa: S608 - our own words
        " order by r.updated_at desc, r.id limit :limit"
    )
    rows = services.database.fetch(text(statement), parameters)
    more = len(rows) > PAGE_SIZE
    return ReportPage(
        [row_of(row) for row in rows[:PAGE_SIZE]], rows[PAGE_SIZE - 1]["updated_at"].isoformat() if more else ""
    )


def count_new(services: Services, scope: Scope) -> int:
    """How many verified reports somebody has not opened; 1000: as many or more."""
    parameters = own(services, scope)
    where = " and ".join([*scope_conditions(scope, parameters), VERIFIED, UNREAD])
    statement = (
        f"select count(*) as count from (select from reports r join studies s"  # noqa: S608 - our own words
        f" using (organization_id, study_instance_uid) where {where} limit {COUNTED}) x"
    )
    return int(services.database.fetch(text(statement), parameters)[0]["count"])


def verified_of(services: Services, scope: Scope, studies: list[str]) -> dict[str, str]:
    """The verified reports of these studies: the identifier of each one's newest."""
    if not studies:
        return {}
    parameters: dict[str, Any] = {"wanted": studies}
    where = " and ".join([*scope_conditions(scope, parameters), VERIFIED, "s.study_instance_uid = any(:wanted)"])
    found = f"select s.study_instance_uid as study, cast(r.id as text) as id from {FROM} where {where}"  # noqa: S608
    rows = services.database.fetch(text(f"{found} order by r.updated_at"), parameters)
    return {row["study"]: row["id"] for row in rows}


def own(services: Services, scope: Scope) -> dict[str, Any]:
    return {"me": scope.member_id, "since": services.clock.now() - NEW_FOR}


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("before is a moment", field="before") from error
    if found.tzinfo is None:
        raise BadRequest("before is a moment with its zone", field="before")
    return found


def row_of(row: Any) -> ReportRow:
    dicom = row["dicom"]
    return ReportRow(
        id=row["id"],
        code=row["code"],
        patient=person_name(first_value(dicom, "00100010")),
        patient_id=first_value(dicom, "00100020"),
        modalities=", ".join(each for each in row["modalities_in_study"].split("\\") if each),
        description=first_value(dicom, "00081030"),
        study_date=first_value(dicom, "00080020"),
        branch=row["branch"],
        urgent=row["urgent"],
        author=row["author"],
        state=row["state"],
        at=row["updated_at"],
        new=row["new"],
    )
