"""Where do messages wait on one machine? In one table of PostgreSQL, so that a restart loses nothing.

It does what SQS and SNS do in the cloud, and what AWS's event source mapping does for the functions: `receive`,
`acknowledge` and `release`, called by the queue workers. The schema `machine` is no part of the cloud's migrations.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pacs.errors import BadRequest, NotFound
from pacs.local.connections import Connections
from pacs.ports import DeadLetter, QueueDepth

BODY_MAX_BYTES = 256 << 10
RETRY_S = 0.05  # when what is due is held by another consumer's statement just now

TABLES = """
select pg_advisory_xact_lock(hashtext('machine.message'));
create schema if not exists machine;
create table if not exists machine.message (
    id bigint generated always as identity primary key,
    queue text not null,
    body text not null,
    sent_at timestamptz not null default now(),
    visible_at timestamptz not null,
    receive_count integer not null default 0,
    released boolean not null default false,  -- given back, to be tried again later
    dead_at timestamptz
);
create index if not exists message_due on machine.message (queue, visible_at, id) where dead_at is null;
create index if not exists message_dead on machine.message (queue, id) where dead_at is not null;
"""

SEND = """
with sent as (
    insert into machine.message (queue, body, visible_at)
    select queue, body, now() + make_interval(secs => %(delay_s)s)
    from unnest(%(bodies)s::text[]) with ordinality as b (body, position), unnest(%(queues)s::text[]) as q (queue)
    order by position
)
select pg_notify('machine.' || queue, '') from unnest(%(queues)s::text[]) as q (queue)
"""

# A message that was received often enough without being acknowledged dies when it would be received once more.
RECEIVE = """
with due as (
    select id from machine.message
    where queue = %(queue)s and dead_at is null and visible_at <= now()
    order by visible_at, id limit %(limit)s for update skip locked
), taken as (
    update machine.message as m set
        visible_at = now() + make_interval(secs => %(visibility_s)s),
        receive_count = receive_count + (receive_count < %(max_receives)s)::integer,
        released = false,
        dead_at = case when receive_count >= %(max_receives)s then now() end
    from due where m.id = due.id
    returning m.id, m.body, m.receive_count, m.dead_at
)
select id::text, body, receive_count, dead_at is not null from taken order by id
"""

UNTIL_DUE = """
select extract(epoch from min(visible_at) - now())::float8 from machine.message
where queue = %(queue)s and dead_at is null
"""

ACKNOWLEDGE = "delete from machine.message where id = any(%(ids)s)"

RELEASE = """
with released as (
    update machine.message set
        visible_at = now() + make_interval(secs => %(delay_s)s),
        receive_count = receive_count - (not %(counted)s)::integer,
        released = true
    where id = any(%(ids)s) and dead_at is null returning queue
)
select pg_notify('machine.' || queue, '') from (select distinct queue from released) as queues
"""

RECOVER = """
with back as (
    update machine.message set visible_at = now()
    where queue = %(queue)s and dead_at is null and receive_count > 0 and visible_at > now() returning id
)
select count(*), pg_notify('machine.' || %(queue)s, '') from back
"""

# Of several that say the same one stays. Those that a consumer is at work on are left to it.
RESTART = """
with failing as (
    select id, row_number() over (partition by body order by id) as place from machine.message
    where queue = %(queue)s and (dead_at is not null or (released and visible_at > now()))
), dropped as (
    delete from machine.message where id in (select id from failing where place > 1)
), back as (
    update machine.message set dead_at = null, receive_count = 0, visible_at = now()
    where id in (select id from failing where place = 1) returning body
)
select coalesce(array_agg(body), '{}'), pg_notify('machine.' || %(queue)s, '') from back
"""

DEPTH = """
select count(*) filter (where dead_at is null and not (receive_count > 0 and visible_at > now())),
       count(*) filter (where dead_at is null and receive_count > 0 and visible_at > now()),
       count(*) filter (where dead_at is not null),
       coalesce(extract(epoch from now() - min(sent_at) filter (where dead_at is null)), 0)::float8
