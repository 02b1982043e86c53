"""What was received, and when? A row for every arrival of an instance, kept for a while; no patient data.

Written by functions/arrivals from the events of indexed instances; read by `pacs status`, and by whoever counts by
the day. An instance that was received again with other bytes has arrived twice; one that is indexed again has not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from pacs.ports import Database, Services

RECORD = text(
    """
    with recorded as (
      insert into arrivals (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid,
        transfer_syntax_uid, size_bytes, at)
      select "organizationId", "StudyInstanceUID", "SeriesInstanceUID", "SopInstanceUID", "TransferSyntax",
        "FileSize", "ReceivedAt"
      from jsonb_to_recordset(cast(:rows as jsonb)) as r("organizationId" uuid, "StudyInstanceUID" text,
        "SeriesInstanceUID" text, "SopInstanceUID" text, "TransferSyntax" text, "FileSize" bigint,
        "ReceivedAt" timestamptz)
      on conflict do nothing returning size_bytes
    )
    select count(*) as instances, cast(coalesce(sum(size_bytes), 0) as bigint) as size_bytes from recorded
    """
)
RECEIVED = text(
    "select count(*) as instances, cast(coalesce(sum(size_bytes), 0) as bigint) as size_bytes"
    " from arrivals where at >= :since"
)
PRUNE = text("with gone as (delete from arrivals where at < :before returning 1) select count(*) as count from gone")


def record_arrivals(database: Database, events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Record what these events tell of; `instances` and `size_bytes` of what was not recorded before."""
    return dict(database.fetch(RECORD, {"rows": list(events)})[0])


def received_since(database: Database, since: datetime) -> dict[str, int]:
    """`instances` and `size_bytes` of everything that was received since then."""
    return dict(database.fetch(RECEIVED, {"since": since})[0])


def prune_arrivals(services: Services) -> dict[str, int]:
    """Forget the arrivals that are older than the setting says; returns how many. Runs every night."""
    before = services.clock.now() - timedelta(days=services.settings.arrivals_days)
    return {"pruned": services.database.fetch(PRUNE, {"before": before})[0]["count"]}
