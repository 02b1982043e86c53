"""What every queue must do, proved on the tables of one machine and on SQS and SNS (moto's server)."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from infra.local.postgres import EmbeddedPostgres
from pacs.aws.queue import SqsQueue
from pacs.errors import BadRequest, NotFound, Unavailable
from pacs.local.queue import QueueTables, ReceivedMessage
from pacs.ports import Queue

AwsClient = Callable[[str], Any]

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"


@dataclass
class Rig:
    """A queue adapter, and what AWS or the workers do on the other side of it."""

    queue: Queue
    receive: Callable[[str], list[str]]  # and keep in flight
    kill: Callable[[str], None]  # let everything that waits die of one failure


@pytest.fixture
def names() -> dict[str, str]:
    """Queues `a`, `b` and `c` and a topic to which `a` and `b` subscribe, by names of this test."""
    return {name: f"{name}-{uuid.uuid4().hex}" for name in ("a", "b", "c", "topic")}


@pytest.fixture
def queue(names: dict[str, str]) -> str:
    return names["a"]


@pytest.fixture
def tables(postgres_dsn: str, names: dict[str, str]) -> Iterator[QueueTables]:
    tables = QueueTables(postgres_dsn, topics={names["topic"]: [names["a"], names["b"]]})
    tables.create_tables()
    yield tables
    tables.close()


@pytest.fixture(params=["tables_rig", "sqs_rig"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def tables_rig(tables: QueueTables) -> Rig:
    def receive(queue: str, **changes: Any) -> list[str]:
        return [each.body for each in take(tables, queue, **changes)]

    def kill(queue: str) -> None:
        receive(queue, visibility_s=0)
        receive(queue, max_receives=1)

    return Rig(tables, receive, kill)


@pytest.fixture
def sqs_rig(moto_server: str, aws_client: AwsClient, names: dict[str, str]) -> Rig:
    sqs, sns = aws_client("sqs"), aws_client("sns")
    url_prefix, arn_prefix = f"{moto_server}/{ACCOUNT}/", f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
    topic = sns.create_topic(Name=names["topic"])["TopicArn"]
    for name in (names["a"], names["b"], names["c"]):
        sqs.create_queue(QueueName=f"{name}-dlq")
        redrive = {"deadLetterTargetArn": f"{arn_prefix}{name}-dlq", "maxReceiveCount": 1}
        sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})
    for name in (names["a"], names["b"]):
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_prefix + name, Attributes=raw)

    def receive(queue: str, visibility_s: int = 60) -> list[str]:
        def batch() -> Any:
            return sqs.receive_message(
                QueueUrl=url_prefix + queue, MaxNumberOfMessages=10, VisibilityTimeout=visibility_s, WaitTimeSeconds=0
            ).get("Messages", [])

        batches = iter(batch, []) if visibility_s else [batch()]
        return [message["Body"] for messages in batches for message in messages]

    def kill(queue: str) -> None:
        receive(queue, visibility_s=0)
        receive(queue)

    return Rig(SqsQueue(url_prefix, topic.removesuffix(names["topic"]), sqs, sns), receive, kill)


def take(tables: QueueTables, queue: str, **changes: Any) -> list[ReceivedMessage]:
    return tables.receive(queue, **{"limit": 100, "visibility_s": 60, "wait_s": 0, "max_receives": 5} | changes)


def test_what_is_sent_is_received(rig: Rig, names: dict[str, str]) -> None:
    bodies = [json.dumps({"number": number, "text": "ş"}) for number in range(23)]
    rig.queue.send(names["a"], bodies)
    rig.queue.send(names["a"], [])
    assert sorted(rig.receive(names["a"])) == sorted(bodies)
    assert rig.receive(names["b"]) == []


def test_a_published_body_reaches_every_subscriber(rig: Rig, names: dict[str, str]) -> None:
    bodies = [f'{{"number": {number}}}' for number in range(12)]
    rig.queue.publish(names["topic"], bodies)
    assert sorted(rig.receive(names["a"])) == sorted(rig.receive(names["b"])) == sorted(bodies)
    assert rig.receive(names["c"]) == []


def test_nobody_publishes_to_a_topic_that_is_not_there(rig: Rig) -> None:
    with pytest.raises(NotFound):
        rig.queue.publish("no-such-topic", ["{}"])


def test_large_bodies_are_taken_and_larger_ones_refused(rig: Rig, names: dict[str, str]) -> None:
    large = json.dumps("x" * (256 * 1024 - 2))
    rig.queue.send(names["a"], [large, "{}", large])
    assert sorted(rig.receive(names["a"])) == sorted([large, "{}", large])
    with pytest.raises(BadRequest):
        rig.queue.send(names["a"], [large + "x"])
    with pytest.raises(BadRequest):
        rig.queue.publish(names["topic"], [large + "x"])


def test_depth_counts_waiting_delayed_and_in_flight(rig: Rig, names: dict[str, str]) -> None:
    rig.queue.send(names["c"], ["{}"])
    assert rig.receive(names["c"]) == ["{}"]
    rig.queue.send(names["c"], ["{}", "{}"])
    rig.queue.send(names["c"], ["{}"], delay_s=600)
    depth = rig.queue.depth(names["c"])
    assert (depth.waiting, depth.in_flight, depth.dead) == (3, 1, 0)
    assert depth.oldest_age_s >= 0


def test_a_delayed_message_is_not_received_before_its_time(rig: Rig, names: dict[str, str]) -> None:
    rig.queue.send(names["a"], ["{}"], delay_s=600)
    assert rig.receive(names["a"]) == []


def test_dead_letters_are_listed_and_put_back_to_work(rig: Rig, names: dict[str, str]) -> None:
    bodies = [f'{{"number": {number}}}' for number in range(3)]
    rig.queue.send(names["a"], bodies)
    rig.kill(names["a"])
    assert rig.receive(names["a"]) == []
    assert rig.queue.depth(names["a"]).dead == 3
    dead = rig.queue.dead_letters(names["a"])
    assert sorted(letter.body for letter in dead) == bodies
    assert len({letter.message_id for letter in dead}) == 3
    assert {letter.queue for letter in dead} == {names["a"]}
    assert all(letter.receive_count >= 1 for letter in dead)
    assert len(rig.queue.dead_letters(names["a"], limit=2)) == 2
    assert rig.queue.redrive(names["a"]) == 3
    assert rig.queue.dead_letters(names["a"]) == []
    assert sorted(rig.receive(names["a"])) == bodies
    assert rig.queue.redrive(names["a"]) == 0


def test_sqs_queue_that_is_not_there_is_not_found(sqs_rig: Rig) -> None:
    with pytest.raises(NotFound):
        sqs_rig.queue.send("no-such-queue", ["{}"])


# What the workers of one machine use beside the port.


def test_acknowledged_messages_are_gone(tables: QueueTables, queue: str) -> None:
    tables.send(queue, ["1", "2"])
    first, second = take(tables, queue, visibility_s=0)
    assert (first.body, first.receive_count) == ("1", 1)
    tables.acknowledge([first.message_id])
    tables.acknowledge([first.message_id])
    assert [(each.body, each.receive_count) for each in take(tables, queue)] == [("2", 2)]
    tables.acknowledge([second.message_id])
    assert tables.depth(queue).in_flight == 0


def test_released_messages_come_back_at_once_or_later(tables: QueueTables, queue: str) -> None:
    tables.send(queue, ["1", "2"])
    first, second = take(tables, queue)
    tables.release([first.message_id])
    tables.release([second.message_id], 600)
    assert [each.body for each in take(tables, queue)] == ["1"]


def test_a_message_dies_after_its_last_receive_and_does_not_hide_others(tables: QueueTables, queue: str) -> None:
    tables.send(queue, ["bad"])
    for count in (1, 2):
        (message,) = take(tables, queue, visibility_s=0, max_receives=2)
        assert message.receive_count == count
    tables.send(queue, ["good"])
    assert [each.body for each in take(tables, queue, limit=1, max_receives=2)] == ["good"]
    assert [(each.body, each.receive_count) for each in tables.dead_letters(queue)] == [("bad", 2)]


def test_no_message_goes_to_two_consumers(tables: QueueTables, queue: str) -> None:
    bodies = [str(number) for number in range(400)]
    tables.send(queue, bodies)

    def consume(_: int) -> list[str]:
        seen = []
        while messages := take(tables, queue, limit=7):
            seen += [each.body for each in messages]
            tables.acknowledge([each.message_id for each in messages])
        return seen

    with ThreadPoolExecutor(4) as pool:
        seen = [body for consumed in pool.map(consume, range(4)) for body in consumed]
    assert sorted(seen) == sorted(bodies)


def test_a_waiting_consumer_wakes_when_something_is_sent(tables: QueueTables, queue: str, postgres_dsn: str) -> None:
    waits = "select 1 from pg_stat_activity where query like '%min(visible_at)%' and state = 'idle'"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgres_dsn, autocommit=True) as watch:
        waiting = pool.submit(take, tables, queue, wait_s=60)
        while watch.execute(waits).fetchone() is None:
            assert not waiting.done()
        sent = time.monotonic()
        tables.send(queue, ["{}"])
        assert [each.body for each in waiting.result(30)] == ["{}"]
        assert time.monotonic() - sent < 5


def test_a_waiting_consumer_wakes_when_a_delay_is_over(tables: QueueTables, queue: str) -> None:
    tables.send(queue, ["{}"], delay_s=1)
    started = time.monotonic()
    assert [each.body for each in take(tables, queue, wait_s=60)] == ["{}"]
    assert 0.5 < time.monotonic() - started < 10


def test_waiting_for_nothing_ends_in_time(tables: QueueTables, queue: str) -> None:
    started = time.monotonic()
    assert take(tables, queue, wait_s=0.2) == []
    assert 0.2 <= time.monotonic() - started < 5


CONSUMER = """
import sys
from pacs.local.queue import QueueTables
tables = QueueTables(sys.argv[1], topics={})
print(len(tables.receive(sys.argv[2], limit=10, visibility_s=1, wait_s=0, max_receives=5)), flush=True)
sys.stdin.read()
"""


def test_messages_of_a_killed_consumer_come_back(tables: QueueTables, queue: str, postgres_dsn: str) -> None:
    tables.send(queue, ["1", "2"])
    command = [sys.executable, "-c", CONSUMER, postgres_dsn, queue]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as consumer:
        assert consumer.stdout is not None
        assert consumer.stdout.readline() == "2\n"
        consumer.kill()
    assert [(each.body, each.receive_count) for each in take(tables, queue, wait_s=60)] == [("1", 2), ("2", 2)]


def test_the_queues_outlive_the_death_of_postgresql() -> None:
    with TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        server.start()
        tables = QueueTables(server.dsn, topics={})
        tables.create_tables()
        tables.send("index", ["{}"])
        with ThreadPoolExecutor(1) as pool:
            started = threading.Event()

            def wait() -> list[ReceivedMessage]:
                started.set()
                return take(tables, "empty", wait_s=60)

            waiting = pool.submit(wait)
            started.wait()
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            with pytest.raises(Unavailable):
                waiting.result(30)
        with pytest.raises(Unavailable):
            tables.send("index", ["{}"])
        server.start()
        assert [each.body for each in take(tables, "index")] == ["{}"]
        tables.close()
        server.stop()
