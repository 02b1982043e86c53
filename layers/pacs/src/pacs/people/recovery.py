"""Changing a password, and setting one by a link in an e-mail. Called by functions/portal.

A new password ends the other sessions. A link is good once, for an hour, and says nothing of who exists.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import text

from pacs.errors import BadRequest, Unauthenticated
from pacs.people import limits
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, find_by_email, find_by_id
from pacs.people.passwords import hashed, matches
from pacs.people.scope import Scope
from pacs.people.sessions import revoke_sessions, token_hash
from pacs.ports import Mailer, Services, Statements

SET = text(
    "update organization_members set password_hash = :password_hash where id = cast(:id as uuid)"
    " returning lower(email) as email"
)
LINK_LIFE = timedelta(hours=1)
# However often somebody asks, a member hears of it once in so long.
PAUSE = timedelta(minutes=5)
LINK = text(
    "insert into password_resets (token_hash, member_id, created_at)"
    " select :token_hash, cast(:member_id as uuid), :now where not exists (select from password_resets"
    " where member_id = cast(:member_id as uuid) and created_at > :pause) returning token_hash"
)
# With one link every other one of the member is used up.
USE_LINK = text(
    "update password_resets set used_at = :now where used_at is null and member_id = (select member_id"
    " from password_resets where token_hash = :token_hash and used_at is null and created_at > :oldest)"
    " returning cast(member_id as text) as member_id, token_hash"
)
SUBJECT = "Bulut PACS: şifre yenileme / new password"
TEXT = """Yeni bir şifre belirlemek için bir saat içinde bu bağlantıyı açın:
To set a new password, open this link within an hour:

{link}

Bu istek sizden gelmediyse bir şey yapmanız gerekmez.
If you did not ask for it, there is nothing to do.
"""


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
        record(statements, scope, Deed("change-account", subject="password"), source_ip=address)


def set_password(statements: Statements, member_id: str, password_hash: str, now: datetime, *, but: str = "") -> None:
    statements.fetch(SET, {"id": member_id, "password_hash": password_hash})
    revoke_sessions(statements, member_id, now, but=but)


def send_reset_link(services: Services, mailer: Mailer, email: str, address: str) -> None:
    """Send a member a link that sets a new password; nobody is told whether there is such a member.

    Members whom an OpenID provider has made come by it alone.

    Raises TooManyRequests, Unavailable.
    """
    database, now = services.database, services.clock.now()
    limits.knock(database, limits.address_subject(address), now)
    member = find_by_email(database, email)
    if member is None or member.provided or not member.is_let_in(now):
        return
    token = secrets.token_urlsafe(32)
    values = {"token_hash": token_hash(token), "member_id": member.id, "now": now, "pause": now - PAUSE}
    if database.fetch(LINK, values):
        mailer.send(member.email, SUBJECT, TEXT.format(link=f"{services.settings.origin}/reset?token={token}"))


def reset_password(services: Services, token: str, password: str, address: str) -> None:
    """Set a new password by a link, and end every session. Raises BadRequest, also for a link that is good no more."""
    database, now = services.database, services.clock.now()
    limits.knock(database, limits.address_subject(address), now)
    password_hash = hashed(password)
    with database.transaction() as statements:
        values = {"token_hash": token_hash(token), "now": now, "oldest": now - LINK_LIFE}
        used = statements.fetch(USE_LINK, values)
        member = find_by_id(statements, used[0]["member_id"]) if used else None
        if member is None or not member.is_let_in(now):
            raise BadRequest("this link is good no more: ask for another", field="token")
        set_password(statements, member.id, password_hash, now)
        limits.forgive(statements, member.email, address, now)
        scope = Scope(member.organization_id, member.role, member_id=member.id)
        record(statements, scope, Deed("change-account", subject="password by link"), source_ip=address)
