"""Who was connected to the DICOM door, when, and with what success? A row an association that has ended.

Written by the door, which goes on when it cannot; shown to administrators; forgotten by functions/crons in the end.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Database, Rows, Services

RECORD = text(
    """
    insert into connections (association, organization_id, branch_id, began_at, took_ms, address, calling_ae,
      called_ae, modality, outcome, reason, instances, size_bytes, failed, queries)
    select r.association, r.organization_id, r.branch_id, r.began_at, r.took_ms, r.address, r.calling_ae, r.called_ae,
      r.modality, r.outcome, r.reason, r.instances, r.size_bytes, r.failed, r.queries
    from jsonb_to_recordset(cast(:rows as jsonb)) as r(association text, organization_id uuid, branch_id uuid,
      began_at timestamptz, took_ms bigint, address text, calling_ae text, called_ae text, modality text, outcome text,
      reason text, instances integer, size_bytes bigint, failed integer, queries integer)
    on conflict (association) do nothing
    """
)
LIST = (
    "select c.id, c.association, c.began_at, c.took_ms, c.address, c.calling_ae, c.called_ae, c.modality, c.outcome,"
    " c.reason, c.instances, c.size_bytes, c.failed, c.queries, coalesce(b.code, '') as branch from connections c"
    " left join branches b on b.id = c.branch_id where c.organization_id = cast(:organization_id as uuid)"
)
PRUNE = text(
    "with gone as (delete from connections where began_at < :before returning 1) select count(*) as c from gone"
)


def record_connections(database: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write associations down, each once."""
    database.fetch(RECORD, {"rows": list(rows)})


def list_connections(
    database: Database, scope: Scope, *, title: str = "", outcome: str = "", before: int = 0, limit: int = 50
) -> Rows:
    """Associations of an organization, the newest first: of a calling AE title, of an outcome, before another row.

    The outcome "failed" is that of all with instances that were not stored.
    """
    parameters: dict[str, Any] = {"organization_id": scope.organization_id, "limit": limit}
    conditions = [LIST]
    if title:
        conditions.append("upper(c.calling_ae) = upper(:title)")
        parameters["title"] = title.strip()
    if outcome == "failed":
        conditions.append("c.failed > 0")
    elif outcome:
        conditions.append("c.outcome = :outcome")
        parameters["outcome"] = outcome
    if before:
        conditions.append("c.id < :before")
        parameters["before"] = before
    return database.fetch(text(" and ".join(conditions) + " order by c.id desc limit :limit"), parameters)


def prune_connections(services: Services) -> dict[str, int]:
    """Forget the associations that are older than the setting says; returns how many. Runs every night."""
    before = services.clock.now() - timedelta(days=services.settings.connections_days)
    return {"connections": services.database.fetch(PRUNE, {"before": before})[0]["c"]}
