"""What happens by the clock. The schedule's detail names the task."""

from typing import Any

from pacs.archive.reconciling import reconcile
from pacs.bootstrap import services
from pacs.entry.observability import logger


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Run the task that the event names; returns its counts."""
    if event["task"] != "reconcile":
        raise ValueError(f"no such task: {event['task']}")
    report = reconcile(services())
    logger().info("reconciled", extra=report)
    return report
