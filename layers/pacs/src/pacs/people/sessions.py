"""Who is signed in where: sessions, and the refresh tokens that keep them. Asked by functions/portal.

A refresh token is good once and answers with the next one. One that comes a second time was stolen, or its successor
was: the whole session ends. Only for a moment it answers again, and with the very same successor, for two tabs of a
browser renew at once. Only hashes are kept: a successor is made of the token itself and of a salt. Source: RFC 9700
§4.14.2.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from pacs.errors import NotFound, Unauthenticated
from pacs.ports import Database, Statements

ADD = text(
    "with made as (insert into sessions (id, member_id, organization_id, source_ip, user_agent, created_at, used_at,"
    " expires_at) values (cast(:id as uuid), cast(:member_id as uuid), cast(:organization_id as uuid), :source_ip,"
    " :user_agent, :now, :now, :expires_at) returning id)"
    " insert into refresh_tokens (token_hash, session_id) select :token_hash, id from made"
)
# So long a token that was just replaced answers with the same successor again.
GRACE = timedelta(seconds=10)
# The first who uses a token brings the salt of its successor; whoever comes in the meantime makes the same one of it.
USE = text(
    "with used as (update refresh_tokens t set used_at = coalesce(t.used_at, :now), salt = coalesce(t.salt, :salt)"
    " from sessions s where t.token_hash = :token_hash and coalesce(t.used_at, :now) > :grace"
    " and s.id = t.session_id and s.revoked_at is null and s.expires_at > :now returning t.session_id, t.salt),"
    " kept as (update sessions set used_at = :now, expires_at = :expires_at where id in (select session_id from used)"
    " returning cast(id as text) as id, cast(member_id as text) as member_id,"
    " cast(organization_id as text) as organization_id),"
    " next as (insert into refresh_tokens (token_hash, session_id) select :next_hash, session_id from used"
    " where salt = :salt)"
    " select kept.*, used.salt from kept cross join used"
)
REVOKE_USED = text(
    "update sessions set revoked_at = :now where revoked_at is null and id ="
    " (select session_id from refresh_tokens where token_hash = :token_hash and used_at is not null)"
    " returning cast(id as text) as id, cast(member_id as text) as member_id,"
    " cast(organization_id as text) as organization_id"
)
REVOKE_BY_TOKEN = text(
    "update sessions set revoked_at = :now where revoked_at is null and id ="
    " (select session_id from refresh_tokens where token_hash = :token_hash)"
    " returning cast(id as text) as id, cast(member_id as text) as member_id,"
    " cast(organization_id as text) as organization_id"
)
REVOKE = text(
    "update sessions set revoked_at = :now where revoked_at is null and member_id = cast(:member_id as uuid)"
    " and (:id = '' or cast(id as text) = :id) and cast(id as text) <> :but returning cast(id as text) as id"
)
LIST = text(
    "select cast(id as text) as id, cast(organization_id as text) as organization_id, source_ip, user_agent,"
    " created_at, used_at, expires_at from sessions where member_id = cast(:member_id as uuid)"
    " and revoked_at is null and expires_at > :now order by used_at desc, id"
)


@dataclass(frozen=True)
class Session:
    """A session, and the refresh token that keeps it next."""

    id: str
    member_id: str
    organization_id: str
    refresh_token: str


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(
    statements: Statements,
    member_id: str,
    organization_id: str,
    *,
    now: datetime,
    ttl_s: int,
    source_ip: str = "",
    user_agent: str = "",
) -> Session:
    """Begin a session of a member in an organization."""
    session = Session(str(uuid.uuid4()), member_id, organization_id, secrets.token_urlsafe(32))
    values = {
        "id": session.id,
        "member_id": member_id,
        "organization_id": organization_id,
        "source_ip": source_ip,
        "user_agent": user_agent[:200],
        "now": now,
        "expires_at": now + timedelta(seconds=ttl_s),
        "token_hash": token_hash(session.refresh_token),
    }
    statements.fetch(ADD, values)
    return session


def refresh_session(database: Database, token: str, *, now: datetime, ttl_s: int) -> Session:
    """The session of a refresh token, with the next token. Raises Unauthenticated; a token used long before ends it."""
    salt = secrets.token_urlsafe(32)
    used = {"now": now, "token_hash": token_hash(token)}
    following = {"salt": salt, "next_hash": token_hash(successor(token, salt))}
    times = {"grace": now - GRACE, "expires_at": now + timedelta(seconds=ttl_s)}
    rows = database.fetch(USE, {**used, **following, **times})
    if not rows:
        database.fetch(REVOKE_USED, used)
        raise Unauthenticated("the session has ended: sign in again")
    found = dict(rows[0])
    return Session(refresh_token=successor(token, found.pop("salt")), **found)


def successor(token: str, salt: str) -> str:
    """The refresh token after this one. Who knows only what is kept of the two cannot tell it."""
    made = hmac.new(token.encode(), salt.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def session_of(statements: Statements, token: str) -> str:
    """Which session a refresh token is of; empty for none."""
    rows = statements.fetch(
        text("select cast(session_id as text) as id from refresh_tokens where token_hash = :token_hash"),
        {"token_hash": token_hash(token)},
    )
    return str(rows[0]["id"]) if rows else ""


def end_session(statements: Statements, token: str, now: datetime) -> Mapping[str, Any] | None:
    """End the session of a refresh token; what it was, or None when there is none."""
    rows = statements.fetch(REVOKE_BY_TOKEN, {"token_hash": token_hash(token), "now": now})
    return rows[0] if rows else None


def revoke_sessions(statements: Statements, member_id: str, now: datetime, *, but: str = "") -> int:
    """End every session of a member, `but` one; returns how many."""
    return len(statements.fetch(REVOKE, {"member_id": member_id, "id": "", "but": but, "now": now}))


def revoke_session(statements: Statements, member_id: str, session_id: str, now: datetime) -> None:
    """End one session of a member. Raises NotFound."""
    values = {"member_id": member_id, "id": session_id, "but": "", "now": now}
    if not session_id or not statements.fetch(REVOKE, values):
        raise NotFound("no such session")


def list_sessions(statements: Statements, member_id: str, now: datetime) -> list[Mapping[str, Any]]:
    """The sessions of a member that live, the last used first."""
    return [dict(row) for row in statements.fetch(LIST, {"member_id": member_id, "now": now})]
