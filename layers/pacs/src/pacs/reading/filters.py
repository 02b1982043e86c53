"""Filters that a member has saved, and how many studies each finds now. Called by functions/studies and the portal."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from pacs.errors import BadRequest, NotFound
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reading.naming import require_name, require_uuid
from pacs.reading.wanted import read_wanted
from pacs.reading.worklist import MOST_COUNTS, count_studies

OWN = "organization_id = cast(:organization_id as uuid) and member_id = cast(:member_id as uuid)"
ADD = text(
    "insert into saved_filters (id, organization_id, member_id, name, wanted)"  # noqa: S608
    " select cast(:id as uuid), cast(:organization_id as uuid), cast(:member_id as uuid), :name,"
    f" cast(:wanted as jsonb) where (select count(*) from saved_filters where {OWN}) < {MOST_COUNTS} returning id"
)
LIST = text(f"select cast(id as text) as id, name, wanted from saved_filters where {OWN} order by created_at, name")  # noqa: S608
DELETE = text(f"delete from saved_filters where {OWN} and id = cast(:id as uuid) returning id")  # noqa: S608


def save_filter(services: Services, scope: Scope, name: str, wanted: Mapping[str, Sequence[str]]) -> str:
    """Save the parameters of a list under a name; returns its identifier. Raises BadRequest, Conflict (that name)."""
    read_wanted(wanted)
    kept = {key: list(values) for key, values in wanted.items() if any(values)}
    made = {"id": str(uuid.uuid4()), "name": require_name(name), "wanted": kept}
    if not services.database.fetch(ADD, owner(scope) | made):
        raise BadRequest(f"nobody saves more than {MOST_COUNTS} filters", field="name")
    return made["id"]  # type: ignore[return-value]


def list_filters(services: Services, scope: Scope) -> list[dict[str, Any]]:
    """One's own filters, the oldest first: id, name, wanted, and count (1000: as many or more)."""
    rows = services.database.fetch(LIST, owner(scope))
    counts = count_studies(services, scope, {row["id"]: read_wanted(row["wanted"]) for row in rows})
    return [{**row, "count": counts[row["id"]]} for row in rows]


def delete_filter(services: Services, scope: Scope, filter_id: str) -> None:
    """Raises NotFound: one's own there is none."""
    if not services.database.fetch(DELETE, owner(scope) | {"id": require_uuid(filter_id, "filter")}):
        raise NotFound("there is no such filter", field="filter")


def owner(scope: Scope) -> dict[str, Any]:
    """Raises NotFound for the token of a program."""
    if not scope.member_id:
        raise NotFound("this token is no member's")
    return {"organization_id": scope.organization_id, "member_id": scope.member_id}
