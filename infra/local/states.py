"""What does a file of Amazon States Language say? The part of the language that our state machines use, and no more:
whatever else stands in a file is refused when it is read, and not passed over when it would matter.

Asked by `executing`, which runs it. Source: Amazon States Language specification, https://states-language.net
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from functions.entries import StateMachine

INVOKE = "arn:aws:states:::lambda:invoke"
ANY = "States.ALL"
RUNTIME = "States.Runtime"
ITEM = "$$.Map.Item.Value"
PATH = re.compile(r"\$(\.[A-Za-z_]\w*)*")
MEMBER = re.compile(r"\$\.[A-Za-z_]\w*")
TESTS = ("BooleanEquals", "IsNumeric", "IsPresent")
BACKOFF_RATE, INTERVAL_S, ATTEMPTS = 2.0, 1, 3  # where a file says nothing
DELAY_MAX_S = 31622400

FOLDER = Path(__file__).resolve().parents[2] / "functions"
MISSING = object()


class Fault(Exception):
    """An error by its name, which retriers and catchers know. Those that are not `catchable` end the execution."""

    def __init__(self, error: str, cause: str = "", *, catchable: bool = True) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause
        self.catchable = catchable

    def named_by(self, names: Collection[str]) -> bool:
        return self.catchable and (ANY in names or self.error in names)


@dataclass(frozen=True)
class Retrier:
    errors: tuple[str, ...]
    interval_s: float
    backoff_rate: float
    attempts: int
    delay_max_s: float

    def delay_s(self, attempt: int) -> float:
        """How long to wait before trying again the first (0), second … time."""
        return float(min(self.interval_s * self.backoff_rate**attempt, self.delay_max_s))


@dataclass(frozen=True)
class Catcher:
    errors: tuple[str, ...]
    result_path: str
    next: str


@dataclass(frozen=True)
class Task:
    """Calls a function. `result_path` None: what it answers is dropped; `next` None: here a machine ends."""

    function: str
    payload: Mapping[str, Any]
    timeout_s: float
    selector: Mapping[str, Any] | None
    result_path: str | None
    retry: tuple[Retrier, ...]
    catch: tuple[Catcher, ...]
    next: str | None


@dataclass(frozen=True)
class Map:
    """Runs a machine for each item; what comes of that is dropped."""

    items_path: str
    selector: Mapping[str, Any]
    at_once: int
    machine: "Machine"
    catch: tuple[Catcher, ...]
    next: str | None


@dataclass(frozen=True)
class Choice:
    rules: tuple[tuple[tuple[Mapping[str, Any], ...], str], ...]  # conditions, all of which must hold, and what is next
    default: str


@dataclass(frozen=True)
class Wait:
    seconds_path: str
    next: str | None


@dataclass(frozen=True)
class Succeed: ...


State = Task | Map | Choice | Wait | Succeed


@dataclass(frozen=True)
class Machine:
    start: str
    states: Mapping[str, State]
    timeout_s: float = 0.0  # 0: none


def load_machine(entry: StateMachine) -> Machine:
    """The state machine of an entry of the catalogue. Raises ValueError for what is not known here."""
    document = json.loads((FOLDER / entry.definition).read_text())
    return machine_of(entry.name, document, entry.functions, ("TimeoutSeconds",))


def machine_of(what: str, document: Any, functions: Collection[str], also: Collection[str] = ()) -> Machine:
    must_have(what, document, {"StartAt", "States"}, also)
    states = {
        name: state_of(f"{what}/{name}", state, functions, document["States"])
        for name, state in document["States"].items()
    }
    known(what, document["StartAt"], states)
    return Machine(document["StartAt"], states, document.get("TimeoutSeconds", 0.0))


def state_of(what: str, state: Any, functions: Collection[str], beside: Collection[str]) -> State:
    kind = state.get("Type")
    if kind == "Task":
        return task_of(what, state, functions, beside)
    if kind == "Map":
        return map_of(what, state, functions, beside)
    if kind == "Choice":
        must_have(what, state, {"Type", "Choices", "Default"})
        rules = tuple(rule_of(what, rule, beside) for rule in state["Choices"])
        return Choice(rules, known(what, state["Default"], beside))
    if kind == "Wait":
        must_have(what, state, {"Type", "SecondsPath"}, ("Next", "End"))
        return Wait(path(what, state["SecondsPath"]), next_of(what, state, beside))
    if kind == "Succeed":
        must_have(what, state, {"Type"})
        return Succeed()
    raise ValueError(f"{what}: states of type {kind} are not known here")


def task_of(what: str, state: Any, functions: Collection[str], beside: Collection[str]) -> Task:
    required = {"Type", "Resource", "Parameters", "TimeoutSeconds", "ResultPath"}
    must_have(what, state, required, ("ResultSelector", "Retry", "Catch", "Next", "End"))
    called = state["Parameters"]
    must_have(what, called, {"FunctionName", "Payload"})
    name = called["FunctionName"].removeprefix("${").removesuffix("}")
    if state["Resource"] != INVOKE or called["FunctionName"] != f"${{{name}}}" or name not in functions:
        raise ValueError(f"{what}: tasks are those of functions that the catalogue names")
    return Task(
        name,
        template(what, called["Payload"]),
        state["TimeoutSeconds"],
        template(what, state["ResultSelector"]) if "ResultSelector" in state else None,
        None if state["ResultPath"] is None else member(what, state["ResultPath"]),
        tuple(retrier_of(what, each) for each in state.get("Retry", ())),
        catchers_of(what, state, beside),
        next_of(what, state, beside),
    )


def map_of(what: str, state: Any, functions: Collection[str], beside: Collection[str]) -> Map:
    required = {"Type", "ItemsPath", "ItemSelector", "MaxConcurrency", "ItemProcessor", "ResultPath"}
    must_have(what, state, required, ("Catch", "Next", "End"))
    processor = state["ItemProcessor"]
    inline = processor.get("ProcessorConfig") == {"Mode": "INLINE"} and state["MaxConcurrency"] > 0
    if state["ResultPath"] is not None or not inline:
        raise ValueError(f"{what}: runs inline, some at a time, and what comes of it is dropped")
    return Map(
        path(what, state["ItemsPath"]),
        template(what, state["ItemSelector"], also=(ITEM,)),
        state["MaxConcurrency"],
        machine_of(what, processor, functions, ("ProcessorConfig",)),
        catchers_of(what, state, beside),
        next_of(what, state, beside),
    )


def retrier_of(what: str, retrier: Any) -> Retrier:
    optional = ("IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds")
    must_have(what, retrier, {"ErrorEquals"}, optional)
    return Retrier(
        tuple(retrier["ErrorEquals"]),
        retrier.get("IntervalSeconds", INTERVAL_S),
        retrier.get("BackoffRate", BACKOFF_RATE),
        retrier.get("MaxAttempts", ATTEMPTS),
        retrier.get("MaxDelaySeconds", DELAY_MAX_S),
    )


def catchers_of(what: str, state: Any, beside: Collection[str]) -> tuple[Catcher, ...]:
    for each in state.get("Catch", ()):
        must_have(what, each, {"ErrorEquals", "ResultPath", "Next"})
    return tuple(
        Catcher(tuple(each["ErrorEquals"]), member(what, each["ResultPath"]), known(what, each["Next"], beside))
        for each in state.get("Catch", ())
    )


def rule_of(what: str, rule: Any, beside: Collection[str]) -> tuple[tuple[Mapping[str, Any], ...], str]:
    conditions = rule["And"] if "And" in rule else [{key: rule[key] for key in rule if key != "Next"}]
    if "And" in rule:
        must_have(what, rule, {"And", "Next"})
    for each in conditions:
        must_have(what, each, {"Variable"}, TESTS)
        path(what, each["Variable"])
        if len(each) != 2:
            raise ValueError(f"{what}: one test for each variable")
    return tuple(conditions), known(what, rule["Next"], beside)


def next_of(what: str, state: Any, beside: Collection[str]) -> str | None:
    if ("Next" in state) == ("End" in state):
        raise ValueError(f"{what}: something is next, or it is the end")
    return known(what, state["Next"], beside) if "Next" in state else None


def must_have(what: str, document: Any, required: Collection[str], optional: Collection[str] = ()) -> None:
    names = set(document) - {"Comment"}
    if names - set(required) - set(optional) or set(required) - names:
        raise ValueError(f"{what}: has {sorted(names)}; known here: {sorted(required)} and perhaps {sorted(optional)}")


def known(what: str, name: str, states: Collection[str]) -> str:
    if name not in states:
        raise ValueError(f"{what}: there is no state {name}")
    return name


def path(what: str, text: str) -> str:
    if not PATH.fullmatch(text):
        raise ValueError(f"{what}: not a path that is known here: {text}")
    return text


def member(what: str, text: str) -> str:
    if not MEMBER.fullmatch(text):
        raise ValueError(f"{what}: results go to a member of what is there, not to {text}")
    return text


def template(what: str, document: Mapping[str, Any], also: Collection[str] = ()) -> Mapping[str, Any]:
    """Members are plain values or, with names that end in `.$`, paths."""
    for name, value in document.items():
        if name.endswith(".$") and value not in also:
            path(what, value)
        elif isinstance(value, Mapping | list):
            raise ValueError(f"{what}: {name} is neither a path nor a plain value")
    return document


def find(text: str, document: Any) -> Any:
    """What stands at a path, or MISSING."""

    def step(found: Any, name: str) -> Any:
        return found.get(name, MISSING) if isinstance(found, Mapping) else MISSING

    return reduce(step, text.split(".")[1:], document)


def read(text: str, document: Any) -> Any:
    """What stands at a path. Raises Fault: the language lets nobody catch that."""
    found = find(text, document)
    if found is MISSING:
        raise Fault(RUNTIME, f"there is nothing at {text}", catchable=False)
    return found


def fill(template: Mapping[str, Any], document: Any, item: Any = None) -> dict[str, Any]:
    """A template with what stands at its paths. Raises Fault."""
    return {
        name.removesuffix(".$"): (item if value == ITEM else read(value, document)) if name.endswith(".$") else value
        for name, value in template.items()
    }


def placed(result_path: str | None, document: Mapping[str, Any], result: Any) -> Mapping[str, Any]:
    """What is there with a result in its place."""
    return document if result_path is None else {**document, result_path.removeprefix("$."): result}


def chosen(choice: Choice, document: Any) -> str:
    """The state that is next. Raises Fault for a variable that is not there."""
    for conditions, following in choice.rules:
        if all(holds(each, document) for each in conditions):
            return following
    return choice.default


def holds(condition: Mapping[str, Any], document: Any) -> bool:
    if "IsPresent" in condition:
        present = find(condition["Variable"], document) is not MISSING
        return present is condition["IsPresent"]
    value = read(condition["Variable"], document)
    if "IsNumeric" in condition:
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        return numeric is condition["IsNumeric"]
    return value is condition["BooleanEquals"]
