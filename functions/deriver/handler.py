"""Reads the events of indexed instances from the `derive` queue and builds what viewers will ask for."""

from collections.abc import Sequence

from pacs.archive.deriving import derive_instances
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import codes, logger


def process(messages: Sequence[Message]) -> set[str]:
    """Derive for every instance named; returns the ids of the messages whose instance failed."""
    failed = derive_instances(services(), [message.body for message in messages])
    logger().info("derived", extra={"messages": len(messages), "failed": codes(failed)})
    return {message.message_id for message in messages if message.body["FilePath"] in failed}


handler = make_batch_handler(process)
