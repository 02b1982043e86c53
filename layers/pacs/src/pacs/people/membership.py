"""What a member may see where: from its rows to a scope. Asked by sign-in.

Source of the rule: admin, accounting and individual see the whole of their organization, studies of no branch
included; everybody else sees the branches granted, and nothing without a grant. Readers, and they alone, may be
granted branches of other organizations; there they are radiologists, whatever they are at home.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from pacs.people.scope import MemberRole, Role, Scope
from pacs.ports import Statements

ORGANIZATION_WIDE: tuple[MemberRole, ...] = ("admin", "accounting", "individual")
READERS: tuple[MemberRole, ...] = ("radiologist", "individual")

FIND = (
    "select cast(m.id as text) as id, cast(m.organization_id as text) as organization_id, m.email, m.name, m.role,"
    " m.manager, m.importer, m.importer_from, m.importer_until, m.password_hash, m.totp_secret,"
    " m.totp_since, m.disabled_at, m.provider_subject, m.provided,"
    " coalesce((select jsonb_agg(jsonb_build_array(b.organization_id, b.id) order by g.granted_at, b.code)"
    " from organization_member_branches g join branches b on b.id = g.branch_id where g.member_id = m.id), '[]')"
    " as grants from organization_members m where "
)
BY_EMAIL = text(FIND + "lower(m.email) = :email")
BY_SUBJECT = text(FIND + "m.provider_subject = :subject")
BY_ID = text(FIND + "m.id = cast(:id as uuid)")


@dataclass(frozen=True)
class Member:
    """A member; `grants` are pairs of organization and branch, in the order in which they were granted.

    Of one who is `provided` the OpenID provider that calls it `provider_subject` decides role and branches.
    """

    id: str
    organization_id: str
    email: str
    name: str
    role: MemberRole
    manager: bool
    importer: bool
    importer_from: datetime | None
    importer_until: datetime | None
    password_hash: str
    totp_secret: str | None
    totp_since: datetime | None
    disabled_at: datetime | None
    grants: tuple[tuple[str, str], ...]
    provider_subject: str | None = None
    provided: bool = False

    def is_let_in(self, now: datetime) -> bool:
        """Whether the member may come in now: not disabled, and an importer only inside its window."""
        if self.disabled_at is not None:
            return False
        if not self.importer:
            return True
        begun = self.importer_from is None or self.importer_from <= now
        return begun and self.importer_until is not None and now < self.importer_until

    def branches_in(self, organization_id: str) -> tuple[str, ...]:
        return tuple(branch for organization, branch in self.grants if organization == organization_id)

    @property
    def organizations(self) -> list[str]:
        """Where the member may work, its own organization first."""
        networks = [organization for organization, _ in self.grants] if self.role in READERS else []
        return list(dict.fromkeys([self.organization_id, *networks]))

    def scope_in(self, organization_id: str) -> Scope | None:
        """What the member sees in an organization; None where it has no business."""
        if organization_id not in self.organizations:
            return None
        home = organization_id == self.organization_id
        role: Role = "importer" if self.importer else self.role if home else "radiologist"
        everything = home and self.role in ORGANIZATION_WIDE
        return Scope(
            organization_id,
            role,
            branches=None if everything else self.branches_in(organization_id),
            member_id=self.id,
            # A right within a company: who works alone, or may only bring studies, has none.
            manager=home and self.manager and not self.importer and self.role != "individual",
        )


NAMED = text(
    "select cast(o.id as text) as organization_id, o.name as organization, cast(b.id as text) as branch_id, b.code,"
    " b.name from organizations o left join branches b on b.organization_id = o.id"
    " where o.id = any(cast(:organizations as uuid[])) order by o.created_at, b.created_at, b.code"
)


def describe_organizations(statements: Statements, member: Member) -> list[dict[str, Any]]:
    """Where a member may work, its own organization first, each with the branches that it sees there."""
    made: dict[str, dict[str, Any]] = {}
    rows = statements.fetch(NAMED, {"organizations": member.organizations})
    for row in sorted(rows, key=lambda row: row["organization_id"] != member.organization_id):
        named = {"id": row["organization_id"], "name": row["organization"], "branches": []}
        organization = made.setdefault(row["organization_id"], named)
        scope = member.scope_in(row["organization_id"])
        if scope and row["branch_id"] and (scope.branches is None or row["branch_id"] in scope.branches):
            organization["branches"].append({"id": row["branch_id"], "code": row["code"], "name": row["name"]})
    return list(made.values())


def find_by_email(statements: Statements, email: str) -> Member | None:
    return member_of(statements.fetch(BY_EMAIL, {"email": email.strip().lower()}))


def find_by_subject(statements: Statements, subject: str) -> Member | None:
    """The member whom an OpenID provider calls so."""
    return member_of(statements.fetch(BY_SUBJECT, {"subject": subject}))


def find_by_id(statements: Statements, member_id: str) -> Member | None:
    return member_of(statements.fetch(BY_ID, {"id": member_id}))


def member_of(rows: list[Mapping[str, Any]]) -> Member | None:
    if not rows:
        return None
    grants = tuple((organization, branch) for organization, branch in rows[0]["grants"])
    return Member(**{**rows[0], "grants": grants})
