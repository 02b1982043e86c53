"""Organizations, their branches and members: adding, listing, disabling. Called by accounts and the `pacs` command.

An organization is a tenant. A branch is a centre of it, whose code modalities and people name it by. A member has one
role in one organization and sees the branches granted to it, which may be another organization's: a reading network.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from pacs.errors import BadRequest, NotFound
from pacs.people.audit import Deed, record
from pacs.people.passwords import hashed
from pacs.people.scope import MEMBER_ROLES, MemberRole, Scope
from pacs.people.sessions import revoke_sessions
from pacs.ports import Rows, Statements

# `RAIPACS_` and a code are an AE title, which has 16 characters.
CODE = re.compile(r"[A-Z0-9]{1,8}")
EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,190}")

ADD_MEMBER = text(
    "insert into organization_members (id, organization_id, email, name, role, manager, importer, importer_from,"
    " importer_until, password_hash) values (cast(:id as uuid), cast(:organization_id as uuid), :email, :name, :role,"
    " :manager, :importer, :importer_from, :importer_until, :password_hash)"
)
GRANT = text(
    "insert into organization_member_branches (member_id, branch_id)"
    " values (cast(:member_id as uuid), cast(:branch_id as uuid)) on conflict do nothing"
)
MEMBERS = text(
    "select cast(m.id as text) as id, m.email, m.name, m.role, m.manager, m.importer, m.importer_from,"
    " m.importer_until, m.disabled_at, m.created_at, coalesce((select string_agg(b.code, ',' order by g.granted_at,"
    " b.code) from organization_member_branches g join branches b on b.id = g.branch_id where g.member_id = m.id), '')"
    " as branches from organization_members m where m.organization_id = cast(:organization_id as uuid)"
    " order by m.created_at, m.email"
)
# Grants of other organizations' branches are theirs, and stay.
KEEP_GRANTS = text(
    "with member as (select id from organization_members where cast(id as text) = :member_id"
    " and organization_id = cast(:organization_id as uuid)),"
    " gone as (delete from organization_member_branches g using member, branches b where g.member_id = member.id"
    " and b.id = g.branch_id and b.organization_id = cast(:organization_id as uuid)"
    " and not cast(b.id as text) = any(:branches) returning 1)"
    " select cast(id as text) as id, (select count(*) from gone) as gone from member"
)
DISABLE = text(
    "update organization_members set disabled_at = coalesce(disabled_at, :now)"
    " where organization_id = cast(:organization_id as uuid) and lower(email) = :email"
    " returning cast(id as text) as id"
)


@dataclass(frozen=True)
class Branch:
    id: str
    organization_id: str
    code: str
    name: str


@dataclass(frozen=True)
class NewMember:
    """Somebody to be added. `branches` are identifiers, the first one where uploads go by default."""

    email: str
    password: str
    role: MemberRole
    name: str = ""
    branches: Sequence[str] = ()
    manager: bool = False
    importer: bool = False
    importer_from: datetime | None = None
    importer_until: datetime | None = None


def add_organization(statements: Statements, name: str) -> str:
    """Make an organization; returns its identifier. Raises Conflict when one has this name."""
    made = str(uuid.uuid4())
    statements.fetch(
        text("insert into organizations (id, name) values (cast(:id as uuid), :name)"),
        {"id": made, "name": required(name, "name")},
    )
    return made


def find_organization(statements: Statements, wanted: str) -> str:
    """The identifier of an organization by its name or identifier. Raises NotFound."""
    rows = statements.fetch(
        text(
            "select cast(id as text) as id from organizations where lower(name) = lower(:wanted) or"
            " cast(id as text) = lower(:wanted)"
        ),
        {"wanted": wanted.strip()},
    )
    if not rows:
        raise NotFound("there is no such organization", field="organization")
    return str(rows[0]["id"])


def list_organizations(statements: Statements) -> list[dict[str, Any]]:
    """Every organization, oldest first, with `name`, `id` and how many `members` it has. For operators alone."""
    rows = statements.fetch(
        text(
            "select o.name, cast(o.id as text) as id, count(m.id) as members from organizations o"
            " left join organization_members m on m.organization_id = o.id"
            " group by o.id order by o.created_at, o.id"
        )
    )
    return [dict(row) for row in rows]


def add_branch(statements: Statements, scope: Scope, name: str, code: str) -> Branch:
    """Make a branch of the scope's organization. Its code never changes. Raises BadRequest, Conflict."""
    if not CODE.fullmatch(code):
        raise BadRequest("a branch's code has 1 to 8 capital letters or digits", field="code")
    branch = Branch(str(uuid.uuid4()), scope.organization_id, code, required(name, "name"))
    statements.fetch(
        text(
            "insert into branches (id, organization_id, code, name)"
            " values (cast(:id as uuid), cast(:organization_id as uuid), :code, :name)"
        ),
        branch.__dict__,
    )
    return branch


