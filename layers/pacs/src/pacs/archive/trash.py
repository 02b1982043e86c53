"""What somebody deletes: out of sight at once, kept until a date, then gone. Called by functions/dicomweb and crons.

Rows leave the index for `deleted_instances`, so no query needs to know of them; originals become older versions in
their store, and derived objects go at once. An instance that is received again is there again: the indexer takes it
out of `deleted_instances`. (Rows of originals that were lost are the affair of `deleting.py`.)
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, get_args

from sqlalchemy import text

from pacs.archive.deleting import AFTERWARDS, DELETE_EMPTY_PATIENT
from pacs.archive.failures import Stage, clear_failures
from pacs.archive.forgetting import forget_documents
from pacs.archive.keys import (
    InstancePath,
    asked_prefix,
    derived_prefixes,
    metadata_parts,
    parse_original,
    series_metadata,
)
from pacs.archive.lookup import Level, find_instances
from pacs.archive.reconciling import PAGE, request_indexing
from pacs.archive.search import scope_conditions
from pacs.errors import NotFound, ObjectNotFound
from pacs.people.audit import Action, Deed, record
from pacs.people.scope import Scope
from pacs.ports import Services, Statements

PURGERS = 8  # removals at once; waiting, not computing

OF_STUDY = "organization_id = cast(:organization_id as uuid) and study_instance_uid = :study_instance_uid"
# Patients before studies: the order in which the indexer locks them, too.
LOCK_PATIENT = text(
    "select p.patient_key from patients p where (p.organization_id, p.patient_key) in"  # noqa: S608
    f" (select organization_id, patient_key from studies where {OF_STUDY}) for update"
)
LOCK_STUDY = text(f"select patient_key from studies where {OF_STUDY} for update")  # noqa: S608
MOVE = (
    "with gone as (delete from instances where {conditions} and received_at <= :deleted_at returning *)"
    " insert into deleted_instances as d (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid,"
    " branch_id, object_key, deleted_at, delete_after)"
    " select g.organization_id, g.study_instance_uid, g.series_instance_uid, g.sop_instance_uid, s.branch_id,"
    " g.object_key, cast(:deleted_at as timestamptz), cast(:delete_after as timestamptz)"
    " from gone g join studies s using (organization_id, study_instance_uid)"
    " order by g.series_instance_uid, g.sop_instance_uid"
    " on conflict (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid) do update set"
    " object_key = excluded.object_key, deleted_at = excluded.deleted_at, delete_after = excluded.delete_after"
    " returning d.object_key, d.series_instance_uid"
)
# What was made of the instances together is out of date.
REVISE = text(
    f"update series set revision = revision + 1 where {OF_STUDY}"  # noqa: S608
    " and series_instance_uid = any(:series_instance_uids) returning series_instance_uid"
)
FORGET = text("delete from deleted_instances where object_key = any(:object_keys)")
# People know a study by its code, and its work is at some point, also when all of it was deleted and comes back.
KEPT = "code, state, urgent, assigned_member_id, assigned_pool_id, claimed_by, claimed_at, created_at"
KEEP_STUDY = text(
    f"insert into deleted_studies (organization_id, study_instance_uid, {KEPT})"  # noqa: S608
    f" select organization_id, study_instance_uid, {KEPT} from studies where {OF_STUDY}"
    f" and not exists (select from instances where {OF_STUDY}) on conflict (organization_id, study_instance_uid)"
    f" do update set ({KEPT}) = ({', '.join(f'excluded.{each}' for each in KEPT.split(', '))})"
)
# What was told of its patient instead, and what its work was, of a study of which nothing is left.
NOTHING_LEFT = (
    f"{OF_STUDY} and not exists (select from studies where {OF_STUDY})"  # noqa: S608
    f" and not exists (select from deleted_instances where {OF_STUDY})"
)
FORGET_STUDY = (
    text(f"delete from patient_corrections where {NOTHING_LEFT}"),  # noqa: S608
    # A merge of which no study is left names a patient that nobody keeps any more.
    text(
        "delete from patient_merges m where m.organization_id = cast(:organization_id as uuid) and not exists (select"
        " from patient_corrections c where (c.organization_id, c.deed_id) = (m.organization_id, m.deed_id))"
    ),
    # With the drafts that models have made; what they cost stays known.
    text(f"delete from ai_jobs where {NOTHING_LEFT}"),  # noqa: S608
    text(f"delete from deleted_studies where {NOTHING_LEFT}"),  # noqa: S608
)
LEFT = text(
    f"select study_instance_uid from studies where {OF_STUDY} union"  # noqa: S608
    f" select study_instance_uid from deleted_instances where {OF_STUDY}"
)
DUE = text(
    "select cast(organization_id as text) as organization_id, study_instance_uid, series_instance_uid,"
    " sop_instance_uid, object_key from deleted_instances where delete_after <= :now"
    " order by delete_after, organization_id, study_instance_uid, object_key limit :limit"
)


def delete_instances(services: Services, scope: Scope, level: Level, *, source_ip: str = "") -> int:
    """Delete a study, a series or an instance; returns of how many instances. Raises NotFound.

    Nothing of them is found or retrieved afterwards. When a part fails in between, the same call ends the work.
    """
    now = services.clock.now()
    paths = {each.object_key: each.path for each in find_instances(services.database, scope, level)}
    services.originals.retire(list(paths))
    with services.database.transaction() as transaction:
        keys, left = move_rows(transaction, services.settings.delete_retention_days, scope, level, now)
        record(transaction, scope, deed("delete", level, len(keys)), source_ip=source_ip)
    clear_failures(services.database, get_args(Stage), keys)
    delete_derived(services, [paths[key] for key in keys if key in paths], left)
    return len(keys)


def move_rows(
    transaction: Statements, retention_days: int, scope: Scope, level: Level, now: datetime
) -> tuple[list[str], set[str]]:
    """Move rows out of the index and count again; returns their object keys, and their series that are not empty.

    What was received after `now` stays: somebody sent it again meanwhile.
    """
    study = {"organization_id": scope.organization_id, "study_instance_uid": level.study}
    transaction.fetch(LOCK_PATIENT, study)
    patients = transaction.fetch(LOCK_STUDY, study)
    parameters: dict[str, Any] = {
        **study,
        "deleted_at": now,
        "delete_after": now + timedelta(days=retention_days),
    }
    conditions = " and ".join([OF_STUDY, *below_study(level, parameters)])
    moved = transaction.fetch(text(MOVE.format(conditions=conditions)), parameters)
    for statement in (KEEP_STUDY, *AFTERWARDS):
        transaction.fetch(statement, study)
    touched = sorted({row["series_instance_uid"] for row in moved})
    left = transaction.fetch(REVISE, {**study, "series_instance_uids": touched})
    for row in patients:
        patient = {"organization_id": scope.organization_id, "patient_key": row["patient_key"]}
        transaction.fetch(DELETE_EMPTY_PATIENT, patient)
    return [row["object_key"] for row in moved], {row["series_instance_uid"] for row in left}


def below_study(level: Level, parameters: dict[str, Any]) -> list[str]:
    """The conditions of a level's series and instance; their values go into `parameters`."""
    conditions = []
    for column, value in (("series_instance_uid", level.series), ("sop_instance_uid", level.instance)):
        if value is not None:
            conditions.append(f"{column} = :{column}")
            parameters[column] = value
    return conditions


