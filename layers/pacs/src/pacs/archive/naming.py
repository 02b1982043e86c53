"""Which study, series or instance has this UID? For those who name one without what it lies in: the `pacs` command."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import text

from pacs.archive.lookup import Level
from pacs.archive.search import scope_conditions
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.ports import Database

Kind = Literal["study", "series", "instance"]

COLUMNS = {"study": "study_instance_uid", "series": "series_instance_uid", "instance": "sop_instance_uid"}
LIVE = "studies s join instances i using (organization_id, study_instance_uid)"
DELETED = "deleted_instances s"


@dataclass(frozen=True)
class Named:
    """What has one of the UIDs, and how many instances it holds."""

    level: Level
    instances: int


def find_named(
    database: Database, scope: Scope, kind: Kind, uids: Sequence[str], *, deleted: bool = False
) -> list[Named]:
    """The studies, series or instances with these UIDs: those that are there, or those that were deleted.

    A UID that several studies use names all of them. Raises NotFound, naming the first UID that nothing has.
    """
    parameters: dict[str, Any] = {"uids": list(uids)}
    table, alias = (DELETED, "s") if deleted else (LIVE, "i")
    conditions = [*scope_conditions(scope, parameters), f"{alias}.{COLUMNS[kind]} = any(:uids)"]
    levels = list(COLUMNS)[: list(COLUMNS).index(kind) + 1]
    columns = ", ".join(COLUMNS[each] for each in levels)
    statement = (
        f"select {columns}, count(*) as instances from {table} where {' and '.join(conditions)}"  # noqa: S608
        f" group by {columns} order by {columns}"
    )
    rows = database.fetch(text(statement), parameters)
    found = {row[COLUMNS[kind]] for row in rows}
    for uid in uids:
        if uid not in found:
            raise NotFound(f"no {'deleted' if deleted else 'such'} {kind}: {uid}", field="UID")
    return [Named(Level(*(row[COLUMNS[each]] for each in levels)), row["instances"]) for row in rows]