from machine.message where queue = %(queue)s
"""

DEAD_LETTERS = """
select id::text, queue, body, receive_count from machine.message
where queue = %(queue)s and dead_at is not null order by id limit %(limit)s
"""

REDRIVE = """
with back as (
    update machine.message set dead_at = null, receive_count = 0, visible_at = now()
    where queue = %(queue)s and dead_at is not null returning id
)
select count(*), pg_notify('machine.' || %(queue)s, '') from back
"""


@dataclass(frozen=True)
class ReceivedMessage:
    message_id: str
    body: str
    receive_count: int


class QueueTables:
    """A Queue whose messages come back when a consumer dies. Threads may share it; close it in the end.

    All methods raise Unavailable while PostgreSQL does not answer, and connect again when it does.
    """

    def __init__(self, dsn: str, *, topics: Mapping[str, Sequence[str]]) -> None:
        self._topics = topics
        self._connections = Connections(dsn, "the queues")
        self._rows = self._connections.rows

    def create_tables(self) -> None:
        """Make the tables where they are missing."""
        with self._connections.one() as connection, connection.transaction():
            connection.execute(TABLES)

    def send(self, queue: str, bodies: Sequence[str], *, delay_s: int = 0) -> None:
        self._send([queue], bodies, delay_s)

    def publish(self, topic: str, bodies: Sequence[str]) -> None:
        if topic not in self._topics:
            raise NotFound(f"there is no topic {topic}", field="topic")
        self._send(self._topics[topic], bodies, 0)

    def depth(self, queue: str) -> QueueDepth:
        return QueueDepth(*self._rows(DEPTH, queue=queue)[0])

    def dead_letters(self, queue: str, *, limit: int = 100) -> list[DeadLetter]:
        return [DeadLetter(*row) for row in self._rows(DEAD_LETTERS, queue=queue, limit=limit)]

    def redrive(self, queue: str) -> int:
        return int(self._rows(REDRIVE, queue=queue)[0][0])

    def receive(
        self, queue: str, *, limit: int, visibility_s: float, wait_s: float, max_receives: int
    ) -> list[ReceivedMessage]:
        """At most `limit` messages, as soon as there are any; none when there are none within `wait_s`.

        They come back after `visibility_s` unless they are acknowledged, and become dead letters when that has
        happened `max_receives` times.
        """
        parameters = {"queue": queue, "limit": limit, "visibility_s": visibility_s, "max_receives": max_receives}
        deadline = time.monotonic() + wait_s
        with self._connections.one() as connection:
            messages = take(connection, parameters)
            if messages or wait_s <= 0:
                return messages
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(f"machine.{queue}")))
            while not (messages := take(connection, parameters)) and (left := deadline - time.monotonic()) > 0:
                wait_for_message(connection, queue, left)
            connection.execute("unlisten *")
            return messages

    def acknowledge(self, message_ids: Sequence[str]) -> None:
        """The messages are done with; those that are gone already are no error."""
        self._rows(ACKNOWLEDGE, ids=list(map(int, message_ids)))

    def release(self, message_ids: Sequence[str], delay_s: float = 0, *, counted: bool = True) -> None:
        """Give messages back before their time, to be received again after `delay_s`.

        Not `counted`: as if they had not been received.
        """
        self._rows(RELEASE, ids=list(map(int, message_ids)), delay_s=delay_s, counted=counted)

    def recover(self, queue: str) -> int:
        """Give back at once what a consumer that was killed had received; returns how many.

        For a consumer that is its queue's only one, before it receives: nobody else can be at work on them.
        """
        return int(self._rows(RECOVER, queue=queue)[0][0])

    def restart(self, queue: str) -> list[str]:
        """Let everything that failed be tried again at once as if it were new, dead letters too; their bodies."""
        return list(self._rows(RESTART, queue=queue)[0][0])

    def close(self) -> None:
        self._connections.close()

    def _send(self, queues: Sequence[str], bodies: Sequence[str], delay_s: int) -> None:
        if any(len(body.encode()) > BODY_MAX_BYTES for body in bodies):
            raise BadRequest("a message may take 256 KB", field="body")
        if bodies:
            self._rows(SEND, queues=list(queues), bodies=list(bodies), delay_s=delay_s)


def take(connection: psycopg.Connection[Any], parameters: Mapping[str, Any]) -> list[ReceivedMessage]:
    """Messages that are due. Those that died in their stead do not end the search."""
    while rows := connection.execute(RECEIVE, parameters).fetchall():
        alive = [ReceivedMessage(*row[:3]) for row in rows if not row[3]]
        if alive:
            return alive
    return []


def wait_for_message(connection: psycopg.Connection[Any], queue: str, timeout_s: float) -> None:
    """Return when something was sent, when the next message becomes visible, or when the time is over."""
    row = connection.execute(UNTIL_DUE, {"queue": queue}).fetchone()
    if row is not None and row[0] is not None:
        timeout_s = min(timeout_s, max(row[0], RETRY_S))
    for _ in connection.notifies(timeout=timeout_s, stop_after=1):
        pass
