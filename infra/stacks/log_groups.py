"""Log groups of one kind: encrypted with our key, and forgotten after the stage's days. Asked by every stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.settings import Stage

RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    3653: logs.RetentionDays.TEN_YEARS,
}


def retained_log_group(
    scope: Construct, id: str, name: str, stage: Stage, key: kms.IKey, *, exact_name: str = ""
) -> logs.LogGroup:
    """The group `/pacs/<stage>/<name>`, or the one whose name a service dictates."""
    return logs.LogGroup(
        scope,
        id,
        log_group_name=exact_name or f"/pacs/{stage.name}/{name}",
        encryption_key=key,
        retention=RETENTION[stage.log_days],
        removal_policy=RemovalPolicy.RETAIN if stage.protect else RemovalPolicy.DESTROY,
    )
