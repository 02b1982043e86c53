"""What every deployment promises, read from the synthesized templates of both stages."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions import catalogue
from functions.resources import laid_out
from functions.unasked import STATE_MACHINES

STAGES = ("dev", "prod")
ROOT = Path(__file__).resolve().parents[2]


def function_name(stage: str, name: str) -> str:
    return f"pacs-{stage}-{name}"


def our_functions(synthesized: Any, stage: str) -> dict[str, dict[str, Any]]:
    """Properties of the catalogue's functions by their physical name."""
    found = synthesized.resources(f"pacs-{stage}-api", "AWS::Lambda::Function").values()
    return {
        each["Properties"]["FunctionName"]: each["Properties"] for each in found if "FunctionName" in each["Properties"]
    }


def test_nothing_is_left_that_cdk_nag_finds_and_nothing_acknowledged_in_vain(synthesized: Any, stages: Any) -> None:
    from infra.acknowledgements import acknowledged

    table = [entry for stage in stages for entry in acknowledged(stage)]
    unanswered = [
        (path, rule)
        for path, rule in sorted(synthesized.findings)
        if not any(rule == known and f"{path}/".startswith(f"{place}/") for place, known, _ in table)
    ]
    assert unanswered == []
    idle = [
        (place, rule)
        for place, rule, _ in table
        if not any(rule == found and f"{path}/".startswith(f"{place}/") for path, found in synthesized.findings)
        and not elsewhere(place, rule, synthesized.findings)
    ]
    assert idle == []
    assert all(len(reason) > 10 for *_, reason in table)


def elsewhere(place: str, rule: str, findings: frozenset[tuple[str, str]]) -> bool:
    """Whether the other stage has this finding at the same place."""
    old, new = ("pacs-dev-", "pacs-prod-") if place.startswith("pacs-dev-") else ("pacs-prod-", "pacs-dev-")
    other = place.replace(old, new, 1)
    return any(rule.replace(old, new) == found and path.startswith(other) for path, found in findings)


def test_nothing_costs_while_it_idles_behind_a_nat(synthesized: Any) -> None:
    assert synthesized.all_resources("AWS::EC2::NatGateway") == []
    for stage in STAGES:
        assert not any("VpcConfig" in properties for properties in our_functions(synthesized, stage).values())


@pytest.mark.parametrize("stage", STAGES)
def test_every_queue_has_a_dead_letter_queue_and_our_key(synthesized: Any, stage: str) -> None:
    queues = {
        each["Properties"]["QueueName"]: each["Properties"]
        for stack in ("messaging", "api")
        for each in synthesized.resources(f"pacs-{stage}-{stack}", "AWS::SQS::Queue").values()
    }
    sources = [(source, each.timeout_s) for each in catalogue.FUNCTIONS for source in each.sources]
    for source, timeout_s in sources:
        properties = queues[f"pacs-{stage}-{source.queue}"]
        assert properties["RedrivePolicy"]["maxReceiveCount"] == source.max_receives
        assert properties["VisibilityTimeout"] >= 6 * timeout_s
        assert f"pacs-{stage}-{source.queue}-dlq" in queues
    assert len(queues) == 2 * len(sources) + 1  # and that of the schedules
    assert all("KmsMasterKeyId" in properties for properties in queues.values())


@pytest.mark.parametrize("stage", STAGES)
def test_topics_deliver_raw_to_their_queues(synthesized: Any, stage: str) -> None:
    subscriptions = synthesized.resources(f"pacs-{stage}-messaging", "AWS::SNS::Subscription").values()
    assert len(subscriptions) == sum(len(topic.subscribers) for topic in catalogue.TOPICS)
    for each in subscriptions:
        assert each["Properties"]["RawMessageDelivery"] is True
        assert each["Properties"]["RedrivePolicy"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_is_as_the_catalogue_says(synthesized: Any, stage: str) -> None:
    found = our_functions(synthesized, stage)
    assert set(found) == {function_name(stage, each.name) for each in catalogue.FUNCTIONS}
    for each in catalogue.FUNCTIONS:
        properties = found[function_name(stage, each.name)]
        assert properties["Handler"] == f"functions.{each.name}.handler.handler"
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]
        assert properties["MemorySize"] == each.memory_mib
        assert properties["Timeout"] == each.timeout_s
        assert len(properties["Layers"]) == len(each.layers)
        assert properties["TracingConfig"] == {"Mode": "Active"}


