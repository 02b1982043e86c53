"""Those who read: whom studies can be assigned to, the pools they are in, and the modalities they read.

Called by functions/studies and the portal.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import BadRequest, NotFound
from pacs.people.scope import Scope
from pacs.ports import Database, Statements
from pacs.reading.naming import require_name, require_uuid
from pacs.reading.wanted import MODALITY

MOST_MODALITIES = 50
# Readers of the organization, and those of others who are granted a branch of it.
IS_READER = (
    "m.role in ('radiologist', 'individual') and not m.importer and m.disabled_at is null"
    " and (m.organization_id = cast(:organization_id as uuid) or exists (select from organization_member_branches g"
    " join branches b on b.id = g.branch_id where g.member_id = m.id"
    " and b.organization_id = cast(:organization_id as uuid)))"
)
READERS = (
    "select cast(m.id as text) as id, m.name,"  # noqa: S608 - our own words
    " coalesce((select jsonb_agg(r.modality order by r.modality)"
    " from reader_modalities r where r.organization_id = cast(:organization_id as uuid) and r.member_id = m.id), '[]')"
    " as modalities, (select count(*) from studies s where {covered}"
    " and s.state in ('assigned', 'claimed', 'draft', 'preliminary')"
    " and coalesce(s.claimed_by, s.assigned_member_id) = m.id) as waiting"
    f" from organization_members m where {IS_READER} order by m.name, m.id"
)
POOLS = text(
    "select cast(p.id as text) as id, p.name, coalesce((select jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name)"
    " order by m.name, m.id) from reader_pool_members x join organization_members m on m.id = x.member_id"
    " where x.pool_id = p.id), '[]') as members from reader_pools p"
    " where p.organization_id = cast(:organization_id as uuid) order by lower(p.name)"
)
ADD_POOL = text(
    "insert into reader_pools (id, organization_id, name)"
    " values (cast(:id as uuid), cast(:organization_id as uuid), :name)"
)
RENAME_POOL = text(
    "update reader_pools set name = :name where id = cast(:id as uuid)"
    " and organization_id = cast(:organization_id as uuid) returning id"
)
EMPTY_POOL = text("delete from reader_pool_members where pool_id = cast(:id as uuid)")
FILL_POOL = text(
    "insert into reader_pool_members (pool_id, member_id)"  # noqa: S608 - our own words
    " select cast(:id as uuid), m.id from organization_members m"
    f" where m.id = any(cast(:members as uuid[])) and {IS_READER} returning member_id"
)
# What was assigned to it is assigned to nobody then.
DELETE_POOL = text(
    "with gone as (delete from reader_pools where id = cast(:id as uuid)"
    " and organization_id = cast(:organization_id as uuid) returning id),"
    " freed as (update studies s set assigned_pool_id = null, state = case s.state when 'assigned' then 'received'"
    " else s.state end from gone where s.organization_id = cast(:organization_id as uuid)"
    " and s.assigned_pool_id = gone.id) select id from gone"
)
FORGET_MODALITIES = text(
    "delete from reader_modalities where organization_id = cast(:organization_id as uuid)"
    " and member_id = cast(:member_id as uuid)"
)
ADD_MODALITIES = text(
    "insert into reader_modalities (organization_id, member_id, modality)"
    " select cast(:organization_id as uuid), cast(:member_id as uuid), x from unnest(:modalities) x"
)
FIND_READER = text(f"select m.id from organization_members m where m.id = cast(:member_id as uuid) and {IS_READER}")  # noqa: S608


def list_readers(statements: Statements, scope: Scope) -> list[dict[str, Any]]:
    """Whom studies can be assigned to: id, name, modalities (none: all of them), and how many wait for them.

    What waits is counted as far as the scope sees it.
    """
    parameters: dict[str, Any] = {}
    covered = " and ".join(scope_conditions(scope, parameters))
    return [dict(row) for row in statements.fetch(text(READERS.replace("{covered}", covered)), parameters)]


def set_modalities(database: Database, scope: Scope, member_id: str, modalities: Sequence[str]) -> None:
    """The modalities that a reader is offered; an empty list means all of them. Raises BadRequest, NotFound."""
    spelt = sorted({each.strip().upper() for each in modalities})
    if len(spelt) > MOST_MODALITIES or not all(MODALITY.fullmatch(each) for each in spelt):
        raise BadRequest("modalities are codes as CT and MR", field="modalities")
    named = {"organization_id": scope.organization_id, "member_id": require_uuid(member_id, "member_id")}
    with database.transaction() as statements:
        if not statements.fetch(FIND_READER, named):
            raise NotFound("there is no such reader", field="member_id")
        statements.fetch(FORGET_MODALITIES, named)
        if spelt:
            statements.fetch(ADD_MODALITIES, named | {"modalities": spelt})


def list_pools(statements: Statements, scope: Scope) -> list[dict[str, Any]]:
    """The pools of an organization by name, with their members."""
    return [dict(row) for row in statements.fetch(POOLS, {"organization_id": scope.organization_id})]


def add_pool(database: Database, scope: Scope, name: str, members: Sequence[str]) -> str:
    """Make a pool of readers; returns its identifier. Raises BadRequest, NotFound, Conflict (that name)."""
    made = {"id": str(uuid.uuid4()), "organization_id": scope.organization_id}
    with database.transaction() as statements:
        statements.fetch(ADD_POOL, made | {"name": require_name(name)})
        fill_pool(statements, made, members)
    return made["id"]


def change_pool(database: Database, scope: Scope, pool_id: str, name: str, members: Sequence[str]) -> None:
    """Another name, and other members. Raises BadRequest, NotFound, Conflict (that name)."""
    named = {"id": require_uuid(pool_id, "pool"), "organization_id": scope.organization_id}
    with database.transaction() as statements:
        if not statements.fetch(RENAME_POOL, named | {"name": require_name(name)}):
            raise NotFound("there is no such pool", field="pool")
        statements.fetch(EMPTY_POOL, {"id": named["id"]})
        fill_pool(statements, named, members)


def fill_pool(statements: Statements, named: dict[str, str], members: Sequence[str]) -> None:
    wanted = {require_uuid(each, "members") for each in members}
    if wanted and len(statements.fetch(FILL_POOL, named | {"members": sorted(wanted)})) < len(wanted):
        raise NotFound("there is no such reader", field="members")


def delete_pool(database: Database, scope: Scope, pool_id: str) -> None:
    """Studies that were assigned to it are assigned to nobody. Raises NotFound."""
    named = {"id": require_uuid(pool_id, "pool"), "organization_id": scope.organization_id}
    if not database.fetch(DELETE_POOL, named):
        raise NotFound("there is no such pool", field="pool")
