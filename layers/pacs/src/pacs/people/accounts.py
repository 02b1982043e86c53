"""Organizations, branches and members as far as somebody must own the archive; the sign-in by password.

Called by functions/migrate (the first of each), functions/portal (sign-in) and the CLI.
"""

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text

from pacs.errors import Unauthenticated
from pacs.people.scope import Scope
from pacs.ports import Database

# 19 MiB, two passes, one lane: OWASP's figure for Argon2id, 120 ms where the library's default takes 1.4 s.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified when there is no such member, so that the answer takes as long as for a wrong password.
NOBODY = HASHER.hash(secrets.token_hex(16))

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
    """Make the first organization, branch and administrator in one transaction; None when there is one already."""
    if default_organization(database):
        return None
    made = FirstAdministrator(str(uuid.uuid4()), str(uuid.uuid4()), email, secrets.token_urlsafe(12))
    with database.transaction() as statements:
        statements.fetch(
            text("insert into organizations (id, name) values (cast(:id as uuid), :name)"),
            {"id": made.organization_id, "name": organization_name},
        )
        statements.fetch(
            text(
                "insert into branches (id, organization_id, code, name)"
                " values (cast(:id as uuid), cast(:organization_id as uuid), :code, :name)"
            ),
            {
                "id": made.branch_id,
                "organization_id": made.organization_id,
                "code": DEFAULT_BRANCH,
                "name": DEFAULT_BRANCH.capitalize(),
            },
        )
        statements.fetch(
            text(
                "insert into members (id, organization_id, email, name, role, password_hash, active) values"
                " (cast(:id as uuid), cast(:organization_id as uuid), :email, :email, 'admin', :password_hash, true)"
            ),
            {
                "id": str(uuid.uuid4()),
                "organization_id": made.organization_id,
                "email": email.lower(),
                "password_hash": HASHER.hash(made.password),
            },
        )
    return made


def sign_in(database: Database, email: str, password: str) -> Scope:
    """The scope of the member with this e-mail and password.

    Raises Unauthenticated, in the same words and the same time whether the e-mail or the password is wrong.
    """
    rows = database.fetch(
        text("select id, organization_id, role, password_hash from members where email = :email and active"),
        {"email": email.strip().lower()},
    )
    row: Any = rows[0] if rows else {"password_hash": NOBODY}
    try:
        HASHER.verify(row["password_hash"], password)
    except (VerificationError, InvalidHashError) as error:
        raise Unauthenticated("wrong e-mail or password") from error
    if not rows:
        raise Unauthenticated("wrong e-mail or password")
    return Scope(organization_id=str(row["organization_id"]), role=row["role"], member_id=str(row["id"]))
