"""What becomes of a member: another role, an importer's window, enabled again. Called by the portal and `pacs member`.

Whoever may do less than before, or something else, signs in again: its sessions end.
"""

from datetime import datetime

from sqlalchemy import text

from pacs.errors import BadRequest, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import MEMBER_ROLES, Scope
from pacs.people.sessions import revoke_sessions
from pacs.ports import Statements

OURS = "where cast(id as text) = :id and organization_id = cast(:organization_id as uuid) returning id"
ENABLE = text(f"update organization_members set disabled_at = null {OURS}")  # noqa: S608 - our conditions
CHANGE_ROLE = text(f"update organization_members set role = :role, manager = :manager {OURS}")  # noqa: S608
SET_WINDOW = text(
    "update organization_members set importer = :importer, importer_from = :begins, importer_until = :ends"  # noqa: S608
    f" {OURS}"
)


def enable_member(statements: Statements, scope: Scope, member_id: str) -> None:
    """Let a member in again. Safe to repeat. Wants a transaction. Raises NotFound."""
    values = {"id": member_id, "organization_id": scope.organization_id}
    require_one(bool(statements.fetch(ENABLE, values)))
    record(statements, scope, Deed("change-rights", subject=f"{member_id}: enabled"))


def change_role(
    statements: Statements, scope: Scope, member_id: str, role: str, *, manager: bool, now: datetime
) -> None:
    """Another role, with or without a manager's right; sessions end. Wants a transaction.

    Nobody changes their own, so that an organization keeps an administrator. Raises BadRequest, NotFound.
    """
    if role not in MEMBER_ROLES:
        raise BadRequest(f"the role is none of {', '.join(MEMBER_ROLES)}", field="role")
    if member_id == scope.member_id:
        raise BadRequest("nobody changes their own role", field="member")
    values = {"id": member_id, "organization_id": scope.organization_id, "role": role, "manager": manager}
    require_one(bool(statements.fetch(CHANGE_ROLE, values)))
    revoke_sessions(statements, member_id, now)
    rights = f"{role} manager" if manager else role
    record(statements, scope, Deed("change-rights", subject=f"{member_id}: {rights}"))


def set_window(
    statements: Statements,
    scope: Scope,
    member_id: str,
    begins: datetime | None,
    ends: datetime | None,
    now: datetime,
) -> None:
    """Let a member upload, and nothing else, from one moment to another; without an end it is no importer any more.

    Its sessions end. Wants a transaction. Raises BadRequest, NotFound.
    """
    if begins is not None and (ends is None or ends <= begins):
        raise BadRequest("a window ends after it begins", field="until")
    if member_id == scope.member_id:
        raise BadRequest("nobody makes themselves an importer", field="member")
    values = {"id": member_id, "organization_id": scope.organization_id, "begins": begins, "ends": ends}
    require_one(bool(statements.fetch(SET_WINDOW, {**values, "importer": ends is not None})))
    revoke_sessions(statements, member_id, now)
    window = f"importer until {ends.isoformat()}" if ends else "no importer"
    record(statements, scope, Deed("change-rights", subject=f"{member_id}: {window}"))


def require_one(found: bool) -> None:
    if not found:
        raise NotFound("the organization has no such member", field="member")
