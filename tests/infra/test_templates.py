"""The templates themselves: cfn-lint finds nothing, and a change of what is deployed shows in a snapshot."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

STACKS = ("data", "messaging", "api", "workflow", "ingest", "edge", "observability")
OPTIONAL = ("rai-llm",)  # of prod as the tests fill it in
HASHES = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}(?![0-9a-f])")
# What follows from the routes: the guarantees compare them with the catalogue.
ROUTES = ("AWS::ApiGateway::Method", "AWS::ApiGateway::Resource", "AWS::ApiGateway::Deployment")


def test_both_stages_have_all_stacks(synthesized: Any) -> None:
    expected = {f"pacs-{stage}-{name}" for stage in ("dev", "prod") for name in STACKS}
    assert set(synthesized.templates) == expected | {f"pacs-prod-{name}" for name in OPTIONAL}


def test_no_stack_comes_near_cloudformations_limits(synthesized: Any) -> None:
    for name, template in synthesized.templates.items():
        assert len(template["Resources"]) < 350, name
        assert len(json.dumps(template)) < 800_000, name


def test_cfn_lint_finds_nothing(synthesized: Any) -> None:
    templates = sorted(synthesized.folder.glob("*.template.json"))
    assert len(templates) == len(synthesized.templates)
    # W3005: CDK writes down dependencies that a reference implies as well.
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "eu-central-1",
        "--ignore-checks",
        "W3005",
        "--",
    ]
    done = subprocess.run([*command, *map(str, templates)], capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("name", (*STACKS, *OPTIONAL))
def test_what_prod_deploys_changes_only_on_purpose(synthesized: Any, snapshot: SnapshotAssertion, name: str) -> None:
    template = synthesized.templates[f"pacs-prod-{name}"]
    kept = {key: each for key, each in template["Resources"].items() if each["Type"] not in ROUTES}
    masked = HASHES.sub("HASH", json.dumps({**template, "Resources": kept}))
    assert json.loads(masked) == snapshot(extension_class=JSONSnapshotExtension)
