"""How long may a study wait? An organization's clocks for urgent and for other studies. Called by functions/studies."""

from typing import Any

from sqlalchemy import text

from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.ports import Statements

URGENT_MIN, ROUTINE_MIN = 60, 24 * 60
LONGEST_MIN = 60 * 24 * 365
# Of the organization of `studies s`, beside which `turnaround t` is joined.
JOIN = " left join turnaround t on t.organization_id = s.organization_id"
MINUTES = (
    f"case when s.urgent then coalesce(t.urgent_min, {URGENT_MIN}) else coalesce(t.routine_min, {ROUTINE_MIN}) end"
)
DUE = f"s.created_at + make_interval(mins => {MINUTES})"

READ = text("select urgent_min, routine_min from turnaround where organization_id = cast(:organization_id as uuid)")
WRITE = text(
    "insert into turnaround (organization_id, urgent_min, routine_min) values (cast(:organization_id as uuid), :urgent,"
    " :routine) on conflict (organization_id) do update set (urgent_min, routine_min)"
    " = (excluded.urgent_min, excluded.routine_min)"
)


def read_turnaround(statements: Statements, scope: Scope) -> dict[str, Any]:
    """Minutes from the arrival of a study to its report."""
    rows = statements.fetch(READ, {"organization_id": scope.organization_id})
    return dict(rows[0]) if rows else {"urgent_min": URGENT_MIN, "routine_min": ROUTINE_MIN}


def set_turnaround(statements: Statements, scope: Scope, *, urgent_min: int, routine_min: int) -> None:
    """Set both clocks, for studies that are waiting too. Raises BadRequest."""
    for field, minutes in (("urgent_min", urgent_min), ("routine_min", routine_min)):
        if not 0 < minutes <= LONGEST_MIN:
            raise BadRequest(f"{field} is 1 to {LONGEST_MIN} minutes", field=field)
    values = {"organization_id": scope.organization_id, "urgent": urgent_min, "routine": routine_min}
    statements.fetch(WRITE, values)
