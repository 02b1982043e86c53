"""Workitems in the database: made, read, and changed by whoever is first. Called by functions/workitems.

A change is thought out in Python from what was read, and written by one statement that finds the workitem only as it
was then; whoever comes second thinks again about what it has become. That statement writes the events, too.

Source: PS3.18 §11.4 to §11.8
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import text

from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest, Conflict, NotFound, PayloadTooLarge
from pacs.people.scope import Scope
from pacs.ports import Database, Services
from pacs.worklist.keys import columns_of
from pacs.worklist.payload import LARGEST_BYTES, Json, value
from pacs.worklist.requirements import INCONSISTENT, SOP_INSTANCE_UID, STATE, TRANSACTION_UID
from pacs.worklist.scoping import scope_conditions, shown
from pacs.worklist.subscriptions import HEARD
from pacs.worklist.transitions import Change, Workitem, cancel_requested, created, moved, updated

TRIES = 5
STUDY = "0020000D"
NOT_FOUND = "no such workitem"
WRITTEN = """, numbered as (
  insert into workitem_event_numbers (organization_id, last)
  select organization_id, jsonb_array_length(cast(:events as jsonb)) from written
  on conflict (organization_id) do update set last = workitem_event_numbers.last + excluded.last
  returning organization_id, last
), told as (
  insert into workitem_events (organization_id, number, workitem_uid, dicom)
  select w.organization_id, n.last - jsonb_array_length(cast(:events as jsonb)) + e.place, w.workitem_uid, e.event
  from written w join numbered n using (organization_id)
  cross join jsonb_array_elements(cast(:events as jsonb)) with ordinality as e (event, place)
) select workitem_uid from written"""


def create_workitem(services: Services, scope: Scope, dataset: Json, workitem_uid: str) -> Change:
    """Schedule a workitem. Without a UID it gets one.

    Raises BadRequest, Conflict when there is one with this UID, NotFound when its study is not the scope's.
    Source: PS3.18 §11.4
    """
    named = workitem_uid or value(dataset, SOP_INSTANCE_UID)
    if named and not is_uid(named):
        raise BadRequest("the workitem's UID is not a UID", field="workitem")
    if workitem_uid and value(dataset, SOP_INSTANCE_UID) not in ("", workitem_uid):
        raise BadRequest("SOPInstanceUID is not that of the address", field="SOPInstanceUID")
    change = created(named or f"2.25.{uuid.uuid4().int}", dataset, services.clock.now())
    values = columns(change)
    require_own_study(services.database, scope, values["study_instance_uid"])
    values |= {"organization_id": scope.organization_id, "events": list(change.events)}
    names = [name for name in values if name not in ("organization_id", "events", "dicom")]
    statement = (
        f"with written as (insert into workitems (organization_id, dicom, {', '.join(names)})"  # noqa: S608 - our names
        f" values (cast(:organization_id as uuid), cast(:dicom as jsonb), {', '.join(':' + each for each in names)})"
        f" on conflict do nothing returning organization_id, workitem_uid){WRITTEN}"
    )
    if not services.database.fetch(text(statement), values):
        raise Conflict("The Target Workitem already exists.")
    return change


def require_own_study(database: Database, scope: Scope, study_instance_uid: str | None) -> None:
    """Raises NotFound when a narrowed scope does not hold the study of what it asks to be done."""
    if scope.studies is None and scope.branches is None:
        return
    parameters: dict[str, Any] = {"study": study_instance_uid or ""}
    conditions = scope_conditions(scope, parameters)
    asked = "(select cast(:organization_id as uuid) as organization_id, cast(:study as text) as study_instance_uid) w"
    statement = f"select 1 as found from {asked} where {' and '.join(conditions)}"  # noqa: S608
    if not database.fetch(text(statement), parameters):
        raise NotFound("no such study", field="StudyInstanceUID")


def retrieve_workitem(database: Database, scope: Scope, workitem_uid: str) -> Json:
    """The dataset of one workitem. Raises NotFound. Source: PS3.18 §11.5"""
    return shown(scope, find(database, scope, workitem_uid)[0].dicom)


def update_workitem(services: Services, scope: Scope, workitem_uid: str, dataset: Json, transaction_uid: str) -> Change:
    """Replace attributes. Raises NotFound, of the study too when it is not the scope's; BadRequest, Conflict.

    Source: PS3.18 §11.6
    """
    given = transaction_uid or value(dataset, TRANSACTION_UID)
    if STUDY in dataset:
        require_own_study(services.database, scope, value(dataset, STUDY))
    return change_workitem(
        services, scope, workitem_uid, lambda before, heard: updated(before, dataset, given, services.clock.now())
    )


def change_state(services: Services, scope: Scope, workitem_uid: str, dataset: Json) -> Change:
    """Claim, complete or cancel. Raises NotFound, BadRequest, Conflict. Source: PS3.18 §11.7"""
    state, given = value(dataset, STATE), value(dataset, TRANSACTION_UID)
    return change_workitem(
        services, scope, workitem_uid, lambda before, heard: moved(before, state, given, services.clock.now())
    )


def request_cancel(services: Services, scope: Scope, workitem_uid: str, dataset: Json, requester: str) -> Change:
    """Ask that a workitem be canceled. Raises NotFound, Conflict. Source: PS3.18 §11.8"""
    return change_workitem(
        services,
        scope,
        workitem_uid,
        lambda before, heard: cancel_requested(before, dataset, requester, services.clock.now(), heard=heard),
    )


def change_workitem(
    services: Services, scope: Scope, workitem_uid: str, think: Callable[[Workitem, bool], Change]
) -> Change:
    """Read, think, and write if nobody else has in between; else again."""
    for _ in range(TRIES):
        before, heard = find(services.database, scope, workitem_uid)
        change = think(before, heard)
        if not change.changed or write(services.database, scope, change):
            return change
    raise Conflict(INCONSISTENT)


def find(database: Database, scope: Scope, workitem_uid: str) -> tuple[Workitem, bool]:
    """A workitem, and whether anybody listens to what happens to it. Raises NotFound."""
    parameters: dict[str, Any] = {"workitem_uid": workitem_uid}
    conditions = [*scope_conditions(scope, parameters), "w.workitem_uid = :workitem_uid"]
    statement = (
        "select w.workitem_uid, w.state, w.transaction_uid, w.dicom, w.revision,"  # noqa: S608 - our own conditions
        f" {HEARD} as heard from workitems w where {' and '.join(conditions)}"
    )
    rows = database.fetch(text(statement), parameters)
    if not rows:
        raise NotFound(NOT_FOUND)
    return workitem_of(rows[0]), bool(rows[0]["heard"])


def workitem_of(row: Mapping[str, Any]) -> Workitem:
    return Workitem(row["workitem_uid"], row["state"], row["dicom"], row["transaction_uid"] or "", row["revision"])


def write(database: Database, scope: Scope, change: Change) -> bool:
    """Whether the workitem was still as it was read, and is now as the change says."""
    values = columns(change) | {"revision": change.workitem.revision, "events": list(change.events)}
    conditions = [*scope_conditions(scope, values), "w.workitem_uid = :workitem_uid", "w.revision = :revision"]
    fixed = ("organization_id", "workitem_uid", "revision", "events", "dicom", "studies", "branches")
    names = [name for name in values if name not in fixed]
    statement = (
        f"with written as (update workitems w set dicom = cast(:dicom as jsonb), revision = w.revision + 1,"  # noqa: S608
        f" updated_at = now(), {', '.join(f'{name} = :{name}' for name in names)} where {' and '.join(conditions)}"
        f" returning w.organization_id, w.workitem_uid){WRITTEN}"
    )
    return bool(database.fetch(text(statement), values))


def columns(change: Change) -> dict[str, Any]:
    """The columns of a workitem. Raises PayloadTooLarge for what a row does not hold."""
    workitem = change.workitem
    if len(orjson.dumps(workitem.dicom)) > LARGEST_BYTES:
        raise PayloadTooLarge(f"a workitem takes at most {LARGEST_BYTES} bytes")
    return {
        "workitem_uid": workitem.workitem_uid,
        "state": workitem.state,
        "transaction_uid": workitem.transaction_uid or None,
        "dicom": workitem.dicom,
        **columns_of(workitem.dicom),
    }
