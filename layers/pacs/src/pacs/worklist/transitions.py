"""The states of a workitem and what leads from one to another. Pure; called by worklist.workitems.

    SCHEDULED ──claim──▶ IN PROGRESS ──▶ COMPLETED
        └──cancel request──▶ ┘      └──▶ CANCELED

Who claims a workitem chooses a Transaction UID, and only who knows it may change the workitem from then on. It is
never part of a dataset, and so it is never answered.

Source: PS3.4 §CC.1.1, Table CC.1.1-2
"""

import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest, Conflict
from pacs.worklist.moments import stamp
from pacs.worklist.payload import Json, element
from pacs.worklist.requirements import (
    CANCELLATION,
    DISCONTINUATION,
    HUMAN_PERFORMERS,
    INCONSISTENT,
    INPUT_READINESS,
    MODIFIED,
    PROGRESS,
    PUSH_CLASS,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STATE,
    STATION_NAMES,
    TRANSACTION_UID,
    WORKLIST_LABEL,
    require_change,
    require_completed,
    require_new,
)

State = Literal["SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"]

MISSING = "The Transaction UID is missing."
INCORRECT = "The Transaction UID is incorrect."
NOT_CLAIMED = "The target URI did not reference a claimed Workitem."
WRONG_STATE = "The submitted request is inconsistent with the current state of the Workitem."
ALREADY = "The UPS is already in the requested state of {}."
ALREADY_COMPLETED = "The UPS is already COMPLETED."
UNREACHABLE = "The performer cannot be contacted."
CREATED_MODIFIED = "The Workitem was created with modifications."

# Source: PS3.4 Table CC.2.4-1
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5
DEFAULT_LABEL = "General"
REASON = "00741238"
CONTACTS = ("0074100A", "0074100C")
UNSPECIFIED = {
    "00080100": element("SH", "110513"),
    "00080102": element("SH", "DCM"),
    "00080104": element("LO", "Discontinued for unspecified reason"),
}


@dataclass(frozen=True)
class Workitem:
    """A workitem as it is kept. `transaction_uid` is empty until somebody claims it."""

    workitem_uid: str
    state: State
    dicom: Json
    transaction_uid: str = ""
    revision: int = 0


@dataclass(frozen=True)
class Change:
    """What a request makes of a workitem: it, whom to tell what, and a warning of the standard for the caller."""

    workitem: Workitem
    events: tuple[Json, ...] = ()
    warning: str = ""
    changed: bool = field(default=True)


def created(workitem_uid: str, dataset: Json, now: datetime) -> Change:
    """A new workitem. Raises BadRequest for a dataset that makes none. Source: PS3.4 §CC.2.5"""
    require_new(dataset)
    dicom = own_elements(dataset)
    dicom[SOP_CLASS_UID] = element("UI", PUSH_CLASS)
    dicom[SOP_INSTANCE_UID] = element("UI", workitem_uid)
    dicom[MODIFIED] = element("DT", stamp(now))
    warning = ""
    if not dicom.get(WORKLIST_LABEL, {}).get("Value"):
        dicom[WORKLIST_LABEL] = element("LO", DEFAULT_LABEL)
        warning = CREATED_MODIFIED
    workitem = Workitem(workitem_uid, "SCHEDULED", dict(sorted(dicom.items())))
    return Change(workitem, (state_report(workitem), *assigned(workitem, {})), warning)


def updated(before: Workitem, dataset: Json, transaction_uid: str, now: datetime) -> Change:
    """A workitem with some attributes replaced: anybody's until it is claimed, its owner's then.

    Source: PS3.4 §CC.2.6, PS3.18 §11.6
    """
    dataset = own_elements(dataset)
    require_change(dataset)
    if before.state in ("COMPLETED", "CANCELED"):
        raise BadRequest(WRONG_STATE)
    if before.state == "SCHEDULED" and transaction_uid:
        raise Conflict(NOT_CLAIMED)
    if before.state == "IN PROGRESS":
        require_owner(before, transaction_uid)
    dicom = {**before.dicom, **dataset, MODIFIED: element("DT", stamp(now))}
    after = replace(before, dicom=dict(sorted(dicom.items())))
    events = assigned(after, before.dicom)
    if dicom.get(INPUT_READINESS) != before.dicom.get(INPUT_READINESS):
        events = (state_report(after), *events)
    if dicom.get(PROGRESS) != before.dicom.get(PROGRESS):
        events = (*events, report(after, PROGRESS_REPORT, PROGRESS))
    return Change(after, events)


