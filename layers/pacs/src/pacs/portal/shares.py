"""What people call the studies of links. Called by functions/pages."""

from collections.abc import Sequence

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Database

CODES = text(
    "select study_instance_uid, code from studies where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = any(:studies)"
)


def codes_of(database: Database, scope: Scope, studies: Sequence[str]) -> dict[str, str]:
    """The codes of studies of the scope's organization, by UID; what was deleted has none."""
    values = {"organization_id": scope.organization_id, "studies": list(dict.fromkeys(studies))}
    return {row["study_instance_uid"]: row["code"] for row in database.fetch(CODES, values)}
