"""Where do executions of state machines run in the cloud? In Step Functions."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pacs.aws.translation import error_code, translated
from pacs.errors import NotFound
from pacs.ports import execution_name

# The same name with the same input while it runs is no error at all; this is one that has ended.
STARTED_BEFORE = "ExecutionAlreadyExists"


class StepFunctionsWorkflow:
    """A Workflow of Step Functions. Names of the catalogue are appended to the prefix."""

    def __init__(self, arn_prefix: str, client: Any) -> None:
        self._arn_prefix = arn_prefix
        self._client = client

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        asked = {"name": execution_name(name), "input": json.dumps(dict(input), sort_keys=True)}
        with translated(f"the state machine {machine}", missing={"StateMachineDoesNotExist": NotFound}):
            try:
                self._client.start_execution(stateMachineArn=self._arn_prefix + machine, **asked)
            except ClientError as error:
                if error_code(error) != STARTED_BEFORE:
                    raise
