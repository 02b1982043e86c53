"""How a function of the catalogue is called on this machine: its handler, and what Lambda would tell it of itself."""

import importlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.catalogue import FUNCTIONS
from functions.entries import Function

Handler = Callable[[Any, Any], Any]

REGION = "local"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Context:
    """Lambda's context object, as far as Powertools and handlers read it.

    Source: Lambda Developer Guide, "Using the Lambda context object to retrieve Python function information".
    """

    function_name: str
    memory_limit_in_mb: int
    timeout_s: int
    aws_request_id: str
    function_version: str = "$LATEST"
    started_at: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.timeout_s - (time.monotonic() - self.started_at)) * 1000))


def load(function: Function) -> Handler:
    """The handler of a function, imported when it is not yet."""
    module = importlib.import_module(f"functions.{function.name}.handler")
    handler: Handler = module.handler
    return handler


def load_all() -> Mapping[str, Handler]:
    """Every handler of the catalogue by the name of its function."""
    return {function.name: load(function) for function in FUNCTIONS}


def context_of(function: Function, request_id: str = "") -> Context:
    return Context(function.name, function.memory_mib, function.timeout_s, request_id or str(uuid.uuid4()))
