"""From store to queue: delivers the events of new originals, as S3's notifications do. One child of the supervisor."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from functions.catalogue import STORE_EVENTS
from pacs.errors import Unavailable
from pacs.ports import Queue

WAIT_S = 1.0
RETRY_S = 0.5
# An event that comes alone goes on at once. While they pour in they gather: each delivery and each batch of the
# indexer costs more than what an instance adds to it.
POUR_S, GATHER_S = 0.01, 0.25


class Journal(Protocol):
    """What `pacs.local.events.StoreJournal` offers to the one that drains it."""

    def drain(self, deliver: Callable[[Sequence[str]], None]) -> int: ...

    def wait(self, timeout_s: float) -> None: ...


def relay(journal: Journal, queue: Queue, stop: threading.Event) -> None:
    """Deliver until told to stop. Without a database the events wait where they are."""
    last = 0.0
    while not stop.is_set():
        began = time.monotonic()
        try:
            delivered = journal.drain(lambda bodies: queue.send(STORE_EVENTS["originals"], bodies))
        except Unavailable as error:
            sys.stderr.write(f"{error.message}; trying again\n")
            stop.wait(RETRY_S)
            continue
        if delivered:
            if began - last < POUR_S:
                stop.wait(GATHER_S)
            last = time.monotonic()
        journal.wait(WAIT_S)


def main() -> None:
    """Deliver until SIGTERM; what is not delivered by then waits for the next start."""
    from pacs.bootstrap import local_journal, local_queue, settings

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    relay(local_journal(settings()), local_queue(settings()), stop)
