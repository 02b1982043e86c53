"""A demonstration organization: its centres, and one person of each role. Made by `pacs demo`."""

from dataclasses import dataclass
from typing import Any

from pacs.people.organizations import Branch, NewMember, add_branch, add_member, add_organization
from pacs.people.passwords import generated
from pacs.people.scope import MemberRole, Scope
from pacs.ports import Database

NAME = "Demo"
CENTRES = ("Merkez", "Dev", "Kosova")
# Whom each role's person is, and which centres they see.
PEOPLE: tuple[tuple[MemberRole, str, tuple[str, ...]], ...] = (
    ("admin", "Demo Admin", CENTRES),
    ("centre", "Demo Centre", CENTRES[:1]),
    ("technician", "Demo Technician", CENTRES[1:2]),
    ("radiologist", "Demo Radiologist", CENTRES),
    ("accounting", "Demo Accounting", CENTRES),
)


@dataclass(frozen=True)
class Demonstration:
    """What was made. `members` hold their passwords, which are kept nowhere but as hashes."""

    organization_id: str
    branches: list[Branch]
    members: list[dict[str, Any]]


def make_demonstration(database: Database) -> Demonstration:
    """Make all of it, or nothing. Raises Conflict when it is there already."""
    with database.transaction() as statements:
        scope = Scope(add_organization(statements, NAME), "system")
        alone = Scope(add_organization(statements, f"{NAME} Individual"), "system")
        branches = [add_branch(statements, scope, name, name.upper()) for name in CENTRES]
        own = add_branch(statements, alone, "Individual", "SOLO")
        members = []
        for role, name, centres in PEOPLE:
            seen = [each for each in branches if each.name in centres]
            members.append((scope, seen, NewMember(address(role), generated(), role, name, ids(seen), role == "admin")))
        person = NewMember(address("individual"), generated(), "individual", "Demo Individual", ids([own]))
        members.append((alone, [own], person))
        made = [described(add_member(statements, where, new), where, seen, new) for where, seen, new in members]
    return Demonstration(scope.organization_id, [*branches, own], made)


def address(role: str) -> str:
    return f"{role}@demo.example"


def ids(branches: list[Branch]) -> list[str]:
    return [each.id for each in branches]


def described(member_id: str, scope: Scope, seen: list[Branch], new: NewMember) -> dict[str, Any]:
    return {
        "id": member_id,
        "organization_id": scope.organization_id,
        "email": new.email,
        "name": new.name,
        "role": new.role,
        "branches": [each.code for each in seen],
        "password": new.password,
    }