def moved(before: Workitem, state: str, transaction_uid: str, now: datetime) -> Change:
    """A workitem claimed, completed or canceled. Source: PS3.4 §CC.2.1, PS3.18 §11.7"""
    if not is_uid(transaction_uid):
        raise BadRequest(INCORRECT if transaction_uid else MISSING, field="TransactionUID")
    if state == "IN PROGRESS":
        if before.state != "SCHEDULED":
            raise Conflict(INCONSISTENT)
        return Change(*reported(replace(in_state(before, "IN PROGRESS"), transaction_uid=transaction_uid)))
    if state not in ("COMPLETED", "CANCELED"):
        raise BadRequest(INCONSISTENT, field="ProcedureStepState")
    if before.state == "SCHEDULED":
        raise Conflict(INCONSISTENT)
    if before.transaction_uid or before.state == "IN PROGRESS":
        require_owner(before, transaction_uid)
    if before.state == state:
        return Change(before, warning=ALREADY.format(state), changed=False)
    if before.state != "IN PROGRESS":
        raise Conflict(INCONSISTENT)
    if state == "COMPLETED":
        require_completed(before.dicom)
        return Change(*reported(in_state(before, "COMPLETED")))
    return Change(*reported(canceled(before, {}, now)))


def cancel_requested(before: Workitem, dataset: Json, requester: str, now: datetime, *, heard: bool) -> Change:
    """What a request to cancel comes to: done when nobody has begun, passed on to who has. `heard`: somebody listens.

    Source: PS3.4 §CC.2.2, PS3.18 §11.8
    """
    if before.state == "CANCELED":
        return Change(before, warning=ALREADY.format("CANCELED"), changed=False)
    if before.state == "COMPLETED":
        raise Conflict(ALREADY_COMPLETED)
    if before.state == "IN PROGRESS":
        if not heard:
            raise Conflict(UNREACHABLE)
        told = {tag: dataset[tag] for tag in (REASON, DISCONTINUATION, *CONTACTS) if tag in dataset}
        event = {**report(before, CANCEL_REQUESTED), "00741236": element("AE", requester), **told}
        return Change(before, (event,))
    begun = in_state(before, "IN PROGRESS")
    after = canceled(begun, dataset, now)
    return Change(after, (state_report(begun), state_report(after)))


def own_elements(dataset: Json) -> Json:
    """The elements that a workitem keeps: not those of commands and files, and never the secret."""
    return {tag: each for tag, each in dataset.items() if tag[:4] not in ("0000", "0002") and tag != TRANSACTION_UID}


def require_owner(before: Workitem, transaction_uid: str) -> None:
    if not transaction_uid:
        raise BadRequest(MISSING, field="TransactionUID")
    if not hmac.compare_digest(before.transaction_uid.encode(), transaction_uid.encode()):
        raise BadRequest(INCORRECT, field="TransactionUID")


def in_state(before: Workitem, state: State) -> Workitem:
    return replace(before, state=state, dicom={**before.dicom, STATE: element("CS", state)})


def canceled(before: Workitem, dataset: Json, now: datetime) -> Workitem:
    """Canceled, with the time and the reason that a canceled workitem must have. Source: PS3.4 §CC.2.1.3"""
    items = before.dicom.get(PROGRESS, {}).get("Value") or [{}]
    first = dict(items[0])
    if REASON in dataset:
        first[REASON] = dataset[REASON]
    if dataset.get(DISCONTINUATION, {}).get("Value"):
        first[DISCONTINUATION] = dataset[DISCONTINUATION]
    if not first.get(DISCONTINUATION, {}).get("Value"):
        first[DISCONTINUATION] = element("SQ", UNSPECIFIED)
    if not first.get(CANCELLATION, {}).get("Value"):
        first[CANCELLATION] = element("DT", stamp(now))
    after = in_state(before, "CANCELED")
    return replace(after, dicom={**after.dicom, PROGRESS: element("SQ", first, *items[1:])})


def reported(after: Workitem) -> tuple[Workitem, tuple[Json, ...]]:
    return after, (state_report(after),)


def report(workitem: Workitem, kind: int, *tags: str) -> Json:
    """An event report with the values that a workitem has now. Source: PS3.4 Table CC.2.4-1"""
    head = {
        "00000002": element("UI", PUSH_CLASS),
        "00001000": element("UI", workitem.workitem_uid),
        "00001002": element("US", kind),
    }
    return {**head, **{tag: workitem.dicom[tag] for tag in tags if tag in workitem.dicom}}


def state_report(workitem: Workitem) -> Json:
    return report(workitem, STATE_REPORT, STATE, INPUT_READINESS)


def assigned(after: Workitem, before: Json) -> tuple[Json, ...]:
    """An event when somebody is to do it who was not before."""
    tags = [tag for tag in (STATION_NAMES, HUMAN_PERFORMERS) if after.dicom.get(tag, {}).get("Value")]
    if any(after.dicom[tag] != before.get(tag) for tag in tags):
        return (report(after, ASSIGNED, *tags),)
    return ()
