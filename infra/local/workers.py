"""What AWS's event source mapping does: takes batches from a queue and calls the function that it feeds.

Each worker is one child of the supervisor. A batch that no worker has acknowledged comes back by itself.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from functions.catalogue import STORE_EVENTS
from functions.entries import Function, Source
from infra.local.invocation import ACCOUNT, REGION, Handler, context_of
from pacs.errors import Unavailable

WAIT_S = 2.0
RETRY_S = 0.5
RELEASE_MIN_S, RELEASE_MAX_S = 1, 60
AUTOGROUP = Path("/proc/self/autogroup")


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

    def release(self, message_ids: Sequence[str], delay_s: float = 0, *, counted: bool = True) -> None: ...

    def recover(self, queue: str) -> int: ...


class Worker:
    """Feeds one function from one queue. `now` counts seconds."""

    def __init__(
        self,
        function: Function,
        source: Source,
        handler: Handler,
        queue: Receiver,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.function = function
        self.source = source
        self.handler = handler
        self.queue = queue
        self.now = now
        self.outage_began: float | None = None
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
        if self.source.workers <= 1:
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
            try:
                self.settle(messages, self.call(messages))
            except Unavailable as error:
                self.wait_out(messages, error)
        return len(messages)

    def settle(self, messages: Sequence[Received], failed: set[str]) -> None:
        """Take what is done out of the queue; what failed comes again, later each time."""
        self.outage_began = None
        done = [each.message_id for each in messages if each.message_id not in failed]
        if done:
            self.queue.acknowledge(done)
        for each in messages:
            if each.message_id in failed:
                self.queue.release([each.message_id], min(2 ** (each.receive_count - 1), RELEASE_MAX_S))

    def wait_out(self, messages: Sequence[Received], error: Unavailable) -> None:
        """Give back what a store or database that does not answer left undone, for as long again as it has not.

        An outage is nobody's fault and takes one try at most, however long it lasts. What alone fails while all else
        goes through takes one each time, and is given up in the end.
        """
        sys.stderr.write(f"{self.function.name} waits with {len(messages)} messages: {error.message}\n")
        is_first = self.outage_began is None
        self.outage_began = self.now() if self.outage_began is None else self.outage_began
        delay_s = min(max(self.now() - self.outage_began, RELEASE_MIN_S), RELEASE_MAX_S)
        self.queue.release([each.message_id for each in messages], delay_s, counted=is_first)

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
        """Call the handler; the ids of what failed. All of them when it raises, unless that is Unavailable."""
        try:
            answer = self.handler(sqs_event(self.source.queue, messages), context_of(self.function))
        except Unavailable:
            raise
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

    stand_back(source.niceness)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Worker(function, source, handler, local_queue(settings())).run(stop)


def stand_back(niceness: int) -> None:
    """Let others go first. Linux weighs sessions before it weighs processes, and each child has one of its own.

    Source: sched(7), "The autogroup feature"
    """
    os.nice(niceness)
    with suppress(OSError):  # a kernel without it, or a container that may not: then processes are weighed
        AUTOGROUP.write_text(str(niceness))


def start_beside(fed: Iterable[tuple[Function, Source, Handler]], stop: threading.Event) -> list[threading.Thread]:
    """Work in threads of a process that has something else to do; one that breaks sets `stop`, to be started again."""
    from pacs.bootstrap import local_queue, settings

    def work(function: Function, source: Source, handler: Handler) -> None:
        try:
            Worker(function, source, handler, local_queue(settings())).run(stop)
        finally:
            stop.set()

    threads = [threading.Thread(target=work, args=each) for each in fed]
    for thread in threads:
        thread.start()
    return threads
