"""Reads S3's events of new originals from the `index` queue and indexes the whole batch."""

from collections.abc import Sequence
from urllib.parse import unquote_plus

from pacs.archive.indexing import index_objects
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import codes, logger


def objects(message: Message) -> dict[str, int]:
    """The keys an event names, and the sizes it tells, in bytes; S3's test event names none.

    Keys are URL-encoded as in a query string.
    """
    named = [record["s3"]["object"] for record in message.body.get("Records", ())]
    return {unquote_plus(each["key"]): each.get("size", 0) for each in named}


def process(messages: Sequence[Message]) -> set[str]:
    """Index every object that the messages name; returns the ids of messages with a failure."""
    named = {message.message_id: objects(message) for message in messages}
    sizes = {key: size_bytes for each in named.values() for key, size_bytes in each.items()}
    failed = index_objects(services(), list(sizes), sizes)
    logger().info("indexed", extra={"messages": len(messages), "failed": codes(failed)})
    return {message_id for message_id, each in named.items() if failed.keys() & each.keys()}


handler = make_batch_handler(process)
