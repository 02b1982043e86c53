"""People for tests that look at pages."""

from typing import Any

from pacs.people.organizations import NewMember, add_branch, add_member
from pacs.people.scope import MEMBER_ROLES
from tests.functions.doors import PASSWORD


def members_of_each_role(clinic: Any) -> None:
    """One of each role, named after it, who see the first branch; and a second branch, so that there is a choice."""
    with clinic.services.database.transaction() as statements:
        add_branch(statements, clinic.scope, "Kosova", "KOSOVA")
        for role in MEMBER_ROLES:
            grants = (clinic.made.branch_id,)
            add_member(statements, clinic.scope, NewMember(f"{role}@example.org", PASSWORD, role, role.title(), grants))
