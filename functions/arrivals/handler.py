"""Reads from the `log` queue of indexed instances; records what was received, and tells how much, one line a batch."""

from collections.abc import Sequence

from pacs.archive.arrivals import record_arrivals
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import logger, metrics

NAMESPACE = "Pacs/Archive"


def process(messages: Sequence[Message]) -> set[str]:
    """Record every instance named. None fails alone: what cannot be recorded now comes back with its batch."""
    recorded = record_arrivals(services().database, [message.body for message in messages])
    counts = {"Instances": recorded["instances"], "Bytes": recorded["size_bytes"]}
    units = {"Instances": "Count", "Bytes": "Bytes"}
    logger().info("arrived", extra={"messages": len(messages), **metrics(NAMESPACE, counts, units)})
    return set()


handler = make_batch_handler(process)
