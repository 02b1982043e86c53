"""The first organization with its branch and its administrator. Called by functions/migrate and the start."""

from dataclasses import dataclass

from sqlalchemy import text

from pacs.people.organizations import NewMember, add_branch, add_member, add_organization
from pacs.people.passwords import generated
from pacs.people.scope import Scope
from pacs.ports import Database

DEFAULT_BRANCH = "MERKEZ"


@dataclass(frozen=True)
class FirstAdministrator:
    """What the first start made. `password` is shown once and kept nowhere but as its hash."""

    organization_id: str
    branch_id: str
    email: str
    password: str


def default_organization(database: Database) -> tuple[str, str] | None:
    """The oldest organization and its oldest branch, or None before the first start."""
    rows = database.fetch(
        text(
            "select o.id as organization_id, b.id as branch_id from organizations o"
            " join branches b on b.organization_id = o.id order by o.created_at, b.created_at limit 1"
        )
    )
    return (str(rows[0]["organization_id"]), str(rows[0]["branch_id"])) if rows else None


def first_administrator(database: Database, *, email: str, organization_name: str) -> FirstAdministrator | None:
    """Make the first organization, branch and administrator; None when there is one already."""
    if default_organization(database):
        return None
    with database.transaction() as statements:
        organization_id = add_organization(statements, organization_name)
        scope = Scope(organization_id, "system")
        branch = add_branch(statements, scope, DEFAULT_BRANCH.capitalize(), DEFAULT_BRANCH)
        member = NewMember(email, generated(), "admin", manager=True)
        add_member(statements, scope, member)
    return FirstAdministrator(organization_id, branch.id, email, member.password)