def list_branches(statements: Statements, scope: Scope) -> list[Branch]:
    """The branches of an organization, oldest first."""
    rows = statements.fetch(
        text(
            "select cast(id as text) as id, cast(organization_id as text) as organization_id, code, name from branches"
            " where organization_id = cast(:organization_id as uuid) order by created_at, code"
        ),
        {"organization_id": scope.organization_id},
    )
    return [Branch(**row) for row in rows]


def find_branches(statements: Statements, scope: Scope, codes: Sequence[str]) -> list[Branch]:
    """Branches by code; `ORGANIZATION/CODE` is another organization's. Raises NotFound, naming the first unknown."""
    found = []
    for each in codes:
        organization, slash, code = each.rpartition("/")
        owner = Scope(find_organization(statements, organization), "system") if slash else scope
        branch = next((one for one in list_branches(statements, owner) if one.code == code), None)
        if branch is None:
            raise NotFound(f"there is no branch {each}", field="branch")
        found.append(branch)
    return found


def add_member(statements: Statements, scope: Scope, member: NewMember) -> str:
    """Add a member to the scope's organization, with its grants; returns its identifier. Wants a transaction.

    Only an importer has a window, which must end. Raises BadRequest, Conflict.
    """
    if not EMAIL.fullmatch(member.email):
        raise BadRequest("this is no e-mail address", field="email")
    if member.role not in MEMBER_ROLES:
        raise BadRequest(f"the role is none of {', '.join(MEMBER_ROLES)}", field="role")
    if member.importer != (member.importer_until is not None):
        raise BadRequest("an importer has a window that ends, and nobody else has one", field="importer")
    row: dict[str, Any] = {**member.__dict__, "organization_id": scope.organization_id, "id": str(uuid.uuid4())}
    row |= {"email": member.email.lower(), "name": member.name.strip() or member.email}
    row["password_hash"] = hashed(row.pop("password"))
    del row["branches"]
    statements.fetch(ADD_MEMBER, row)
    for branch_id in member.branches:
        statements.fetch(GRANT, {"member_id": row["id"], "branch_id": branch_id})
    rights = [member.role, *(["manager"] if member.manager else []), *(["importer"] if member.importer else [])]
    record(statements, scope, Deed("change-rights", subject=f"{row['id']}: {' '.join(rights)}"))
    return str(row["id"])


def list_members(statements: Statements, scope: Scope) -> list[Mapping[str, Any]]:
    """The members of an organization, oldest first; `branches` is the list of the codes granted."""
    rows: Rows = statements.fetch(MEMBERS, {"organization_id": scope.organization_id})
    return [{**row, "branches": row["branches"].split(",") if row["branches"] else []} for row in rows]


def grant_branches(
    statements: Statements, scope: Scope, member_id: str, branches: Sequence[str], now: datetime
) -> None:
    """Let a member of the scope's organization see these of its branches, and no others of it. Wants a transaction.

    A member who loses one signs in again. Raises NotFound for a member or a branch that is not the organization's.
    """
    known = {each.id: each.code for each in list_branches(statements, scope)}
    if unknown := set(branches) - known.keys():
        raise NotFound(f"the organization has no branch {min(unknown)}", field="branch")
    values = {"organization_id": scope.organization_id, "member_id": member_id, "branches": list(branches)}
    kept = statements.fetch(KEEP_GRANTS, values)
    if not kept:
        raise NotFound("the organization has no such member", field="member")
    if kept[0]["gone"]:
        revoke_sessions(statements, member_id, now)
    for branch_id in branches:
        statements.fetch(GRANT, {"member_id": member_id, "branch_id": branch_id})
    codes = " ".join(known[each] for each in branches)
    record(statements, scope, Deed("change-rights", subject=f"{member_id}: branches {codes}".strip()))


def disable_member(statements: Statements, scope: Scope, email: str, now: datetime) -> str:
    """Let a member in no more, and end its sessions; returns its identifier. Safe to repeat. Raises NotFound."""
    rows = statements.fetch(
        DISABLE, {"organization_id": scope.organization_id, "email": email.strip().lower(), "now": now}
    )
    if not rows:
        raise NotFound("the organization has no such member", field="email")
    revoke_sessions(statements, rows[0]["id"], now)
    record(statements, scope, Deed("change-rights", subject=f"{rows[0]['id']}: disabled"))
    return str(rows[0]["id"])


def required(value: str, field: str) -> str:
    if not value.strip() or len(value) > 200:
        raise BadRequest(f"{field} has 1 to 200 characters", field=field)
    return value.strip()
