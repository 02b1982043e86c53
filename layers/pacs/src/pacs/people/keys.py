"""API keys: by which programs knock in a manager's name. Asked by the authorizer; handled by the portal and `pacs key`.

A key is shown once and kept as a hash. It does what its scopes name (actions of the table of permissions), as far as
its member may, and only while that member is an active manager of an organization.
"""

import hashlib
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, find_by_id
from pacs.people.permissions import Action, may
from pacs.people.scope import KEY_PREFIX, Scope
from pacs.ports import Database, Rows, Statements

KEY = re.compile(KEY_PREFIX + "[A-Za-z0-9_-]{43}")
SHOWN_CHARACTERS = len(KEY_PREFIX) + 6
LONGEST_OVERLAP = timedelta(days=30)
USAGE = timedelta(days=30)
# What a key may be given. People, their rights, other keys and signatures are no program's affair.
GRANTABLE: tuple[Action, ...] = (
    "archive.search",
    "archive.retrieve",
    "archive.download",
    "archive.store",
    "worklist.read",
    "worklist.change",
    "studies.read",
    "studies.upload",
    "studies.assign",
    "launch.create",
    "share.create",
    "reports.read",
    "reports.dictate",
    "templates.read",
)
State = Literal["active", "expired", "revoked"]

ADD = text(
    "insert into api_keys (id, organization_id, member_id, name, prefix, key_hash, scopes, created_at, expires_at)"
    " values (cast(:id as uuid), cast(:organization_id as uuid), cast(:member_id as uuid), :name, :prefix, :key_hash,"
    " to_jsonb(cast(:scopes as text[])), :now, :expires_at)"
)
# Counts the call, too: one statement for what every call by a key costs.
USE = text(
    """
    with found as (
      select id, member_id, scopes from api_keys
      where key_hash = :key_hash and revoked_at is null and (expires_at is null or expires_at > :now)
    ), used as (
      update api_keys set last_used_at = :now where id in (select id from found)
    ), counted as (
      insert into api_key_usage as u (key_id, day, calls) select id, cast(:day as date), 1 from found
      on conflict (key_id, day) do update set calls = u.calls + 1
    )
    select cast(id as text) as id, cast(member_id as text) as member_id, scopes from found
    """
)
LIST = text(
    """
    select cast(k.id as text) as id, cast(k.member_id as text) as member_id, m.email, k.name, k.prefix, k.scopes,
      k.created_at, k.expires_at, k.revoked_at, cast(k.replaced_by as text) as replaced_by, k.last_used_at,
      m.manager and not m.importer and m.disabled_at is null and m.role <> 'individual' as usable,
      cast(coalesce((select sum(u.calls) from api_key_usage u where u.key_id = k.id
        and u.day > cast(:since as date)), 0) as bigint) as calls
    from api_keys k join organization_members m on m.id = k.member_id
    where k.organization_id = cast(:organization_id as uuid)
      and (:member_id = '' or cast(k.member_id as text) = :member_id)
    order by k.created_at desc, k.id
    """
)
USAGE_BY_DAY = text(
    "select cast(u.day as text) as day, cast(sum(u.calls) as bigint) as calls from api_key_usage u"
    " join api_keys k on k.id = u.key_id where k.organization_id = cast(:organization_id as uuid)"
    " and u.day > cast(:since as date) group by u.day order by u.day"
)
FIND = text(
    "select cast(member_id as text) as member_id, name, scopes, created_at, expires_at from api_keys"
    " where cast(id as text) = :id and organization_id = cast(:organization_id as uuid) and revoked_at is null"
    " and (expires_at is null or expires_at > :now) and replaced_by is null for update"
)
END = text(
    "update api_keys set replaced_by = cast(:replaced_by as uuid), expires_at = least(expires_at, :until)"
    " where cast(id as text) = :id"
)
REVOKE = text(
    "update api_keys set revoked_at = coalesce(revoked_at, :now) where cast(id as text) = :id"
    " and organization_id = cast(:organization_id as uuid) returning id"
)


@dataclass(frozen=True)
class NewKey:
    """What is asked of a key; without a moment it never expires."""

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class MadeKey:
    """A key that was just made. `key` is shown this once."""

    id: str
    name: str
    key: str


def create_key(statements: Statements, scope: Scope, member: Member, new: NewKey, now: datetime) -> MadeKey:
    """Make a key in a member's name. Wants a transaction. Raises BadRequest, naming the field; Forbidden."""
    standing = standing_of(member)
    if standing is None or member.organization_id != scope.organization_id:
        raise Forbidden("only an active manager of an organization has API keys", field="member")
    wanted = list(dict.fromkeys(new.scopes))
    if not wanted or not set(wanted) <= set(GRANTABLE):
        raise BadRequest(f"a key has scopes, which are some of {', '.join(GRANTABLE)}", field="scopes")
    if refused := [each for each in wanted if not may(standing, each)]:
        raise BadRequest(f"the member itself may not {refused[0]}", field="scopes")
    if not new.name.strip() or len(new.name) > 100:
        raise BadRequest("a key has a name of 1 to 100 characters", field="name")
    if new.expires_at is not None and new.expires_at <= now:
        raise BadRequest("a key expires some time in the future", field="expires_at")
    made = add_key(statements, member.id, scope, replace(new, name=new.name.strip(), scopes=wanted), now)
    record(statements, scope, Deed("change-key", subject=f"{made.id}: created {' '.join(wanted)}"))
    return made


