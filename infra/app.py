"""The CDK app: the stacks of every stage, checked by cdk-nag. Run by the CDK command line as cdk.json says."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks

from infra.acknowledgements import acknowledge
from infra.settings import STAGES, Stage
from infra.stacks import api, data, edge, ingest, messaging, observability, rai_llm, workflow


@dataclass(frozen=True)
class Assets:
    """Folders that are built or written before synthesis, which itself builds nothing."""

    layers: Path = Path("build/layers")
    site: Path = Path("ohif-site/build")
    image: Path = Path()


def build(app: App, stage: Stage, assets: Assets) -> None:
    kept = data.Data(app, stage)
    messages = messaging.Messaging(app, stage, kept)
    answers = api.Api(app, stage, kept, messages, assets.layers)
    machines = workflow.Workflow(app, stage, kept, answers)
    door = ingest.Ingest(app, stage, kept, assets.image)
    edge.Edge(app, stage, kept, answers, assets.site)
    if stage.gpu_instance_type:  # off unless the owner names one
        rai_llm.RaiLlm(app, stage, kept)
    observability.Observability(app, stage, kept, messages, answers, door, machines)


if __name__ == "__main__":
    app = App(outdir="cdk.out")
    for stage in STAGES:
        build(app, stage, Assets())
    acknowledge(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), HIPAASecurityChecks(app))
    app.synth()
