"""Queue workers on the real tables: batches, partial failures, dead letters; and the relay that fills the queue."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from functions.entries import Function, Source
from infra.local.children import fork
from infra.local.relay import GATHER_S, relay
from infra.local.workers import AUTOGROUP, Worker, stand_back
from pacs.errors import StoreUnavailable, Unavailable
from pacs.local.events import StoreJournal
from pacs.local.queue import QueueTables
from pacs.ports import QueueDepth

SOURCE = Source("index", batch_size=10, max_receives=1)
FUNCTION = Function("indexer", "", sources=(SOURCE,), timeout_s=5)


@pytest.fixture
def queue(empty_dsn: str) -> Iterator[QueueTables]:
    tables = QueueTables(empty_dsn, topics={})
    tables.create_tables()
    yield tables
    tables.close()


class Handled:
    """A handler that fails for the bodies it is told to, and remembers what it saw."""

    def __init__(self, *failing: str, crash: bool = False) -> None:
        self.failing = failing
        self.crash = crash
        self.batches: list[list[str]] = []

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        self.batches.append([each["body"] for each in event["Records"]])
        assert context.get_remaining_time_in_millis() > 0
        if self.crash:
            raise ValueError("half a batch done")
        failed = [each["messageId"] for each in event["Records"] if each["body"] in self.failing]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def work(queue: QueueTables, handled: Handled, source: Source = SOURCE) -> int:
    return Worker(FUNCTION, source, handled, queue).work_once(threading.Event(), 0)


def test_a_batch_is_handled_at_once_and_gone(queue: QueueTables) -> None:
    queue.send("index", ["a", "b", "c"])
    handled = Handled()
    assert work(queue, handled) == 3
    assert handled.batches == [["a", "b", "c"]]
    assert queue.depth("index").waiting == queue.depth("index").in_flight == 0
    assert work(queue, handled) == 0


def test_only_what_failed_comes_again_after_a_pause(queue: QueueTables) -> None:
    queue.send("index", ["good", "bad"])
    work(queue, Handled("bad"))
    depth = queue.depth("index")
    assert (depth.waiting, depth.in_flight) == (0, 1)  # not visible yet
    assert queue.receive("index", limit=1, visibility_s=1, wait_s=5, max_receives=9)[0].body == "bad"


def test_a_crash_gives_the_whole_batch_back(queue: QueueTables, capsys: pytest.CaptureFixture[str]) -> None:
    queue.send("index", ["a", "b"])
    work(queue, Handled(crash=True))
    assert queue.depth("index").in_flight == 2
    assert capsys.readouterr().err == "indexer failed with 2 messages: ValueError\n"


def test_what_fails_too_often_becomes_a_dead_letter(queue: QueueTables) -> None:
    queue.send("index", ["bad"])
    worker = Worker(FUNCTION, SOURCE, Handled("bad"), queue)
    stop = threading.Event()
    while not queue.dead_letters("index"):
        worker.work_once(stop, 1.1)
    assert [each.body for each in queue.dead_letters("index")] == ["bad"]


class Outage:
    """A function whose store is away until the clock says that it is back."""

    def __init__(self, back_at: float) -> None:
        self.back_at = back_at
        self.now = 0.0
        self.tries: list[float] = []
        self.poisoned = ""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        self.tries.append(self.now)
        bodies = [each["body"] for each in event["Records"]]
        if self.now < self.back_at or self.poisoned in bodies:
            raise StoreUnavailable("the store does not answer")
        return {"batchItemFailures": []}


class Hurried:
    """The queue, whose delays pass on the clock of the outage at once."""

    def __init__(self, queue: QueueTables, outage: Outage) -> None:
        self.outage = outage
        self.queue = queue
        self.recover = queue.recover
        self.acknowledge = queue.acknowledge
        self.receive = queue.receive

    def release(self, message_ids: Sequence[str], delay_s: float = 0, *, counted: bool = True) -> None:
        self.outage.now += delay_s
        self.queue.release(message_ids, 0, counted=counted)


def test_an_outage_of_minutes_costs_one_try(queue: QueueTables, capsys: pytest.CaptureFixture[str]) -> None:
    queue.send("index", ["a", "b"])
    outage = Outage(back_at=120)
    worker = Worker(FUNCTION, Source("index", 10), outage, Hurried(queue, outage), now=lambda: outage.now)
    while worker.work_once(threading.Event(), 0):
        pass
    assert outage.tries == [0, 1, 2, 4, 8, 16, 32, 64, 124]
    assert queue.depth("index") == QueueDepth(0, 0, 0, 0.0)
    assert "indexer waits with 2 messages: the store does not answer" in capsys.readouterr().err


def test_what_was_received_in_an_outage_has_its_tries_left(queue: QueueTables) -> None:
    queue.send("index", ["a"])
    outage = Outage(back_at=1000)
    worker = Worker(FUNCTION, Source("index", 10), outage, Hurried(queue, outage), now=lambda: outage.now)
    for _ in range(9):
        worker.work_once(threading.Event(), 0)
    (message,) = queue.receive("index", limit=1, visibility_s=1, wait_s=0, max_receives=5)
    assert message.receive_count == 2


def test_what_alone_is_never_available_is_given_up(queue: QueueTables) -> None:
    outage = Outage(back_at=0)
    outage.poisoned = "bad"
    worker = Worker(FUNCTION, Source("index", 1), outage, Hurried(queue, outage), now=lambda: outage.now)
    queue.send("index", ["bad"])
    for number in range(9):
        queue.send("index", [f"good {number}"])
        worker.work_once(threading.Event(), 0)
        worker.work_once(threading.Event(), 0)
    assert [each.body for each in queue.dead_letters("index")] == ["bad"]


def test_deriving_gathers_for_its_window(queue: QueueTables) -> None:
    handled = Handled()
    queue.send("derive", ["a"])
    worker = Worker(FUNCTION, Source("derive", batch_size=10, window_s=60), handled, queue)

    class Window(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == 60
            queue.send("derive", ["b"])
            return False

    worker.work_once(Window(), 0)
    assert handled.batches == [["a", "b"]]


def test_indexing_waits_for_nothing(queue: QueueTables) -> None:
    queue.send("index", ["a"])
    assert work(queue, Handled(), Source("index", batch_size=10, window_s=3600)) == 1


def test_a_worker_ends_when_told_and_finishes_its_batch(queue: QueueTables) -> None:
    stop = threading.Event()

    def handle(event: Any, context: Any) -> None:
        stop.set()

    queue.send("index", ["a"])
    Worker(FUNCTION, SOURCE, handle, queue).run(stop)
    assert queue.depth("index").waiting == queue.depth("index").in_flight == 0


def test_a_worker_that_stands_back_does_so_as_a_session_too(tmp_path: Path) -> None:
    def tell() -> None:
        stand_back(7)
        group = AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else "7"
        (tmp_path / "told").write_text(f"{os.nice(0)} {group}")

    pid = fork("pacs-test", tell, tmp_path / "log")
    assert os.waitpid(pid, 0)[1] == 0, (tmp_path / "log").read_text()
    assert (tmp_path / "told").read_text() == f"{os.nice(0) + 7} 7"


def test_the_relay_delivers_what_the_journal_holds(tmp_path: Path, queue: QueueTables) -> None:
    journal = StoreJournal(tmp_path)
    journal.append('{"n":1}')
    stop = threading.Event()
    thread = threading.Thread(target=relay, args=(journal, queue, stop))
    thread.start()
    first = queue.receive("index", limit=5, visibility_s=60, wait_s=10, max_receives=3)
    journal.append('{"n":2}')
    second = queue.receive("index", limit=5, visibility_s=60, wait_s=10, max_receives=3)
    stop.set()
    thread.join()
    journal.close()
    assert [each.body for each in [*first, *second]] == ['{"n":1}', '{"n":2}']


def test_the_relay_keeps_events_while_the_queue_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = StoreJournal(tmp_path)
    journal.append('{"n":1}')
    stop = threading.Event()
    delivered: list[str] = []

    class Away(QueueTables):
        def send(self, queue: str, bodies: Any, *, delay_s: int = 0) -> None:
            stop.set()
            raise Unavailable("the queues do not answer")

    relay(journal, Away("", topics={}), stop)
    assert journal.drain(delivered.extend) == 1
    journal.close()
    assert delivered == ['{"n":1}']
    assert "the queues do not answer" in capsys.readouterr().err


def test_an_event_alone_goes_on_at_once_and_those_that_pour_in_gather(queue: QueueTables) -> None:
    steps: list[str] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == GATHER_S
            steps.append("gather")
            self.set()
            return True

    class Pouring:
        def drain(self, deliver: Any) -> int:
            steps.append("deliver")
            return 1

        def wait(self, timeout_s: float) -> None:
            pass  # the next event is there already

    relay(Pouring(), queue, Stop())
    assert len(steps) >= 3 and steps[-1] == "gather" and set(steps[:-1]) == {"deliver"}