def rotate_key(statements: Statements, scope: Scope, id: str, overlap: timedelta, now: datetime) -> MadeKey:
    """A new key of the same name, scopes and length of life; the old one is good for `overlap` more.

    Wants a transaction. Raises NotFound, BadRequest; Forbidden for another member's key, unless by an administrator;
    Conflict for a key that is not good any more, or has a successor.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise BadRequest(f"keys overlap for at most {LONGEST_OVERLAP.days} days", field="overlap")
    require_key(statements, scope, id)
    rows = statements.fetch(FIND, {"id": id, "organization_id": scope.organization_id, "now": now})
    if not rows:
        raise Conflict("the key is not good any more, or has been rotated", field="key")
    old = rows[0]
    if scope.role not in ("admin", "system") and old["member_id"] != scope.member_id:
        raise Forbidden("who rotates a key gets it: that is for its own manager, or an administrator", field="key")
    expires_at = now + (old["expires_at"] - old["created_at"]) if old["expires_at"] else None
    made = add_key(statements, old["member_id"], scope, NewKey(old["name"], old["scopes"], expires_at), now)
    statements.fetch(END, {"id": id, "replaced_by": made.id, "until": now + overlap})
    record(statements, scope, Deed("change-key", subject=f"{id}: rotated to {made.id}"))
    return made


def revoke_key(statements: Statements, scope: Scope, id: str, now: datetime) -> None:
    """Let a key in no more, from the next call on. Safe to repeat. Raises NotFound."""
    if not statements.fetch(REVOKE, {"id": id, "organization_id": scope.organization_id, "now": now}):
        raise NotFound("the organization has no such key", field="key")
    record(statements, scope, Deed("change-key", subject=f"{id}: revoked"))


def list_keys(statements: Statements, scope: Scope, now: datetime, *, member_id: str = "") -> list[dict[str, Any]]:
    """The keys of an organization, or of one member, the newest first, with their calls of the last thirty days."""
    values = {"organization_id": scope.organization_id, "member_id": member_id, "since": day_of(now - USAGE)}
    rows = statements.fetch(LIST, values)
    return [{**row, "state": state_of(row, now)} for row in rows]


def usage_by_day(statements: Statements, scope: Scope, now: datetime) -> Rows:
    """How often an organization's keys were used: `calls` of each `day` (in UTC) that had any, for thirty days."""
    values = {"organization_id": scope.organization_id, "since": day_of(now - USAGE)}
    return statements.fetch(USAGE_BY_DAY, values)


def scope_of_key(database: Database, key: str, now: datetime) -> Scope:
    """The scope of a call by a key; `session_id` is the key's identifier. Raises Unauthenticated.

    Of a member who may not use its key (any more) the scope allows nothing: such a call is refused and not unknown.
    """
    if not KEY.fullmatch(key):
        raise Unauthenticated("the API key is none of ours")
    rows = database.fetch(USE, {"key_hash": key_hash(key), "now": now, "day": day_of(now)})
    member = find_by_id(database, rows[0]["member_id"]) if rows else None
    if member is None:
        raise Unauthenticated("the API key is unknown, expired or revoked")
    standing = standing_of(member)
    if standing is None:
        nobody = Scope(member.organization_id, member.role, branches=(), member_id=member.id)
        return replace(nobody, actions=(), session_id=rows[0]["id"])
    return replace(standing, actions=tuple(rows[0]["scopes"]), session_id=rows[0]["id"])


def standing_of(member: Member) -> Scope | None:
    """What a member who may have keys sees of its organization; None for everybody else."""
    if member.disabled_at is not None:
        return None
    scope = member.scope_in(member.organization_id)
    return scope if scope and scope.manager else None


def add_key(statements: Statements, member_id: str, scope: Scope, new: NewKey, now: datetime) -> MadeKey:
    made = MadeKey(str(uuid.uuid4()), new.name, KEY_PREFIX + secrets.token_urlsafe(32))
    values = {
        "id": made.id,
        "organization_id": scope.organization_id,
        "member_id": member_id,
        "name": new.name,
        "prefix": made.key[:SHOWN_CHARACTERS],
        "key_hash": key_hash(made.key),
        "scopes": list(new.scopes),
        "now": now,
        "expires_at": new.expires_at,
    }
    statements.fetch(ADD, values)
    return made


def require_key(statements: Statements, scope: Scope, id: str) -> None:
    found = statements.fetch(
        text(
            "select 1 as one from api_keys where cast(id as text) = :id"
            " and organization_id = cast(:organization_id as uuid)"
        ),
        {"id": id, "organization_id": scope.organization_id},
    )
    if not found:
        raise NotFound("the organization has no such key", field="key")


def state_of(row: Mapping[str, Any], now: datetime) -> State:
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] is not None and row["expires_at"] <= now else "active"


def key_hash(key: str) -> str:
    """A key has 256 bits that nobody chose: a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def day_of(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def find_member_of_key(statements: Statements, scope: Scope) -> Member:
    """The member in whose name a scope's bearer acts. Raises Forbidden for whoever is none."""
    member = find_by_id(statements, scope.member_id) if scope.member_id else None
    if member is None:
        raise Forbidden("only members have API keys")
    return member
