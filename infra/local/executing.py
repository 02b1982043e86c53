"""How does one execution of a state machine go on? It is run from its start each time, with what was kept of it.

A task that has ended answers from what was kept under its place ("Exams/3/Report", and "Deliver:2" when the execution
comes there a second time), and so does a wait that is over; all else follows from them again. So an execution can be
left at any moment: when there is nothing to do but wait, when the machine stops, when the process is killed.

Asked by `executions`. Source: Amazon States Language specification, "Errors" and "Map State"
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

from infra.local.states import RUNTIME, Choice, Fault, Machine, Map, Succeed, Task, Wait, chosen, fill, placed, read

Call = Callable[[str, Mapping[str, Any]], Any]
Keep = Callable[[str, Any], None]

TIMEOUT = "States.Timeout"


class Suspended(Exception):
    """There is nothing to do before a moment."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until.isoformat())
        self.until = until


@dataclass(frozen=True)
class Run:
    """One execution in the hands of this process. `keep` makes durable what `kept` shows of earlier times.

    `call` calls a function with a payload. `ends` is when the execution has taken too long; `stops` tells whether this
    process is to stop.
    """

    call: Call
    kept: dict[str, Any]
    keep: Keep
    ends: datetime | None = None
    stops: Callable[[], bool] = lambda: False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, machine: Machine, document: Mapping[str, Any], above: str = "") -> Mapping[str, Any]:
        """What a machine ends with. Raises Fault when it fails, Suspended when it goes on at a later time."""
        name: str | None = machine.start
        visits: Counter[str] = Counter()
        while name is not None:
            visits[name] += 1
            place = f"{above}{name}" if visits[name] == 1 else f"{above}{name}:{visits[name]}"
            state = machine.states[name]
            if isinstance(state, Succeed):
                break
            if isinstance(state, Choice):
                name = chosen(state, document)
            elif isinstance(state, Wait):
                self.wait(place, read(state.seconds_path, document))
                name = state.next
            else:
                name, document = self.work(state, place, document)
        return document

    def work(self, state: Task | Map, place: str, document: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        """What is next, and with what. Raises Fault when nobody catches it."""
        try:
            if isinstance(state, Map):
                self.each(state, place, document)
                return state.next, document
            result: Mapping[str, Any] = {"Payload": self.attempt(state, place, document)}
            if state.selector is not None:
                result = fill(state.selector, result)
            return state.next, placed(state.result_path, document, result)
        except Fault as fault:
            for catcher in state.catch:
                if fault.named_by(catcher.errors):
                    told = {"Error": fault.error, "Cause": fault.cause}
                    return catcher.next, placed(catcher.result_path, document, told)
            raise

    def attempt(self, task: Task, place: str, document: Mapping[str, Any]) -> Any:
        """What a function answers, now or at an earlier time. Raises Fault when trying again is over."""
        before = self.kept.get(place, {})
        if "answer" in before:
            return before["answer"]
        if "fault" in before:
            raise Fault(before["fault"])
        self.leave_until(before.get("until"))
        payload = fill(task.payload, document)
        try:
            answer = self.call_in_time(task, payload)
        except Fault as fault:
            self.try_again(task, place, fault, before.get("tries", {}))
            self.note(place, {"fault": fault.error})
            raise
        self.note(place, {"answer": answer})
        return answer

    def note(self, place: str, noted: Mapping[str, Any]) -> None:
        self.keep(place, noted)
        self.kept[place] = noted

    def try_again(self, task: Task, place: str, fault: Fault, tries: Mapping[str, int]) -> None:
        """Raises Suspended when the first retrier that knows the fault has not tried often enough."""
        for number, retrier in enumerate(task.retry):
            if not fault.named_by(retrier.errors):
                continue
            tried = tries.get(str(number), 0)
            if tried < retrier.attempts:
                until = self.now() + timedelta(seconds=retrier.delay_s(tried))
                self.note(place, {"tries": {**tries, str(number): tried + 1}, "until": until.isoformat()})
                raise Suspended(until)
            return

    def call_in_time(self, task: Task, payload: Mapping[str, Any]) -> Any:
        """Call a function. Raises Fault named after its error; one that takes too long is left to itself."""
        future: Future[Any] = Future()

        def work() -> None:
            try:
                # As it would travel to a function elsewhere and back.
                future.set_result(json.loads(json.dumps(self.call(task.function, json.loads(json.dumps(payload))))))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=work, daemon=True, name=task.function).start()
        done, _ = wait([future], timeout=task.timeout_s)
        if not done:
            raise Fault(TIMEOUT)
        if error := future.exception():
            raise Fault(type(error).__name__) from error
        return future.result()

    def wait(self, place: str, seconds: Any) -> None:
        """Raises Suspended until a wait that began here, perhaps at an earlier time, is over."""
        if not isinstance(seconds, int) or seconds < 0:
            raise Fault(RUNTIME, "there is no number of seconds to wait", catchable=False)
        before = self.kept.get(place)
        if before is None:
            before = {"until": (self.now() + timedelta(seconds=seconds)).isoformat()}
            self.note(place, before)
        self.leave_until(before["until"])

    def leave_until(self, moment: str | None) -> None:
        """Raises Suspended before a moment and when the process stops, Fault when the execution has taken too long."""
        now = self.now()
        if self.ends and now >= self.ends:
            raise Fault(TIMEOUT, catchable=False)
        until = datetime.fromisoformat(moment) if moment else now
        if until > now or self.stops():
            raise Suspended(min(until, self.ends or until))

    def each(self, state: Map, place: str, document: Mapping[str, Any]) -> None:
        """Run a machine for each item, some at a time. One that waits leaves its place to others.

        Raises Fault of the first that failed, when those that run have ended; Suspended when all that are left wait.
        """
        items = read(state.items_path, document)
        if not isinstance(items, list):
            raise Fault(RUNTIME, f"there is no list at {state.items_path}", catchable=False)
        waiting = dict.fromkeys(range(len(items)), self.now())
        running: dict[Future[Any], int] = {}
        failed: Fault | None = None
        with ThreadPoolExecutor(state.at_once) as pool:
            while True:
                now = self.now()
                due = [number for number, until in waiting.items() if until <= now and not self.stops()]
                for number in due[: state.at_once - len(running)]:
                    given = fill(state.selector, document, items[number])
                    running[pool.submit(self.run, state.machine, given, f"{place}/{number}/")] = number
                    del waiting[number]
                if not running:
                    break
                # There is no room for what is due already, unless the process stops.
                soonest = min((until for until in waiting.values() if until > now), default=None)
                patience_s = (soonest - now).total_seconds() if soonest else None
                for future in wait(running, patience_s, FIRST_COMPLETED).done:
                    number = running.pop(future)
                    try:
                        future.result()
                    except Suspended as suspended:
                        waiting[number] = suspended.until
                    except Fault as fault:
                        failed = failed or fault
                if failed:
                    waiting.clear()
        if failed:
            raise failed
        if waiting:
            raise Suspended(min(waiting.values()))
