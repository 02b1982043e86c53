"""How a batch of queue messages knocks: the handler of a function that reads SQS. Partial failures are told."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BatchHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Message:
    message_id: str
    body: Mapping[str, Any]
    receive_count: int


def make_batch_handler(process: Callable[[Sequence[Message]], set[str]]) -> BatchHandler:
    """A Lambda handler around `process`, which takes a whole batch and returns the ids of what failed.

    The batch goes down whole, because one set-based statement serves all of it; the failed messages alone
    come back, and after the queue's last try they lie in its dead-letter queue.
    Source: Lambda Developer Guide, "Reporting batch item failures".
    """

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        messages = [
            Message(each["messageId"], json.loads(each["body"]), int(each["attributes"]["ApproximateReceiveCount"]))
            for each in event["Records"]
        ]
        failed = process(messages)
        return {"batchItemFailures": [{"itemIdentifier": each} for each in sorted(failed)]}

    return handler
