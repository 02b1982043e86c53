"""Reads S3's events of new originals from the `index` queue and indexes the whole batch."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote_plus

from pacs.archive.indexing import index_objects
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import codes, logger


def object_keys(message: Message) -> Iterator[str]:
    """The keys an event names; S3's test event names none. Keys are URL-encoded as in a query string."""
    for record in message.body.get("Records", ()):
        yield unquote_plus(record["s3"]["object"]["key"])


def process(messages: Sequence[Message]) -> set[str]:
    """Index every object that the messages name; returns the ids of messages with a failure."""
    keys = {message.message_id: list(object_keys(message)) for message in messages}
    failed = index_objects(services(), [key for each in keys.values() for key in each])
    logger().info("indexed", extra={"messages": len(messages), "failed": codes(failed)})
    return {message_id for message_id, each in keys.items() if failed.keys() & set(each)}


handler = make_batch_handler(process)
