"""Uploads of some days ago are forgotten, with the parts of those that were never finished. For functions/crons."""

from datetime import timedelta

from sqlalchemy import text

from pacs.ports import Services

KEPT = timedelta(days=2)
FORGET = text("delete from uploads where created_at < :before returning 1 as gone")


def prune_uploads(services: Services) -> dict[str, int]:
    """Returns how many were forgotten. In the cloud the bucket removes what came of them by itself."""
    before = services.clock.now() - KEPT
    services.exchange.expire("uploads/", before)
    return {"uploads": len(services.database.fetch(FORGET, {"before": before}))}
