"""Where the state machines of reporting stand. They come with the reports; their log group is here already."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.settings import Stage
from infra.stacks.data import Data
from infra.stacks.log_groups import retained_log_group


class Workflow(Stack):
    """`logs` is what state machines write their histories to; its name is one that Step Functions may write to."""

    def __init__(self, scope: Construct, stage: Stage, data: Data) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}workflow",
            env=Environment(region=stage.region),
            description="Bulut PACS: state machines",
            termination_protection=stage.protect,
        )
        self.logs = retained_log_group(
            self, "Logs", "", stage, data.key, exact_name=f"/aws/vendedlogs/states/{stage.prefix}workflow"
        )
