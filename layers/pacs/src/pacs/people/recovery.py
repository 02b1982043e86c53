"""Changing a password. Called by functions/portal. Whoever changes it is signed out everywhere else."""

from datetime import datetime

from sqlalchemy import text

from pacs.errors import Unauthenticated
from pacs.people import limits
from pacs.people.membership import Member
from pacs.people.passwords import hashed, matches
from pacs.people.scope import Scope
from pacs.people.sessions import revoke_sessions
from pacs.ports import Services, Statements

SET = text(
    "update organization_members set password_hash = :password_hash where id = cast(:id as uuid)"
    " returning lower(email) as email"
)


def require_password(services: Services, member: Member, password: str, address: str) -> None:
    """Raises Unauthenticated for a wrong password, TooManyRequests after several: a session alone is not enough."""
    now = services.clock.now()
    limits.count_attempt(services.database, member.email, address, now)
    if not matches(member.password_hash, password):
        raise Unauthenticated("wrong password")
    limits.forgive(services.database, member.email, address, now)


def change_password(
    services: Services, scope: Scope, member: Member, current: str, password: str, address: str
) -> None:
    """Replace a member's password. Raises Unauthenticated for a wrong current one, BadRequest for a bad new one."""
    password_hash = hashed(password)
    require_password(services, member, current, address)
    with services.database.transaction() as statements:
        set_password(statements, member.id, password_hash, services.clock.now(), but=scope.session_id)


def set_password(statements: Statements, member_id: str, password_hash: str, now: datetime, *, but: str = "") -> None:
    statements.fetch(SET, {"id": member_id, "password_hash": password_hash})
    revoke_sessions(statements, member_id, now, but=but)
