"""Where the catalogue's state machines run: Step Functions (Standard), their log group and their rights.

Histories are kept by Step Functions for 90 days under our key; logs tell of failures alone, and of no inputs or
outputs.
"""

from pathlib import Path

from aws_cdk import Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from functions.entries import StateMachine
from functions.unasked import STATE_MACHINES
from infra.settings import Stage
from infra.stacks.api import Api
from infra.stacks.data import Data
from infra.stacks.grants import allow
from infra.stacks.log_groups import retained_log_group

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


class Workflow(Stack):
    """`machines` by their name in the catalogue."""

    def __init__(self, scope: Construct, stage: Stage, data: Data, api: Api) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}workflow",
            env=Environment(region=stage.region),
            description="Bulut PACS: state machines",
            termination_protection=stage.protect,
        )
        self.stage = stage
        # Imported, because a grant on the construct itself would write into `data` and close a circle.
        self.key = kms.Key.from_key_arn(self, "Key", data.key.key_arn)
        # A name that Step Functions may write to.
        self.logs = retained_log_group(
            self, "Logs", "", stage, data.key, exact_name=f"/aws/vendedlogs/states/{stage.prefix}workflow"
        )
        self.machines = {machine.name: self._machine(machine, api) for machine in STATE_MACHINES}

    def _machine(self, machine: StateMachine, api: Api) -> stepfunctions.StateMachine:
        role = iam.Role(
            self,
            f"{machine.name}Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description=f"What {machine.name} may touch",
        )
        addresses = {name: api.functions[name].function_arn for name in machine.functions}
        role.add_to_policy(allow(("lambda:InvokeFunction",), *addresses.values()))
        return stepfunctions.StateMachine(
            self,
            machine.name,
            state_machine_name=f"{self.stage.prefix}{machine.name}",
            comment=machine.summary,
            definition_body=stepfunctions.DefinitionBody.from_string((FUNCTIONS / machine.definition).read_text()),
            definition_substitutions=addresses,
            encryption_configuration=stepfunctions.CustomerManagedEncryptionConfiguration(self.key),
            logs=stepfunctions.LogOptions(
                destination=self.logs, level=stepfunctions.LogLevel.ERROR, include_execution_data=False
            ),
            role=role,
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            tracing_enabled=True,
        )