def delete_derived(services: Services, paths: Iterable[InstancePath], left: set[str]) -> None:
    """Delete what was derived from deleted instances; `left` names the series that still have others.

    The parts of the metadata of those stay, for the index still names them.
    """
    series: dict[tuple[str, str, str], list[InstancePath]] = {}
    for path in paths:
        series.setdefault(path.series_path, []).append(path)
    for series_path, members in series.items():
        services.derived.delete(series_metadata(*series_path))
        if path_is_left := series_path[2] in left:
            prefixes = [each.frames for each in members]
        else:
            prefixes = [*derived_prefixes(*series_path), metadata_parts(*series_path)]
        for prefix in prefixes:
            services.derived.delete_prefix(prefix)
        for each in members if path_is_left else ():
            services.derived.delete(each.thumbnail)
            services.derived.delete(each.video)


def undelete_instances(services: Services, scope: Scope, level: Level, *, source_ip: str = "") -> int:
    """Bring back what was deleted of a study, series or instance; returns how many instances.

    Their originals are current again on return; the index follows within moments. Raises NotFound when nothing that
    the scope covers was deleted, or it is too late.
    """
    parameters: dict[str, Any] = {"study_instance_uid": level.study}
    conditions = [*scope_conditions(scope, parameters), "study_instance_uid = :study_instance_uid"]
    conditions += below_study(level, parameters)
    statement = f"select object_key from deleted_instances s where {' and '.join(conditions)}"  # noqa: S608
    keys = [row["object_key"] for row in services.database.fetch(text(statement), parameters)]
    restored = [key for key in keys if restore(services, key)]
    if not restored:
        raise NotFound("nothing of this was deleted, or it is too late")
    with services.database.transaction() as transaction:
        transaction.fetch(FORGET, {"object_keys": restored})
        record(transaction, scope, deed("undelete", level, len(restored)), source_ip=source_ip)
    request_indexing(services, restored)
    return len(restored)


def restore(services: Services, key: str) -> bool:
    try:
        services.originals.restore(key)
    except ObjectNotFound:  # purged in this moment
        return False
    return True


def purge_deleted(services: Services) -> dict[str, int]:
    """Remove the originals whose time has come, with all their versions and what metadata parts say of them; of studies
    of which nothing is left also what models were asked. Returns how many. Runs every night.

    One that was received again stays as it is. What a night does not get done, the next one does.
    """
    due = services.database.fetch(DUE, {"now": services.clock.now(), "limit": PAGE})
    keys = [row["object_key"] for row in due]
    with ThreadPoolExecutor(PURGERS) as purgers:
        gone = {key for key, done in zip(keys, purgers.map(services.originals.purge, keys), strict=True) if done}
    purged = [row for row in due if row["object_key"] in gone]
    with services.database.transaction() as transaction:
        transaction.fetch(FORGET, {"object_keys": keys})
        for (organization_id, study), rows in groupby(sorted(purged, key=study_of), key=study_of):
            scope = Scope(organization_id, "system")
            record(transaction, scope, deed("purge", Level(study), len(list(rows))))
            forgotten = {"organization_id": organization_id, "study_instance_uid": study}
            for statement in FORGET_STUDY:
                transaction.fetch(statement, forgotten)
    for path in sorted({parse_original(row["object_key"]).series_path for row in purged}):
        forget_documents(services, path)
    for study_path in sorted({study_of(row) for row in purged}):
        forget_asked(services, *study_path)
    return {"purged": len(purged)}


def forget_asked(services: Services, organization_id: str, study: str) -> None:
    """Delete what models were shown of a study, and said, when nothing of it is left."""
    if not services.database.fetch(LEFT, {"organization_id": organization_id, "study_instance_uid": study}):
        services.exchange.delete_prefix(asked_prefix(organization_id, study))


def study_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["organization_id"], row["study_instance_uid"]


def deed(action: Action, level: Level, number_of_instances: int) -> Deed:
    return Deed(action, level.study, level.series, level.instance, number_of_instances)
