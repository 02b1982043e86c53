"""Takes instances out of the index, with whatever is left empty by that. Called when their originals are gone."""

from collections.abc import Sequence

from sqlalchemy import text

from pacs.ports import Database

OF_KEYS = (
    "(s.organization_id, s.study_instance_uid) in"
    " (select organization_id, study_instance_uid from instances where object_key = any(:object_keys))"
)
# Patients before studies, each by key: the order in which the indexer locks them, too.
LOCK_PATIENTS = text(
    "select p.patient_key from patients p where exists (select from studies s where"  # noqa: S608 - nobody's values
    f" (s.organization_id, s.patient_key) = (p.organization_id, p.patient_key) and {OF_KEYS})"
    " order by p.organization_id, p.patient_key for update"
)
LOCK_STUDIES = text(
    "select cast(s.organization_id as text) as organization_id, s.study_instance_uid, s.patient_key"  # noqa: S608
    f" from studies s where {OF_KEYS} order by s.organization_id, s.study_instance_uid for update"
)
DELETE = text("delete from instances where object_key = any(:object_keys)")
DELETE_NON_PATIENT = text("delete from non_patient_instances where object_key = any(:object_keys)")
OF_STUDY = "t.organization_id = cast(:organization_id as uuid) and t.study_instance_uid = :study_instance_uid"
DELETE_EMPTY_SERIES = text(
    f"delete from series t where {OF_STUDY} and not exists (select from instances i where"  # noqa: S608
    " (i.organization_id, i.study_instance_uid, i.series_instance_uid)"
    " = (t.organization_id, t.study_instance_uid, t.series_instance_uid))"
)
DELETE_EMPTY_STUDY = text(
    f"delete from studies t where {OF_STUDY} and not exists (select from series e where"  # noqa: S608
    " (e.organization_id, e.study_instance_uid) = (t.organization_id, t.study_instance_uid))"
)
DELETE_EMPTY_PATIENT = text(
    "delete from patients t where t.organization_id = cast(:organization_id as uuid)"
    " and t.patient_key = :patient_key and not exists (select from studies s where"
    " (s.organization_id, s.patient_key) = (t.organization_id, t.patient_key))"
)
# The function of the indexer, for every series that is left; it asks no more of a batch than its keys.
COUNT_AGAIN = text(
    "select count_again(jsonb_agg(jsonb_build_object('organization_id', t.organization_id,"  # noqa: S608
    " 'study_instance_uid', t.study_instance_uid, 'series_instance_uid', t.series_instance_uid,"
    f" 'sop_instance_uid', '')), clock_timestamp()) from series t where {OF_STUDY} having count(*) > 0"
)

# Metadata of what is left are newer than those who have them of before know.
TOUCH_STUDY = text(f"update studies t set updated_at = clock_timestamp() where {OF_STUDY}")  # noqa: S608
# What is done in a study out of which instances were taken.
AFTERWARDS = (DELETE_EMPTY_SERIES, DELETE_EMPTY_STUDY, COUNT_AGAIN, TOUCH_STUDY)


def delete_rows(database: Database, object_keys: Sequence[str]) -> None:
    """Delete the rows of these instances, and the series, studies and patients that have none left; count again."""
    keys = {"object_keys": list(object_keys)}
    with database.transaction() as transaction:
        transaction.fetch(LOCK_PATIENTS, keys)
        studies = transaction.fetch(LOCK_STUDIES, keys)
        transaction.fetch(DELETE, keys)
        transaction.fetch(DELETE_NON_PATIENT, keys)
        for row in studies:
            patient_key = row["patient_key"]
            study = {name: row[name] for name in ("organization_id", "study_instance_uid")}
            for statement in AFTERWARDS:
                transaction.fetch(statement, study)
            patient = {"organization_id": row["organization_id"], "patient_key": patient_key}
            transaction.fetch(DELETE_EMPTY_PATIENT, patient)
