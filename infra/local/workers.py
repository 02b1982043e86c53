"""What AWS's event source mapping does: takes batches from a queue and calls the function that it feeds.

Each worker is one child of the supervisor. A batch that no worker has acknowledged comes back by itself.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from functions.catalogue import STORE_EVENTS, Function, Source
from infra.local.invocation import ACCOUNT, REGION, Handler, context_of
from pacs.errors import Unavailable

WAIT_S = 2.0
RETRY_S = 0.5
RELEASE_MAX_S = 60


class Received(Protocol):
    @property
    def message_id(self) -> str: ...

    @property
    def body(self) -> str: ...

    @property
    def receive_count(self) -> int: ...


class Receiver(Protocol):
    """What `pacs.local.queue.QueueTables` offers to a consumer, beyond the port."""

    def receive(
        self, queue: str, *, limit: int, visibility_s: float, wait_s: float, max_receives: int
    ) -> Sequence[Received]: ...

    def acknowledge(self, message_ids: Sequence[str]) -> None: ...

    def release(self, message_ids: Sequence[str], delay_s: float = 0) -> None: ...

    def recover(self, queue: str) -> int: ...


class Worker:
    """Feeds one function from one queue."""

    def __init__(self, function: Function, source: Source, handler: Handler, queue: Receiver) -> None:
        self.function = function
        self.source = source
        self.handler = handler
        self.queue = queue
        # Somebody waits for a new image to be found; what comes after may gather first.
        self.window_s = 0 if source.queue in STORE_EVENTS.values() else source.window_s

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; a batch that was begun is finished."""
        recovered = False
        while not stop.is_set():
            try:
                recovered = recovered or self.recover()
                self.work_once(stop, WAIT_S)
            except Unavailable as error:
                recovered = False
                sys.stderr.write(f"{error.message}; trying again\n")
                stop.wait(RETRY_S)

    def recover(self) -> bool:
        """Take back what a worker before us received and did not finish, unless another one may be at it."""
        if self.source.workers == 1:
            self.queue.recover(self.source.queue)
        return True

    def work_once(self, stop: threading.Event, wait_s: float) -> int:
        """Receive one batch and see to it; how many messages it had."""
        messages = self.receive(self.source.batch_size, wait_s)
        missing = self.source.batch_size - len(messages)
        if messages and missing and self.window_s:
            stop.wait(self.window_s)
            messages += self.receive(missing, 0)
        if messages:
            failed = self.call(messages)
            done = [each.message_id for each in messages if each.message_id not in failed]
            if done:
                self.queue.acknowledge(done)
            for each in messages:
                if each.message_id in failed:
                    self.queue.release([each.message_id], min(2 ** (each.receive_count - 1), RELEASE_MAX_S))
        return len(messages)

    def receive(self, limit: int, wait_s: float) -> list[Received]:
        found = self.queue.receive(
            self.source.queue,
            limit=limit,
            visibility_s=6 * self.function.timeout_s,
            wait_s=wait_s,
            max_receives=self.source.max_receives,
        )
        return list(found)

    def call(self, messages: Sequence[Received]) -> set[str]:
        """Call the handler; the ids of what failed. All of them when it raises."""
        try:
            answer = self.handler(sqs_event(self.source.queue, messages), context_of(self.function))
        except Exception as error:
            sys.stderr.write(f"{self.function.name} failed with {len(messages)} messages: {type(error).__name__}\n")
            return {each.message_id for each in messages}
        failures = (answer or {}).get("batchItemFailures") or []
        return {each["itemIdentifier"] for each in failures}


def sqs_event(queue: str, messages: Sequence[Received]) -> Mapping[str, Any]:
    """A batch as Lambda gets it. Source: Lambda Developer Guide, "Using Lambda with Amazon SQS"."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    return {
        "Records": [
            {
                "messageId": each.message_id,
                "receiptHandle": each.message_id,
                "body": each.body,
                "attributes": {"ApproximateReceiveCount": str(each.receive_count)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": REGION,
            }
            for each in messages
        ]
    }


def main(function: Function, source: Source, handler: Handler) -> None:
    """Work until SIGTERM. Modalities and viewers wait for an answer and go first."""
    from pacs.bootstrap import local_queue, settings

    os.nice(source.niceness)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Worker(function, source, handler, local_queue(settings())).run(stop)
