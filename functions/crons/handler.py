"""What happens by the clock. The schedule's detail names the task."""

from typing import Any

from pacs.ai.health_starting import start_daily
from pacs.archive.arrivals import prune_arrivals
from pacs.archive.connections import prune_connections
from pacs.archive.expiring import expire_objects
from pacs.archive.reconciling import reconcile
from pacs.archive.trash import purge_deleted
from pacs.bootstrap import services
from pacs.dictation.starting import start_forgotten
from pacs.entry.observability import logger
from pacs.people.expiring import prune_sign_ins
from pacs.ports import Services
from pacs.reading.pruning import prune_uploads
from pacs.worklist.subscriptions import prune_events


def prune(services: Services) -> dict[str, int]:
    forgotten = prune_arrivals(services) | prune_connections(services)
    return forgotten | prune_events(services) | prune_sign_ins(services) | prune_uploads(services)


TASKS = {
    "reconcile": reconcile,
    "purge": purge_deleted,
    "expire": expire_objects,
    "prune": prune,
    "start": start_forgotten,
    "ai-health": start_daily,
}


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Run the task that the event names; returns its counts."""
    task = TASKS.get(event["task"])
    if task is None:
        raise ValueError(f"no such task: {event['task']}")
    report = task(services())
    logger().info("done", extra={"task": event["task"], **report})
    return report
