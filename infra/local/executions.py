"""What Step Functions does: runs the executions that are due, some at once. One child of the supervisor.

An execution in hand is claimed, and the claim prolonged; one whose process has died is taken up by the next.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from functions.catalogue import function
from functions.unasked import STATE_MACHINES
from infra.local.executing import Call, Run, Suspended
from infra.local.invocation import Handler, context_of
from infra.local.states import Fault, Machine, load_machine
from pacs.errors import Unavailable
from pacs.local.workflow import Claim, ClaimLost, WorkflowTables

AT_ONCE = 4
LEASE_S = 30.0
WAIT_S = 2.0
RETRY_S = 0.5
GRACE_S = 30.0  # what runs when the machine stops may end; the supervisor waits a little longer
KEPT_DAYS = 90  # as Step Functions keeps histories


class Executions:
    """Runs executions of these machines. `call` calls a function by its name."""

    def __init__(
        self,
        tables: WorkflowTables,
        machines: Mapping[str, Machine],
        call: Call,
        *,
        at_once: int = AT_ONCE,
        lease_s: float = LEASE_S,
        wait_s: float = WAIT_S,
    ) -> None:
        self.tables = tables
        self.machines = machines
        self.call = call
        self.at_once = at_once
        self.lease_s = lease_s
        self.wait_s = min(wait_s, lease_s / 3)  # in between what is in hand is prolonged
        self.lock = threading.Condition()
        self.in_hand: dict[UUID, threading.Thread] = {}
        self.prolonged_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Run what is due until told to stop; then what is in hand comes to the end of its tasks, if that is soon."""
        while not stop.is_set():
            try:
                self.take_one(stop, self.wait_s)
            except Unavailable as error:
                sys.stderr.write(f"{error.message}; trying again\n")
                stop.wait(RETRY_S)
        deadline = time.monotonic() + GRACE_S
        with self.lock:
            self.lock.wait_for(lambda: not self.in_hand, deadline - time.monotonic())

    def take_one(self, stop: threading.Event, wait_s: float) -> None:
        """Take an execution in hand, if one is due within this time and there is a hand for it."""
        self.prolong()
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.in_hand) < self.at_once, wait_s):
                return
        claim = self.tables.claim(list(self.machines), lease_s=self.lease_s, wait_s=wait_s)
        if claim is not None:
            thread = threading.Thread(target=self.work, args=(claim, stop), daemon=True, name=claim.name)
            with self.lock:
                self.in_hand[claim.claim] = thread
            thread.start()

    def prolong(self) -> None:
        """Tell that what is in hand is worked on, often enough."""
        with self.lock:
            claims = list(self.in_hand)
        if claims and time.monotonic() - self.prolonged_at > self.lease_s / 3:
            self.tables.prolong(claims, lease_s=self.lease_s)
            self.prolonged_at = time.monotonic()

    def work(self, claim: Claim, stop: threading.Event) -> None:
        """Bring one execution as far as it comes now."""
        try:
            self.bring_on(claim, stop.is_set)
        except Unavailable as error:
            sys.stderr.write(f"{claim.machine} {claim.name} waits: {error.message}\n")
        except ClaimLost as error:
            sys.stderr.write(f"{error.message}\n")
        finally:
            with self.lock:
                del self.in_hand[claim.claim]
                self.lock.notify_all()

    def bring_on(self, claim: Claim, stops: Callable[[], bool]) -> None:
        machine = self.machines[claim.machine]
        ends = claim.started_at + timedelta(seconds=machine.timeout_s) if machine.timeout_s else None
        kept = self.tables.steps(claim.machine, claim.name)
        run = Run(self.call, kept, partial(self.tables.keep, claim), ends, stops)
        try:
            output = run.run(machine, claim.input)
        except Suspended as suspended:
            self.tables.lay_down(claim, suspended.until)
        except Fault as fault:
            sys.stderr.write(f"{claim.machine} {claim.name} failed: {fault.error}\n")
            self.tables.end(claim, "failed", {"Error": fault.error, "Cause": fault.cause})
        else:
            self.tables.end(claim, "succeeded", output)


def load_machines() -> Mapping[str, Machine]:
    """Every state machine of the catalogue by its name. Raises ValueError."""
    return {entry.name: load_machine(entry) for entry in STATE_MACHINES}


def main(machines: Mapping[str, Machine], handlers: Mapping[str, Handler]) -> None:
    """Run executions until SIGTERM. What a process before us had in hand is taken up at once."""
    from pacs.bootstrap import local_workflow, settings

    def call(name: str, payload: Mapping[str, Any]) -> Any:
        return handlers[name](payload, context_of(function(name)))

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    tables = local_workflow(settings())
    recovered = False
    while not recovered and not stop.is_set():
        try:
            tables.recover()
            tables.forget(KEPT_DAYS)
            recovered = True
        except Unavailable as error:
            sys.stderr.write(f"{error.message}; trying again\n")
            stop.wait(RETRY_S)
    Executions(tables, machines, call).run(stop)
