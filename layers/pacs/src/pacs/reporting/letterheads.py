"""The letterhead of a centre: the lines below its name on its reports. Called by functions/reports."""

from sqlalchemy import text

from pacs.errors import BadRequest, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Database, Statements

LONGEST, MOST = 400, 6
FIND = (
    "select cast(b.id as text) as id, b.code, b.name, o.name as organization, coalesce(l.lines, '') as lines"
    " from branches b join organizations o on o.id = b.organization_id left join letterheads l on l.branch_id = b.id"
    " where b.organization_id = cast(:organization_id as uuid) and b.code = :code"
    " and (:everywhere or b.id = any(cast(:branches as uuid[])))"
)
SET = text(
    "insert into letterheads (branch_id, lines, updated_at) values (cast(:id as uuid), :lines, now())"
    " on conflict (branch_id) do update set lines = excluded.lines, updated_at = excluded.updated_at"
)


def read_letterhead(statements: Statements, scope: Scope, code: str) -> dict[str, str]:
    """A branch with the lines of its letterhead. Raises NotFound, also for a branch outside the scope."""
    parameters = {
        "organization_id": scope.organization_id,
        "code": code,
        "everywhere": scope.branches is None,
        "branches": list(scope.branches or ()),
    }
    rows = statements.fetch(text(FIND), parameters)
    if not rows:
        raise NotFound("no such branch", field="branch")
    return {name: rows[0][name] for name in ("id", "code", "name", "organization", "lines")}


def change_letterhead(database: Database, scope: Scope, code: str, lines: str) -> dict[str, str]:
    """Replace the lines of a letterhead. Raises NotFound, BadRequest."""
    kept = "\n".join(line.strip() for line in lines.splitlines() if line.strip())
    if len(kept) > LONGEST or kept.count("\n") >= MOST:
        raise BadRequest(f"a letterhead has at most {MOST} lines and {LONGEST} characters", field="lines")
    with database.transaction() as statements:
        found = read_letterhead(statements, scope, code)
        statements.fetch(SET, {"id": found["id"], "lines": kept})
        record(statements, scope, Deed("change-template", subject=f"letterhead {code}"))
    return {**found, "lines": kept}
