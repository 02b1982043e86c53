"""What every deployment promises of what it keeps: stores and the database, read from the synthesized templates."""

import json
from typing import Any

from functions import catalogue

STAGES = ("dev", "prod")


def test_every_store_is_private_versioned_and_encrypted_with_our_key(synthesized: Any) -> None:
    for stage in STAGES:
        buckets = synthesized.resources(f"pacs-{stage}-data", "AWS::S3::Bucket")
        stores = {name: bucket["Properties"] for name, bucket in buckets.items() if "AccessLogs" not in name}
        assert len(stores) == len(catalogue.STORES)
        for properties in stores.values():
            rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
            assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
            assert "Key" in json.dumps(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
            assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    for stack, name, bucket in synthesized.all_resources("AWS::S3::Bucket"):
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}, (stack, name)


def test_every_bucket_refuses_what_is_not_tls(synthesized: Any) -> None:
    policies = synthesized.all_resources("AWS::S3::BucketPolicy")
    assert len(policies) == len(synthesized.all_resources("AWS::S3::Bucket"))
    for _, _, policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            each["Effect"] == "Deny" and each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for each in statements
        )


def test_originals_are_never_expired(synthesized: Any) -> None:
    for stage in STAGES:
        buckets = synthesized.resources(f"pacs-{stage}-data", "AWS::S3::Bucket")
        (originals,) = [bucket for name, bucket in buckets.items() if name.startswith("Originals")]
        rules = json.dumps(originals["Properties"]["LifecycleConfiguration"])
        assert "Expiration" not in rules
        assert originals["DeletionPolicy"] == ("Retain" if stage == "prod" else "Delete")


def test_the_configuration_of_the_door_outlives_the_expiry_around_it(synthesized: Any) -> None:
    for stage in STAGES:
        buckets = synthesized.resources(f"pacs-{stage}-data", "AWS::S3::Bucket")
        (exchange,) = [bucket for name, bucket in buckets.items() if name.startswith("Exchange")]
        rules = exchange["Properties"]["LifecycleConfiguration"]["Rules"]
        expiring = [rule.get("Prefix", "") for rule in rules if "ExpirationInDays" in rule]
        assert sorted(expiring) == ["associations/", "audio/", "exports/", "reports/", "responses/", "uploads/"]


def test_only_cloudfront_reads_frames_and_nobody_is_anybody(synthesized: Any) -> None:
    allowed = [
        (stack, statement)
        for stack, _, policy in synthesized.all_resources("AWS::S3::BucketPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert not any("*" in json.dumps(statement["Principal"]) for _, statement in allowed)
    readers = [
        statement for stack, statement in allowed if stack.endswith("data") and "GetObject" in str(statement["Action"])
    ]
    assert len(readers) == len(STAGES)
    for statement in readers:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert statement["Action"] == "s3:GetObject"
        assert statement["Resource"]["Fn::Join"][1][-1] == "/frames/*"
        assert "aws:SourceArn" in json.dumps(statement["Condition"])


def test_the_database_is_encrypted_unreachable_and_in_prod_protected(synthesized: Any) -> None:
    for stage in STAGES:
        stack = f"pacs-{stage}-data"
        (cluster,) = synthesized.resources(stack, "AWS::RDS::DBCluster").values()
        properties = cluster["Properties"]
        assert properties["StorageEncrypted"] and properties["KmsKeyId"]
        assert properties["EnableHttpEndpoint"] and properties["ManageMasterUserPassword"]
        assert properties["DeletionProtection"] == (stage == "prod")
        assert cluster["DeletionPolicy"] == ("Snapshot" if stage == "prod" else "Delete")
        assert properties["BackupRetentionPeriod"] == (35 if stage == "prod" else 7)
        scaling = properties["ServerlessV2ScalingConfiguration"]
        assert scaling["MinCapacity"] == (0.5 if stage == "prod" else 0)
        (writer,) = synthesized.resources(stack, "AWS::RDS::DBInstance").values()
        assert writer["Properties"]["PubliclyAccessible"] is False
        groups = synthesized.resources(stack, "AWS::EC2::SecurityGroup").values()
        assert not any("SecurityGroupIngress" in group["Properties"] for group in groups)


def test_the_database_logs_no_patient(synthesized: Any) -> None:
    (group,) = synthesized.resources("pacs-prod-data", "AWS::RDS::DBClusterParameterGroup").values()
    parameters = group["Properties"]["Parameters"]
    assert parameters["log_error_verbosity"] == "terse"
    assert parameters["log_statement"] == "none"
    assert parameters["log_min_error_statement"] == "fatal"
