"""A study as those who work on it see it: who the patient is, how far the work is, and whether time is running out.

Called by functions and by reading.worklist, which makes lists of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reading import turnaround
from pacs.reading.naming import code_of
from pacs.reading.states import OPEN

Clock = Literal["ok", "soon", "late", "done"]
SOON = 0.75  # of the time is gone
PATIENT: dict[str, str] = {
    "patient_name": "00100010",
    "patient_id": "00100020",
    "issuer_of_patient_id": "00100021",
    "patient_birth_date": "00100030",
    "patient_sex": "00100040",
    "patient_age": "00101010",
    "accession_number": "00080050",
    "referring_physician_name": "00080090",
}
STUDY: dict[str, str] = {
    "study_date": "00080020",
    "study_time": "00080030",
    "study_description": "00081030",
    "institution_name": "00080080",
}
COLUMNS = (
    "s.code, s.study_instance_uid, s.dicom, s.modalities_in_study, s.number_of_series, s.number_of_instances,"
    " s.size_bytes, cast(s.branch_id as text) as branch_id, b.code as branch, s.state, s.urgent,"
    f" s.created_at as received_at, {turnaround.DUE} as due_at,"
    " cast(s.assigned_member_id as text) as assigned_member_id, am.name as assigned_member,"
    " cast(s.assigned_pool_id as text) as assigned_pool_id, ap.name as assigned_pool,"
    " cast(s.claimed_by as text) as claimed_by_id, cm.name as claimed_by, s.claimed_at,"
    " cast(s.reading_by as text) as reading_by_id, rm.name as reading_by, s.reading_until"
)
FROM = (
    "studies s left join branches b on b.id = s.branch_id"
    " left join organization_members am on am.id = s.assigned_member_id"
    " left join organization_members cm on cm.id = s.claimed_by"
    " left join organization_members rm on rm.id = s.reading_by"
    f" left join reader_pools ap on ap.id = s.assigned_pool_id{turnaround.JOIN}"
)
HISTORY = (
    "select h.at, h.member_id, coalesce(m.name, '') as member, h.deed, h.state_before, h.state_after, h.subject"
    " from studies s join study_history h on h.organization_id = s.organization_id"
    " and h.study_instance_uid = s.study_instance_uid left join organization_members m"
    " on cast(m.id as text) = h.member_id where "
)


def find_study(services: Services, scope: Scope, code: str) -> dict[str, Any]:
    """One study by its code, or by its Study Instance UID. Raises NotFound."""
    parameters: dict[str, Any] = {"code": code_of(code)}
    conditions = [*scope_conditions(scope, parameters), named(code)]
    statement = f"select {COLUMNS} from {FROM} where {' and '.join(conditions)}"  # noqa: S608 - our own words
    rows = services.database.fetch(text(statement), parameters)
    if not rows:
        raise NotFound("no such study", field="code")
    return study_of(rows[0], scope, services.clock.now())


def study_history(services: Services, scope: Scope, code: str) -> list[dict[str, Any]]:
    """What was done with a study, the first thing first. Raises NotFound."""
    find_study(services, scope, code)
    parameters: dict[str, Any] = {"code": code_of(code)}
    conditions = [*scope_conditions(scope, parameters), named(code)]
    statement = f"{HISTORY}{' and '.join(conditions)} order by h.id"
    return [{**row, "at": row["at"].isoformat()} for row in services.database.fetch(text(statement), parameters)]


def named(code: str) -> str:
    """Whom a path means: UIDs have dots, and codes have none."""
    return "s.study_instance_uid = :code" if "." in code else "s.code = :code"


def study_of(row: Mapping[str, Any], scope: Scope, now: datetime) -> dict[str, Any]:
    """A row of COLUMNS as it is answered; with privacy, without who the patient is."""
    shown = STUDY if scope.privacy else PATIENT | STUDY
    told = {name: first_value(row["dicom"], tag) for name, tag in shown.items()}
    same = ("study_instance_uid", "number_of_series", "number_of_instances", "size_bytes", "branch_id", "branch")
    being_read = row["reading_until"] is not None and row["reading_until"] > now
    return {
        "id": row["code"],
        "code": row["code"],
        **{name: row[name] for name in same},
        **told,
        "modalities": [each for each in row["modalities_in_study"].split("\\") if each],
        "state": row["state"],
        "urgent": row["urgent"],
        "received_at": row["received_at"].isoformat(),
        "due_at": row["due_at"].isoformat(),
        "clock": clock(row, now),
        "assigned_to": person(row, "assigned_member_id", "assigned_member"),
        "pool": person(row, "assigned_pool_id", "assigned_pool"),
        "claimed_by": person(row, "claimed_by_id", "claimed_by"),
        "claimed_at": row["claimed_at"].isoformat() if row["claimed_at"] else None,
        "being_read_by": person(row, "reading_by_id", "reading_by") if being_read else None,
    }


def clock(row: Mapping[str, Any], now: datetime) -> Clock:
    """The colour of a study's clock."""
    if row["state"] not in OPEN:
        return "done"
    if now >= row["due_at"]:
        return "late"
    whole = (row["due_at"] - row["received_at"]).total_seconds()
    return "soon" if (now - row["received_at"]).total_seconds() >= SOON * whole else "ok"


def person(row: Mapping[str, Any], key: str, name: str) -> dict[str, str] | None:
    return {"id": row[key], "name": row[name] or ""} if row[key] else None


def first_value(dicom: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute as text, names as people write them in DICOM (family^given)."""
    value = (dicom.get(tag, {}).get("Value") or [""])[0]
    if isinstance(value, dict):
        value = value.get("Alphabetic") or value.get("Ideographic") or ""
    return "" if value is None else str(value)
