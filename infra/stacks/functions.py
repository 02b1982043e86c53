"""One Lambda function for each entry of the catalogue: code, layers, settings, grants, queues, schedules."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Aws, Duration, IgnoreMode
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.entries import Function, Layer, Schedule, Source
from infra.settings import TLS_PORT, Stage
from infra.stacks.data import Data
from infra.stacks.grants import VAULT, state_machine_arn, statements, use_key
from infra.stacks.log_groups import retained_log_group
from infra.stacks.messaging import Messaging

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
OF_ROUTES = ("catalogue", "entries", "resources", "routing", "unasked")

BESIDE = {
    "authorizer": [f"!/functions/{each}.py" for each in OF_ROUTES],
    "pages": ["!/docs", "/docs/*", "!/docs/*.md", "!/docs/*.json", "!/docs/clients", "!/CHANGELOG.md"],
}


@dataclass(frozen=True)
class Surroundings:
    """What all functions of a stage share."""

    stage: Stage
    data: Data
    messaging: Messaging
    layers: dict[Layer, lambda_.LayerVersion]
    failed_schedules: sqs.Queue


def environment(stage: Stage, data: Data) -> dict[str, str]:
    """The PACS_* variables of every process in the cloud, the DICOM node included."""
    told = {
        "PACS_DICOM_HOST": stage.dicom_host,
        "PACS_DICOM_TLS_PORT": str(TLS_PORT) if stage.dicom_tls_certificate_arn else "",
    }
    return {
        **{name: value for name, value in told.items() if value},
        "PACS_PLATFORM": "aws",
        "PACS_STAGE": stage.name,
        "PACS_DERIVED_DAYS": str(stage.derived_days),
        "PACS_PUBLIC_URL": stage.public_url,
        "PACS_MAIL_SENDER": stage.mail_sender,
        "PACS_CORS_ORIGINS": ",".join(stage.cors_origins),
        "PACS_ORIGINALS_BUCKET": data.originals.bucket_name,
        "PACS_DERIVED_BUCKET": data.derived.bucket_name,
        "PACS_EXCHANGE_BUCKET": data.exchange.bucket_name,
        "PACS_DATABASE_ARN": data.database.cluster_arn,
        "PACS_DATABASE_SECRET_ARN": data.database_secret_arn,
        "PACS_SIGNING_SECRET_ARN": data.signing_secret.secret_arn,
        "PACS_VAULT_PREFIX": f"{stage.prefix}{VAULT}",
        "PACS_VAULT_KEY_ARN": data.key.key_arn,
        "PACS_STATE_MACHINE_ARN_PREFIX": state_machine_arn(stage, ""),
        "PACS_QUEUE_URL_PREFIX": f"https://sqs.{stage.region}.{Aws.URL_SUFFIX}/{Aws.ACCOUNT_ID}/{stage.prefix}",
        **dict(stage.settings),
        "PACS_TOPIC_ARN_PREFIX": f"arn:{Aws.PARTITION}:sns:{stage.region}:{Aws.ACCOUNT_ID}:{stage.prefix}",
    }


def build_function(scope: Construct, function: Function, around: Surroundings) -> lambda_.Function:
    """The function with its own role, log group, event sources and schedules."""
    stage, data = around.stage, around.data
    logs = retained_log_group(scope, f"{function.name}Logs", function.name, stage, data.key)
    role = iam.Role(
        scope,
        f"{function.name}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"What {function.name} may touch",
    )
    logs.grant_write(role)
    for grant in function.grants:
        for statement in statements(grant, data, around.messaging):
            role.add_to_policy(statement)
    role.add_to_policy(use_key(data))
    built = lambda_.Function(
        scope,
        function.name,
        function_name=f"{stage.prefix}{function.name}",
        description=function.summary,
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        handler=f"functions.{function.name}.handler.handler",
        code=function_code(function.name),
        layers=[around.layers[layer] for layer in function.layers],
        memory_size=function.memory_mib,
        timeout=Duration.seconds(function.timeout_s),
        environment={**environment(stage, data), "POWERTOOLS_SERVICE_NAME": function.name},
        log_group=logs,
        role=role,
        tracing=lambda_.Tracing.ACTIVE,
    )
    for source in function.sources:
        built.add_event_source(queue_source(source, around.messaging))
    for schedule in function.schedules:
        add_schedule(scope, schedule, built, around)
    return built


def function_code(name: str) -> lambda_.Code:
    """The folder of one function alone, under the import name that it has everywhere, and what it reads besides: the
    authorizer the catalogue, which tells what each route asks of a token, and what finds the route; pages the guides.
    """
    return lambda_.Code.from_asset(
        str(ROOT),
        exclude=[
            "/*",
            "!/functions",
            "/functions/*",
            "!/functions/__init__.py",
            f"!/functions/{name}",
            *BESIDE.get(name, ()),
            "__pycache__",
        ],
        ignore_mode=IgnoreMode.GIT,
    )


def queue_source(source: Source, messaging: Messaging) -> event_sources.SqsEventSource:
    return event_sources.SqsEventSource(
        messaging.queues[source.queue],
        batch_size=source.batch_size,
        max_batching_window=Duration.seconds(source.window_s),
        report_batch_item_failures=True,
    )


def add_schedule(scope: Construct, schedule: Schedule, function: lambda_.Function, around: Surroundings) -> None:
    events.Rule(
        scope,
        f"{schedule.name}Schedule",
        rule_name=f"{around.stage.prefix}{schedule.name}",
        schedule=events.Schedule.expression(cron_expression(schedule.cron)),
        targets=[
            targets.LambdaFunction(
                function,
                dead_letter_queue=around.failed_schedules,
                event=events.RuleTargetInput.from_object({"task": schedule.detail}),
                retry_attempts=2,
            )
        ],
    )


def cron_expression(cron: str) -> str:
    """Five fields as EventBridge's six, where one of the two day fields must be `?`. Raises ValueError."""
    minute, hour, day_of_month, month, day_of_week = cron.split()
    if day_of_week == "*":
        day_of_week = "?"
    elif day_of_month == "*":
        day_of_month = "?"
        if any(character.isdigit() for character in day_of_week):
            # Sunday is 0 here and 1 there: names mean the same in both.
            raise ValueError(f"{cron}: write the day of the week as SUN, MON, …")
    else:
        raise ValueError(f"{cron}: EventBridge knows no day of the month together with a day of the week")
    return f"cron({minute} {hour} {day_of_month} {month} {day_of_week} *)"
