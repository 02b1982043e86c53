"""Who did what, when and from where: rows that are only ever added. Written by whoever changes what others rely on."""

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Statements

Action = Literal["delete", "undelete", "purge"]

RECORD = text(
    "insert into audit (organization_id, member_id, role, source_ip, action, study_instance_uid, series_instance_uid,"
    " sop_instance_uid, number_of_instances) values (cast(:organization_id as uuid), :member_id, :role, :source_ip,"
    " :action, :study_instance_uid, :series_instance_uid, :sop_instance_uid, :number_of_instances)"
)


@dataclass(frozen=True)
class Deed:
    """One thing that was done. UIDs below the level at which it was done are None."""

    action: Action
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_instance_uid: str | None
    number_of_instances: int


def record(statements: Statements, scope: Scope, deed: Deed, *, source_ip: str = "") -> None:
    """Write one row, in the transaction of the deed itself."""
    who = {"organization_id": scope.organization_id, "member_id": scope.member_id, "role": scope.role}
    statements.fetch(RECORD, {**who, **asdict(deed), "source_ip": source_ip})