def test_every_variable_of_a_function_is_one_that_settings_knows(synthesized: Any) -> None:
    from dataclasses import fields

    from gateway_scp.settings import GatewaySettings
    from pacs.settings import variable_name

    known = {variable_name(each.name) for each in fields(GatewaySettings)}
    for stage in STAGES:
        environments = [each["Environment"]["Variables"] for each in our_functions(synthesized, stage).values()]
        (task,) = synthesized.resources(f"pacs-{stage}-ingest", "AWS::ECS::TaskDefinition").values()
        (container,) = task["Properties"]["ContainerDefinitions"]
        environments.append({each["Name"]: each["Value"] for each in container["Environment"]})
        for names in environments:
            assert {name for name in names if name.startswith("PACS_")} <= known
            assert (names["PACS_PLATFORM"], names.get("PACS_SIGN_AGAIN")) == ("aws", {"prod": "1"}.get(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_every_log_group_forgets_in_time_and_is_encrypted(synthesized: Any, stage: str) -> None:
    groups = [each for stack, _, each in synthesized.all_resources("AWS::Logs::LogGroup") if f"pacs-{stage}-" in stack]
    names = {each["Properties"]["LogGroupName"] for each in groups}
    assert {f"/pacs/{stage}/{each.name}" for each in catalogue.FUNCTIONS} <= names
    for each in groups:
        assert each["Properties"]["RetentionInDays"] == (365 if stage == "prod" else 30)
        assert "KmsKeyId" in each["Properties"]
    for properties in our_functions(synthesized, stage).values():
        assert "Ref" in properties["LoggingConfig"]["LogGroup"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_route_of_the_catalogue_is_there_behind_the_authorizer(synthesized: Any, stage: str) -> None:
    stack = f"pacs-{stage}-api"
    parents = synthesized.resources(stack, "AWS::ApiGateway::Resource")

    def path_of(reference: Any) -> str:
        if "Ref" not in reference:
            return ""
        properties = parents[reference["Ref"]]["Properties"]
        return f"{path_of(properties['ParentId'])}/{properties['PathPart']}"

    built = {}
    for method in synthesized.resources(stack, "AWS::ApiGateway::Method").values():
        properties = method["Properties"]
        if properties["Integration"]["Type"] == "AWS_PROXY":
            route = (properties["HttpMethod"], path_of(properties["ResourceId"]))
            built[route] = properties["AuthorizationType"] == "CUSTOM" and "AuthorizerId" in properties
    # tests/functions/test_routing.py proves that each route is asked for by one of these.
    assert built == {(each.method, each.path.rstrip("/")): not each.public for each in laid_out(catalogue.FUNCTIONS)}
    (authorizer,) = synthesized.resources(stack, "AWS::ApiGateway::Authorizer").values()
    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 0
    (api,) = synthesized.resources(stack, "AWS::ApiGateway::RestApi").values()
    assert api["Properties"]["BinaryMediaTypes"] == ["*/*"]


@pytest.mark.parametrize("stage", STAGES)
def test_state_machines_are_the_files_of_the_catalogue_and_tell_nothing_of_what_goes_through_them(
    synthesized: Any, stage: str
) -> None:
    stack = f"pacs-{stage}-workflow"
    found = synthesized.resources(stack, "AWS::StepFunctions::StateMachine").values()
    machines = {each["Properties"]["StateMachineName"]: each["Properties"] for each in found}
    assert set(machines) == {function_name(stage, each.name) for each in STATE_MACHINES}
    for each in STATE_MACHINES:
        properties = machines[function_name(stage, each.name)]
        assert properties["DefinitionString"] == (ROOT / "functions" / each.definition).read_text()
        assert set(properties["DefinitionSubstitutions"]) == set(each.functions)
        assert properties["StateMachineType"] == "STANDARD" and properties["TracingConfiguration"]["Enabled"]
        assert properties["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
        logged = properties["LoggingConfiguration"]
        assert (logged["Level"], logged["IncludeExecutionData"]) == ("ERROR", False)


def test_access_logs_hold_neither_query_strings_nor_uids(synthesized: Any) -> None:
    (stage,) = synthesized.resources("pacs-prod-api", "AWS::ApiGateway::Stage").values()
    logged = json.loads(stage["Properties"]["AccessLogSetting"]["Format"])
    assert logged["route"] == "$context.resourcePath"
    assert "$context.path" not in logged.values()


def test_the_door_drains_and_cannot_write_into_itself(synthesized: Any) -> None:
    (task,) = synthesized.resources("pacs-prod-ingest", "AWS::ECS::TaskDefinition").values()
    (container,) = task["Properties"]["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["StopTimeout"] == 120
    assert task["Properties"]["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    (targets,) = synthesized.resources("pacs-prod-ingest", "AWS::ElasticLoadBalancingV2::TargetGroup").values()
    attributes = {each["Key"]: each["Value"] for each in targets["Properties"]["TargetGroupAttributes"]}
    assert attributes["preserve_client_ip.enabled"] == "true"
    assert targets["Properties"]["HealthCheckPath"] == "/healthz"


def test_only_listed_networks_reach_the_door(synthesized: Any) -> None:
    for stage, networks in (("dev", set()), ("prod", {"203.0.113.0/24"})):
        groups = synthesized.resources(f"pacs-{stage}-ingest", "AWS::EC2::SecurityGroup").values()
        rules = [rule for each in groups for rule in each["Properties"].get("SecurityGroupIngress", [])]
        assert {rule["CidrIp"] for rule in rules} == networks
    ports = {rule["FromPort"] for rule in rules}
    assert ports == {4242, 2762}


def test_frames_come_from_s3_by_the_edge_function_and_are_never_cached(synthesized: Any) -> None:
    (distribution,) = synthesized.resources("pacs-prod-edge", "AWS::CloudFront::Distribution").values()
    config = distribution["Properties"]["DistributionConfig"]
    behaviors = {each["PathPattern"]: each for each in config["CacheBehaviors"]}
    frames = behaviors["/dicomweb/studies/*/frames/*"]
    caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert frames["CachePolicyId"] == config["DefaultCacheBehavior"]["CachePolicyId"] == caching_disabled
    (group,) = config["OriginGroups"]["Items"]
    assert frames["TargetOriginId"] == group["Id"]
    assert [each["OriginId"] for each in group["Members"]["Items"]] == ["frames", "api"]
    assert group["FailoverCriteria"]["StatusCodes"]["Items"] == [403, 404]
    assert {each["ViewerProtocolPolicy"] for each in [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]} == {
        "https-only"
    }
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_the_site_is_sent_with_the_policy_of_the_viewing_room(synthesized: Any) -> None:
    from pacs.viewing.headers import VIEWER_HEADERS

    policies = synthesized.resources("pacs-prod-edge", "AWS::CloudFront::ResponseHeadersPolicy").values()
    sent = json.dumps([each["Properties"] for each in policies])
    assert json.dumps(VIEWER_HEADERS["Content-Security-Policy"])[1:-1] in sent


def test_everything_that_may_go_wrong_has_an_alarm(synthesized: Any) -> None:
    for stage in STAGES:
        alarms = synthesized.resources(f"pacs-{stage}-observability", "AWS::CloudWatch::Alarm").values()
        names = {each["Properties"]["AlarmName"].removeprefix(f"pacs-{stage}-") for each in alarms}
        queues = {source.queue for each in catalogue.FUNCTIONS for source in each.sources}
        assert {f"{queue}-old" for queue in queues} | {f"{queue}-dead" for queue in queues} <= names
        assert {f"{each.name}-failed" for each in STATE_MACHINES} <= names
        assert {"schedules-dead", "api-5xx", "api-p95", "gateway-unhealthy"} <= names
        assert all(each["Properties"]["AlarmActions"] for each in alarms)


def test_prod_cannot_be_torn_down_by_mistake(synthesized: Any) -> None:
    manifest = json.loads((synthesized.folder / "manifest.json").read_text())
    for name, artifact in manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            assert bool(artifact["properties"].get("terminationProtection")) == name.startswith("pacs-prod-")


@pytest.mark.parametrize("stage", STAGES)
def test_the_database_is_migrated_before_any_function_that_expects_it(synthesized: Any, stage: str) -> None:
    stack = f"pacs-{stage}-api"
    (trigger,) = synthesized.resources(stack, "Custom::Trigger")
    for function in synthesized.resources(stack, "AWS::Lambda::Function").values():
        name = function["Properties"].get("FunctionName", "").removeprefix(f"pacs-{stage}-")
        if name in {each.name for each in catalogue.FUNCTIONS} - {"migrate", "authorizer"}:
            assert trigger in function["DependsOn"], name
