"""Reads from the `derive` queue of indexed instances and of series that may have arrived; makes what viewers want."""

from collections.abc import Sequence

from pacs.archive.deriving import derive_instances, derive_series
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import codes, logger


def process(messages: Sequence[Message]) -> set[str]:
    """Derive for every instance and series named; returns the ids of the messages of what failed."""
    series = {message.message_id: tuple(message.body["series"]) for message in messages if "series" in message.body}
    instances = [message for message in messages if message.message_id not in series]
    failed = derive_instances(services(), [message.body for message in instances])
    failed_series = derive_series(services(), dict.fromkeys(series.values()))
    failures = {**failed, **{"/".join(path): error for path, error in failed_series.items()}}
    logger().info("derived", extra={"messages": len(messages), "failed": codes(failures)})
    return {message.message_id for message in instances if message.body["FilePath"] in failed} | {
        message_id for message_id, path in series.items() if path in failed_series
    }


handler = make_batch_handler(process)
