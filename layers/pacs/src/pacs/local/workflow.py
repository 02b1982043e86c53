"""Where do executions of state machines stand on one machine? In two tables of PostgreSQL, so that a restart continues.

Started through the port by whoever has work; claimed, kept and ended by `infra.local.executions`, which runs them.
The schema `machine` is no part of the cloud's migrations.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from pacs.errors import Conflict
from pacs.local.connections import Connections
from pacs.ports import execution_name

CHANNEL = "machine.execution"

# `due_at` is when somebody is to take an execution up: at once, when a wait is over, or when whoever has claimed it
# has given no sign of life for so long. Ended ones have none.
TABLES = """
select pg_advisory_xact_lock(hashtext('machine.execution'));
create schema if not exists machine;
create table if not exists machine.execution (
    machine text not null,
    name text not null,
    input jsonb not null,
    started_at timestamptz not null default now(),
    status text not null default 'running',
    due_at timestamptz default now(),
    claim uuid,
    outcome jsonb,
    ended_at timestamptz,
    primary key (machine, name)
);
create index if not exists execution_due on machine.execution (due_at) where due_at is not null;
create index if not exists execution_ended on machine.execution (ended_at) where ended_at is not null;
create table if not exists machine.execution_step (
    machine text not null,
    name text not null,
    place text not null,
    kept jsonb not null,
    kept_at timestamptz not null default clock_timestamp(),
    primary key (machine, name, place),
    foreign key (machine, name) references machine.execution on delete cascade
);
"""

START = """
with started as (
    insert into machine.execution (machine, name, input) values (%(machine)s, %(name)s, %(input)s)
    on conflict do nothing returning 1
)
select pg_notify('machine.execution', '') from started
"""

CLAIM = """
update machine.execution as e set claim = %(claim)s, due_at = now() + make_interval(secs => %(lease_s)s)
from (
    select machine, name from machine.execution
    where machine = any(%(machines)s) and due_at <= now()
    order by due_at, name limit 1 for update skip locked
) as due
where e.machine = due.machine and e.name = due.name
returning e.machine, e.name, e.input, e.started_at
"""

UNTIL_DUE = """
select extract(epoch from min(due_at) - now())::float8 from machine.execution where machine = any(%(machines)s)
"""

PROLONG = """
update machine.execution set due_at = now() + make_interval(secs => %(lease_s)s)
where claim = any(%(claims)s) and ended_at is null returning claim
"""

STEPS = (
    "select place, kept from machine.execution_step where machine = %(machine)s and name = %(name)s order by kept_at"
)

# The lock on the execution makes sure that it is still ours when the step is in.
KEEP = """
with ours as (
    select machine, name from machine.execution
    where machine = %(machine)s and name = %(name)s and claim = %(claim)s and ended_at is null for update
)
insert into machine.execution_step (machine, name, place, kept) select machine, name, %(place)s, %(kept)s from ours
on conflict (machine, name, place) do update set kept = excluded.kept, kept_at = excluded.kept_at
returning 1
"""

LAY_DOWN = """
with laid as (
    update machine.execution set claim = null, due_at = coalesce(%(due_at)s, now())
    where machine = %(machine)s and name = %(name)s and claim = %(claim)s and ended_at is null returning 1
)
select pg_notify('machine.execution', '') from laid
"""

END = """
update machine.execution set claim = null, due_at = null, ended_at = now(), status = %(status)s, outcome = %(outcome)s
where machine = %(machine)s and name = %(name)s and claim = %(claim)s and ended_at is null returning 1
"""

RECOVER = """
with back as (update machine.execution set claim = null, due_at = now() where claim is not null returning 1)
select count(*) from back
"""

FORGET = "delete from machine.execution where ended_at < now() - make_interval(days => %(days)s)"

FIND = """
select status, input, outcome, due_at, claim is not null from machine.execution
where machine = %(machine)s and name = %(name)s
"""

COUNT = """
select count(*) filter (where claim is not null), count(*) filter (where status = 'running' and claim is null),
       count(*) filter (where status = 'failed')
