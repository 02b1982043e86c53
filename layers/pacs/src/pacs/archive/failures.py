"""What could not be indexed, derived or transcoded, and why. For `pacs failures`."""

from collections.abc import Iterable, Mapping
from typing import Literal
from uuid import UUID

from sqlalchemy import text

from pacs.errors import PacsError, answer_for
from pacs.people.scope import Scope
from pacs.ports import Database, Rows

Stage = Literal["index", "derive", "transcode", "reconcile"]

RECORD = text(
    """
    insert into failures (organization_id, stage, object_key, code, reason, attempts, first_at, last_at)
    select r.organization_id, :stage, r.object_key, r.code, r.reason, 1, now(), now()
    from jsonb_to_recordset(cast(:rows as jsonb)) as r(organization_id uuid, object_key text, code text, reason text)
    on conflict (stage, object_key) do update set
      code = excluded.code, reason = excluded.reason, attempts = failures.attempts + 1, last_at = now()
    """
)
CLEAR = text("delete from failures where stage = any(:stages) and object_key = any(:object_keys)")
LIST = text(
    "select stage, object_key, code, reason, attempts, first_at, last_at from failures"
    " where organization_id = cast(:organization_id as uuid) or (organization_id is null and :is_system)"
    " order by last_at desc, id desc limit :limit"
)
COUNT = text("select stage, count(*) as count from failures group by stage")


def record_failures(database: Database, stage: Stage, problems: Mapping[str, PacsError]) -> None:
    """Remember why these objects (by key) failed; a further failure counts one more attempt."""
    if problems:
        rows = [
            {
                "organization_id": organization_of(key),
                "object_key": key,
                "code": answer_for(error).code,
                "reason": error.message,
            }
            for key, error in sorted(problems.items())
        ]
        database.fetch(RECORD, {"stage": stage, "rows": rows})


def organization_of(key: str) -> str | None:
    """The organization a key begins with; None for a key that no writer of ours made."""
    try:
        return str(UUID(key.split("/", 1)[0]))
    except ValueError:
        return None


def clear_failures(database: Database, stages: tuple[Stage, ...], object_keys: Iterable[str]) -> None:
    """Forget the failures of objects that went through after all."""
    database.fetch(CLEAR, {"stages": list(stages), "object_keys": sorted(object_keys)})


def list_failures(database: Database, scope: Scope, *, limit: int = 1000) -> Rows:
    """The failures of an organization, the newest first. The archive itself sees those of nobody, too."""
    parameters = {"organization_id": scope.organization_id, "is_system": scope.role == "system", "limit": limit}
    return database.fetch(LIST, parameters)


def count_failures(database: Database) -> dict[str, int]:
    """How many failures each stage has."""
    return {row["stage"]: row["count"] for row in database.fetch(COUNT)}
