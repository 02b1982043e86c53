"""What failed in a queue of one machine is tried again at once when somebody asks for it."""

from collections.abc import Iterator

import pytest

from pacs.local.queue import QueueTables, ReceivedMessage


def receive(queue: QueueTables, name: str, max_receives: int = 5) -> list[ReceivedMessage]:
    return queue.receive(name, limit=10, visibility_s=600, wait_s=0, max_receives=max_receives)


@pytest.fixture
def queue(fresh_dsn: str) -> Iterator[QueueTables]:
    queue = QueueTables(fresh_dsn, topics={})
    queue.create_tables()
    yield queue
    queue.close()


def test_dead_letters_and_what_waits_for_its_next_try_come_back_as_if_new(queue: QueueTables) -> None:
    queue.send("a", ["dead"])
    (dead,) = receive(queue, "a", 1)
    queue.release([dead.message_id])
    assert receive(queue, "a", 1) == []
    queue.send("a", ["waits", "new"])
    waits, _ = receive(queue, "a")
    queue.release([waits.message_id], delay_s=60)
    assert queue.depth("a").dead == 1
    assert sorted(queue.restart("a")) == ["dead", "waits"]  # the new one is being worked on
    assert queue.depth("a").dead == 0
    received = receive(queue, "a")
    assert sorted((each.body, each.receive_count) for each in received) == [("dead", 1), ("waits", 1)]


def test_of_several_that_say_the_same_one_comes_back(queue: QueueTables) -> None:
    queue.send("a", ["x", "x", "y"])
    queue.send("b", ["x"])
    queue.release([each.message_id for each in receive(queue, "a")], delay_s=60)
    receive(queue, "b")
    assert sorted(queue.restart("a")) == ["x", "y"]
    assert queue.depth("a").waiting == 2 and queue.depth("b").in_flight == 1


def test_what_never_failed_is_left_alone(queue: QueueTables) -> None:
    queue.send("a", ["later"], delay_s=60)
    queue.send("a", ["now"])
    assert queue.restart("a") == []
    assert queue.depth("a").waiting == 2
