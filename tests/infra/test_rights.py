"""Who may do what: the policies of the synthesized templates name what is needed, and no more."""

from typing import Any

import pytest

# Actions that know no resource; a `*` stands for nothing else in what we wrote ourselves.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "ecs:DiscoverPollEndpoint",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
# Functions that CDK brings along: they run while a deployment lasts.
OF_CDK = ("BucketNotificationsHandler", "CustomCDKBucketDeployment", "AWSCDKTriggerCustomResource")


def statements(synthesized: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """(stack, policy, statement) of every identity-side policy that is ours."""
    return [
        (stack, name, statement)
        for stack, name, policy in synthesized.all_resources("AWS::IAM::Policy")
        if not name.startswith(OF_CDK)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_policy_allows_more_than_it_names(synthesized: Any) -> None:
    for stack, name, statement in statements(synthesized):
        actions = set(as_list(statement["Action"]))
        assert not any("*" in action for action in actions), (stack, name)
        if "*" in as_list(statement["Resource"]) and "OriginalsNotifications" not in name.title():
            assert actions <= WITHOUT_RESOURCE or actions == {"s3:PutBucketNotification"}, (stack, name, actions)


@pytest.mark.parametrize(
    ("name", "allowed", "denied"),
    [
        ("authorizer", {"secretsmanager:GetSecretValue", "rds-data:ExecuteStatement"}, {"s3:GetObject"}),
        (
            "crons",
            {"sqs:SendMessage", "s3:GetObject", "s3:DeleteObjectVersion"},
            {"sns:Publish"},
        ),
        ("dicomweb", {"s3:PutObject", "s3:DeleteObject"}, {"s3:DeleteObjectVersion", "sns:Publish"}),
        ("indexer", {"sns:Publish", "s3:PutObject", "sqs:SendMessage"}, {"s3:DeleteObjectVersion"}),
        ("portal", {"rds-data:ExecuteStatement"}, {"s3:GetObject", "s3:PutObject", "sqs:SendMessage"}),
        ("migrate", {"rds-data:ExecuteStatement"}, {"s3:GetObject", "secretsmanager:PutSecretValue"}),
    ],
)
def test_functions_may_do_what_the_catalogue_grants_and_no_more(
    synthesized: Any, name: str, allowed: set[str], denied: set[str]
) -> None:
    granted = {
        action
        for stack, policy, statement in statements(synthesized)
        if stack == "pacs-prod-api" and policy.startswith(f"{name}Role")
        for action in as_list(statement["Action"])
    }
    assert allowed <= granted
    assert not denied & granted


def test_the_door_keeps_what_it_was_given_and_reads_no_more_than_it_must(synthesized: Any) -> None:
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in synthesized.resources("pacs-prod-ingest", "AWS::IAM::Policy").items()
        if name.startswith("TaskTaskRole")
    ]
    granted = {action for statement in policy for action in as_list(statement["Action"])}
    asks_the_index = {
        "rds-data:BatchExecuteStatement",
        "rds-data:BeginTransaction",
        "rds-data:CommitTransaction",
        "rds-data:ExecuteStatement",
        "rds-data:RollbackTransaction",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    }
    assert granted == asks_the_index | {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_state_machines_call_their_functions_and_use_the_key_for_themselves(synthesized: Any, stage: str) -> None:
    granted = {
        action
        for stack, _, statement in statements(synthesized)
        if stack == f"pacs-{stage}-workflow" and statement["Resource"] != "*"
        for action in as_list(statement["Action"])
    }
    assert granted == {"lambda:InvokeFunction", "kms:Decrypt", "kms:GenerateDataKey"}
