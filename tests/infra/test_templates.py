"""The templates themselves: cfn-lint finds nothing, and a change of what is deployed shows in a snapshot."""

import json
import re
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

STACKS = ("data", "messaging", "api", "workflow", "ingest", "edge", "observability")
HASHES = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}(?![0-9a-f])")
# One of each for every route: the guarantees compare them with the catalogue.
ROUTES = ("AWS::ApiGateway::Method", "AWS::ApiGateway::Resource", "AWS::ApiGateway::Deployment")


def test_both_stages_have_all_stacks(synthesized: Any) -> None:
    assert set(synthesized.templates) == {f"pacs-{stage}-{name}" for stage in ("dev", "prod") for name in STACKS}


def test_no_stack_comes_near_cloudformations_limits(synthesized: Any) -> None:
    for name, template in synthesized.templates.items():
        assert len(template["Resources"]) < 400, name
        assert len(json.dumps(template)) < 800_000, name


def test_cfn_lint_finds_nothing(synthesized: Any) -> None:
    # W3005: CDK writes down dependencies that a reference implies as well.
    found = [
        f"{name}: {match}"
        for name, template in synthesized.templates.items()
        for match in lint(json.dumps(template), config=ManualArgs(regions=["eu-central-1"], ignore_checks=["W3005"]))
    ]
    assert found == []


@pytest.mark.parametrize("name", STACKS)
def test_what_prod_deploys_changes_only_on_purpose(synthesized: Any, snapshot: SnapshotAssertion, name: str) -> None:
    template = synthesized.templates[f"pacs-prod-{name}"]
    kept = {key: each for key, each in template["Resources"].items() if each["Type"] not in ROUTES}
    masked = HASHES.sub("HASH", json.dumps({**template, "Resources": kept}))
    assert json.loads(masked) == snapshot(extension_class=JSONSnapshotExtension)
