"""Which of the studies of a link may still be shown? Those that are there, and that its maker may see now.

Called by functions/shares: a link never has more rights than whoever made it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.people.membership import find_by_id
from pacs.people.scope import Scope
from pacs.ports import Database


def covered_studies(database: Database, organization_id: str, member_id: str, studies: Sequence[str]) -> list[str]:
    """The studies that remain, in their order; none when the maker is no member any more. A program sees all."""
    scope: Scope | None = Scope(organization_id, "system")
    if member_id:
        member = find_by_id(database, member_id)
        scope = member.scope_in(organization_id) if member and member.disabled_at is None else None
    if scope is None:
        return []
    parameters: dict[str, Any] = {"wanted": list(studies)}
    conditions = [*scope_conditions(scope, parameters), "s.study_instance_uid = any(:wanted)"]
    statement = f"select s.study_instance_uid from studies s where {' and '.join(conditions)}"  # noqa: S608 - no value
    found = {row["study_instance_uid"] for row in database.fetch(text(statement), parameters)}
    return [each for each in studies if each in found]