from machine.execution
"""

Status = Literal["running", "succeeded", "failed"]


class ClaimLost(Conflict):
    """Somebody else has taken the execution up, because there was no sign of life for too long."""


@dataclass(frozen=True)
class Claim:
    """One execution in the hands of one thread."""

    machine: str
    name: str
    claim: uuid.UUID
    input: Mapping[str, Any]
    started_at: datetime


@dataclass(frozen=True)
class Execution:
    """How far an execution is. `outcome`: what it ended with, or the error that ended it."""

    status: Status
    input: Mapping[str, Any]
    outcome: Any
    due_at: datetime | None
    claimed: bool


class WorkflowTables:
    """A Workflow, and what those who run executions need besides. Threads may share it; close it in the end.

    All methods raise Unavailable while PostgreSQL does not answer, and connect again when it does.
    """

    def __init__(self, dsn: str) -> None:
        self._connections = Connections(dsn, "the executions")
        self._rows = self._connections.rows

    def create_tables(self) -> None:
        """Make the tables where they are missing."""
        with self._connections.one() as connection, connection.transaction():
            connection.execute(TABLES)

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        self._rows(START, machine=machine, name=execution_name(name), input=Jsonb(dict(input)))

    def claim(self, machines: Sequence[str], *, lease_s: float, wait_s: float) -> Claim | None:
        """An execution that is due, as soon as there is one; None when there is none within `wait_s`.

        Nobody else gets it for `lease_s`, nor after that as long as the claim is prolonged.
        """
        claim = uuid.uuid4()
        parameters = {"machines": list(machines), "lease_s": lease_s, "claim": claim}
        deadline = time.monotonic() + wait_s
        with self._connections.one() as connection:
            connection.execute(f'listen "{CHANNEL}"'.encode())
            while not (row := connection.execute(CLAIM, parameters).fetchone()):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                until_due = connection.execute(UNTIL_DUE, parameters).fetchone()
                soonest = until_due[0] if until_due and until_due[0] is not None else left
                for _ in connection.notifies(timeout=min(left, max(soonest, 0.05)), stop_after=1):
                    pass
            connection.execute("unlisten *")
        return Claim(row[0], row[1], claim, row[2], row[3]) if row else None

    def prolong(self, claims: Sequence[uuid.UUID], *, lease_s: float) -> set[uuid.UUID]:
        """Give a sign of life; those of the claims that still hold."""
        return {row[0] for row in self._rows(PROLONG, claims=list(claims), lease_s=lease_s)}

    def steps(self, machine: str, name: str) -> dict[str, Any]:
        """What was kept of an execution by its place, the oldest first."""
        return dict(self._rows(STEPS, machine=machine, name=name))

    def keep(self, claim: Claim, place: str, kept: Any) -> None:
        """Keep what happened at one place. Raises ClaimLost."""
        self._held(KEEP, claim, place=place, kept=Jsonb(kept))

    def lay_down(self, claim: Claim, due_at: datetime | None = None) -> None:
        """Give an execution back, to be taken up at once or at that moment."""
        self._rows(LAY_DOWN, machine=claim.machine, name=claim.name, claim=claim.claim, due_at=due_at)

    def end(self, claim: Claim, status: Status, outcome: Any) -> None:
        """Raises ClaimLost."""
        self._held(END, claim, status=status, outcome=Jsonb(outcome))

    def recover(self) -> int:
        """Give back at once what a process before us had claimed; returns how many.

        For the only process that runs executions, before it claims any: nobody else can be at work on them.
        """
        return int(self._rows(RECOVER)[0][0])

    def forget(self, days: int) -> None:
        """Remove executions that ended so long ago."""
        self._rows(FORGET, days=days)

    def find(self, machine: str, name: str) -> Execution | None:
        rows = self._rows(FIND, machine=machine, name=name)
        return Execution(*rows[0]) if rows else None

    def count(self) -> dict[str, int]:
        """How many executions somebody is at work on, wait, and have failed and are not forgotten yet."""
        return dict(zip(("in_hand", "waiting", "failed"), self._rows(COUNT)[0], strict=True))

    def close(self) -> None:
        self._connections.close()

    def _held(self, statement: str, claim: Claim, **parameters: Any) -> None:
        if not self._rows(statement, machine=claim.machine, name=claim.name, claim=claim.claim, **parameters):
            raise ClaimLost(f"{claim.machine} {claim.name} is in other hands")
