"""What is told of a study's patient instead of what its originals say: kept, and found again.

`find_corrections` is asked for studies that the index marks as corrected, and for no other; `write_corrections` by
whoever may correct (pacs.reading.patients). The index is changed at once; when a study is indexed again, its rows are
corrected on the way in (`incoming_instances`), under the locks that are taken here. What is indexed for the first time
under a number that was merged follows that merge (`follow_merges`), as long as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from pacs.archive.deleting import DELETE_EMPTY_PATIENT
from pacs.people.scope import Scope
from pacs.ports import Rows, Statements

if TYPE_CHECKING:
    from pacs.dicom.correcting import Correction, Deed

OF_STUDIES = "organization_id = cast(:organization_id as uuid) and study_instance_uid = any(:studies)"
IN_EFFECT = text(
    "select distinct on (study_instance_uid) study_instance_uid, attributes, at, deed from patient_corrections"  # noqa: S608
    f" where {OF_STUDIES} order by study_instance_uid, id desc"
)
# Patients before studies, each by key: the order in which the indexer locks them, too.
LOCK_PATIENTS = text(
    "select patient_key from patients where organization_id = cast(:organization_id as uuid) and patient_key in"  # noqa: S608
    f" (select patient_key from studies where {OF_STUDIES}) order by patient_key for update"
)
LOCK_STUDIES = text(
    f"select study_instance_uid, code, patient_key, dicom from studies where {OF_STUDIES}"  # noqa: S608
    " order by study_instance_uid for update"
)
ADD = text(
    "insert into patient_corrections (organization_id, study_instance_uid, deed_id, deed, at, member_id, attributes,"
    " columns) select cast(:organization_id as uuid), r.study, cast(:deed_id as uuid), :deed, :at, :member_id,"
    " r.attributes, r.columns from jsonb_to_recordset(cast(:rows as jsonb)) as r(study text, attributes jsonb,"
    " columns jsonb)"
)
SHOW = text(
    "update studies t set (patient_key, accession_number, patient_name, patient_id, issuer_of_patient_id,"
    " patient_birth_date, patient_sex) = (select n.patient_key, n.accession_number, n.patient_name, n.patient_id,"
    " n.issuer_of_patient_id, n.patient_birth_date, n.patient_sex from jsonb_populate_record(t, r.columns) n),"
    " dicom = (t.dicom - cast(:tags as text[])) || r.attributes, corrected_at = :at, updated_at = clock_timestamp()"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r(study text, attributes jsonb, columns jsonb)"
    " where t.organization_id = cast(:organization_id as uuid) and t.study_instance_uid = r.study"
)
# What was made of the instances together is out of date.
REVISE = text(f"update series set revision = revision + 1, updated_at = clock_timestamp() where {OF_STUDIES}")  # noqa: S608
ADD_PATIENTS = text(
    "insert into patients (organization_id, patient_key, patient_id, issuer_of_patient_id, patient_name,"  # noqa: S608
    " patient_birth_date, patient_sex, dicom, attributes_received_at)"
    " select distinct on (s.patient_key) s.organization_id, s.patient_key, s.patient_id, s.issuer_of_patient_id,"
    " s.patient_name, s.patient_birth_date, s.patient_sex, (select coalesce(jsonb_object_agg(d.key, d.value), '{}')"
    " from jsonb_each(s.dicom) d where d.key like '0010%' and d.key <> '00101010'), s.attributes_received_at"
    f" from studies s where {OF_STUDIES} order by s.patient_key on conflict (organization_id, patient_key) do nothing"
)

ADD_MERGE = text(
    "insert into patient_merges (organization_id, patient_key, branches, deed_id, at, member_id, attributes, columns)"
    " values (cast(:organization_id as uuid), :patient_key, cast(:branches as uuid[]), cast(:deed_id as uuid), :at,"
    " :member_id, :attributes, :columns)"
)
# The deed that is taken back, and those of which no study is left.
END_MERGES = text(
    "update patient_merges m set ended_at = :at where m.organization_id = cast(:organization_id as uuid)"  # noqa: S608
    f" and m.ended_at is null and m.deed_id in (select deed_id from patient_corrections where {OF_STUDIES})"
    " and (m.deed_id = cast(:deed_id as uuid) or not exists (select from patient_corrections c"
    " where (c.organization_id, c.deed_id) = (m.organization_id, m.deed_id) and not exists"
    " (select from patient_corrections u where (u.organization_id, u.study_instance_uid)"
    " = (c.organization_id, c.study_instance_uid) and u.id > c.id and u.deed = 'undo')))"
)


@dataclass(frozen=True)
class Told:
    """Of one study: `kept` stands in the table (DICOM JSON by tag, and columns), `shown` is what the index tells."""

    study: str
    attributes: Mapping[str, Any]
    columns: Mapping[str, Any]
    shown_attributes: Mapping[str, Any]
    shown_columns: Mapping[str, Any]


def find_corrections(database: Statements, organization_id: str, studies: Sequence[str]) -> dict[str, Correction]:
    """What is in effect, by study; nothing for those that were never corrected."""
    from pacs.dicom.correcting import Correction  # brings pydicom, which searching does without

    rows = database.fetch(IN_EFFECT, {"organization_id": organization_id, "studies": list(studies)})
    return {row["study_instance_uid"]: Correction(row["attributes"], row["at"], row["deed"]) for row in rows}


def hold_studies(statements: Statements, scope: Scope, studies: Sequence[str]) -> Rows:
    """Let nobody else write these studies until the transaction ends; returns what the index says of them now."""
    parameters = {"organization_id": scope.organization_id, "studies": list(studies)}
    statements.fetch(LOCK_PATIENTS, parameters)
    return statements.fetch(LOCK_STUDIES, parameters)


def write_corrections(
    statements: Statements, scope: Scope, held: Rows, told: Sequence[Told], deed: Deed, deed_id: str, at: datetime
) -> None:
    """Keep what is told of studies that `hold_studies` gave, and show it in the index."""
    from pacs.dicom.correcting import CORRECTABLE

    own = {"organization_id": scope.organization_id}
    kept = [{"study": each.study, "attributes": dict(each.attributes), "columns": dict(each.columns)} for each in told]
    who = {"deed_id": deed_id, "deed": deed, "at": at, "member_id": scope.member_id}
    statements.fetch(ADD, {**own, **who, "rows": kept})
    shown = [
        {"study": each.study, "attributes": dict(each.shown_attributes), "columns": dict(each.shown_columns)}
        for each in told
    ]
    statements.fetch(SHOW, {**own, "tags": [tag for tag, _ in CORRECTABLE.values()], "at": at, "rows": shown})
    studies = {**own, "studies": [each.study for each in told]}
    statements.fetch(REVISE, studies)
    statements.fetch(ADD_PATIENTS, studies)
    for patient_key in sorted({row["patient_key"] for row in held}):
        statements.fetch(DELETE_EMPTY_PATIENT, {**own, "patient_key": patient_key})


def keep_merge(
    statements: Statements, scope: Scope, patient_key: str, changes: Told, deed_id: str, at: datetime
) -> None:
    """Let studies follow that arrive later under the number `patient_key`, where this scope sees them."""
    who = {"organization_id": scope.organization_id, "deed_id": deed_id, "at": at, "member_id": scope.member_id}
    branches = None if scope.branches is None else list(scope.branches)
    told = {"attributes": dict(changes.attributes), "columns": dict(changes.columns)}
    statements.fetch(ADD_MERGE, {**who, **told, "patient_key": patient_key, "branches": branches})


def end_merges(statements: Statements, scope: Scope, studies: Sequence[str], deed_id: str, at: datetime) -> None:
    """Let nobody follow any more what has been taken back of these studies, of which `deed_id` was the last deed."""
    parameters = {"organization_id": scope.organization_id, "studies": list(studies), "deed_id": deed_id, "at": at}
    statements.fetch(END_MERGES, parameters)
