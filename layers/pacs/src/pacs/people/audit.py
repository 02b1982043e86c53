"""Who did what, when and from where: rows that are only ever added. Written by whoever changes what others rely on.

Each action is one of the events that DICOM knows, by the codes of DCM. Source: PS3.15 §A.5; PS3.16 CID 400 and 401.
"""

from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Statements

Action = Literal[
    "sign-in",
    "sign-out",
    "change-account",
    "change-rights",
    "change-key",
    "change-credits",
    "change-modalities",
    "launch",
    "view",
    "download",
    "transfer",
    "share",
    "share-change",
    "share-view",
    "delete",
    "undelete",
    "purge",
    "correct-patient",
    "change-masks",
    "write-report",
    "sign-report",
    "read-report",
    "send-report",
    "send-callback",
    "change-template",
    "ask-ai",
    "change-ai",
    "read-audit",
]
# Event and type: User Authentication (Login, Logout); Security Alert (User Security Attributes, Security Roles, Object
# Security Attributes Changed, Network Configuration); DICOM Study Deleted; Import; Procedure Record; DICOM Instances
# Accessed; Export; Application Activity.
EVENTS: dict[Action, tuple[str, str]] = {
    "sign-in": ("110114", "110122"),
    "sign-out": ("110114", "110123"),
    "change-account": ("110113", "110137"),
    "change-rights": ("110113", "110136"),
    "change-key": ("110113", "110137"),
    "change-credits": ("110113", "110135"),
    "change-modalities": ("110113", "110128"),
    "launch": ("110113", "110135"),
    "view": ("110103", ""),
    "download": ("110104", ""),
    "transfer": ("110104", ""),
    "share": ("110113", "110135"),
    "share-change": ("110113", "110135"),
    "share-view": ("110103", ""),
    "delete": ("110105", ""),
    "undelete": ("110107", ""),
    "purge": ("110105", ""),
    "correct-patient": ("110110", ""),  # Patient Record
    "change-masks": ("110113", "110135"),
    "write-report": ("110111", ""),
    "sign-report": ("110111", ""),
    "read-report": ("110103", ""),
    "send-report": ("110106", ""),
    "send-callback": ("110106", ""),
    "change-template": ("110100", ""),
    "ask-ai": ("110106", ""),
    "change-ai": ("110113", "110135"),
    "read-audit": ("110101", ""),
}
# What these codes mean. Source: PS3.16 CID 400 and 401
MEANINGS = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110105": "DICOM Study Deleted",
    "110106": "Export",
    "110107": "Import",
    "110110": "Patient Record",
    "110111": "Procedure Record",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110122": "Login",
    "110123": "Logout",
    "110128": "Network Configuration",
    "110135": "Object Security Attributes Changed",
    "110136": "Security Roles Changed",
    "110137": "User Security Attributes Changed",
}
# Where the call that is being answered comes from; set by entry, which alone knows it.
caller_address: ContextVar[str] = ContextVar("caller_address", default="")
# EventOutcomeIndicator of the same section.
SUCCESS, REFUSED = 0, 4

# What is done many times in a row is written down once in so long.
ONCE = timedelta(hours=1)

INSERT = (
    "insert into audit (organization_id, member_id, role, source_ip, action, event_id, event_type, outcome, subject,"
    " study_instance_uid, series_instance_uid, sop_instance_uid, number_of_instances)"
)
RECORD = text(
    f"{INSERT} values (cast(:organization_id as uuid), :member_id, :role, :source_ip, :action, :event_id, :event_type,"
    " :outcome, :subject, :study_instance_uid, :series_instance_uid, :sop_instance_uid, :number_of_instances)"
)


RECORD_ONCE = text(
    f"{INSERT} select cast(:organization_id as uuid), :member_id, :role, :source_ip, :action, :event_id, :event_type,"  # noqa: S608
    " cast(:outcome as integer), :subject, cast(:study_instance_uid as text), cast(:series_instance_uid as text),"
    " cast(:sop_instance_uid as text), cast(:number_of_instances as integer) where not exists (select from audit"
    f" where organization_id = cast(:organization_id as uuid) and at > now() - interval '{ONCE.seconds} seconds'"
    " and member_id = :member_id and role = :role and source_ip = :source_ip and action = :action"
    " and subject = :subject and study_instance_uid is not distinct from cast(:study_instance_uid as text))"
)


@dataclass(frozen=True)
class Deed:
    """One thing that was done, or refused. UIDs below the level at which it was done are None.

    `subject` says to what or whom, where it is no study; never a patient.
    """

    action: Action
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    number_of_instances: int = 0
    subject: str = ""
    outcome: int = SUCCESS


def record(statements: Statements, scope: Scope, deed: Deed, *, source_ip: str = "") -> None:
    """Write one row, in the transaction of the deed itself. A scope without an organization is a stranger's."""
    statements.fetch(RECORD, row_of(scope, deed, source_ip))


def record_once(statements: Statements, scope: Scope, deed: Deed, *, source_ip: str) -> None:
    """Write one row, unless the same one of the same person at the same place was written within the last hour."""
    statements.fetch(RECORD_ONCE, row_of(scope, deed, source_ip))


def row_of(scope: Scope, deed: Deed, source_ip: str) -> dict[str, Any]:
    event_id, event_type = EVENTS[deed.action]
    who = {"organization_id": scope.organization_id or None, "member_id": scope.member_id, "role": scope.role}
    what = {"event_id": event_id, "event_type": event_type, "source_ip": source_ip or caller_address.get()}
    return {**who, **what, **asdict(deed)}
