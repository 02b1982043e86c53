"""What a function may touch: the catalogue's grants as identity-side IAM statements. Asked by functions.py and ingest.

Identity-side only: statements on the resources would tie the stacks in circles.
"""

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from functions.entries import Access, Grant
from infra.settings import Stage
from infra.stacks.data import Data
from infra.stacks.messaging import Messaging

# GetObject covers HEAD; ListBucket makes a missing key a 404 and not a 403.
STORE_ACTIONS: dict[Access, tuple[str, ...]] = {
    "read": ("s3:GetObject", "s3:GetObjectVersion"),
    "write": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "delete": ("s3:DeleteObject",),
    "purge": ("s3:DeleteObjectVersion",),
}
BUCKET_ACTIONS = ("s3:ListBucket", "s3:ListBucketVersions")
DATABASE_ACTIONS = (
    "rds-data:BatchExecuteStatement",
    "rds-data:BeginTransaction",
    "rds-data:CommitTransaction",
    "rds-data:ExecuteStatement",
    "rds-data:RollbackTransaction",
)
REDRIVE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
TRANSCRIBE_ACTIONS = tuple(f"transcribe:{verb}TranscriptionJob" for verb in ("Start", "Get", "Delete"))
VAULT = "vault/"  # what administrators give us lies below it, a secret each
VAULT_ACTIONS: dict[Access, tuple[str, ...]] = {
    "read": ("secretsmanager:GetSecretValue",),
    "write": ("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret"),
}
READ_SECRET = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")


def allow(actions: Sequence[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))


def use_key(data: Data) -> iam.PolicyStatement:
    """What every holder of a grant needs besides: all that we keep is encrypted."""
    return allow(("kms:Decrypt", "kms:GenerateDataKey"), data.key.key_arn)


def statements(grant: Grant, data: Data, messaging: Messaging) -> list[iam.PolicyStatement]:
    """The statements of one grant. Raises KeyError for a resource that no stack has."""
    kind, _, name = grant.resource.partition(":")
    if kind == "store":
        bucket = data.stores[name]
        actions = [action for access in grant.access for action in STORE_ACTIONS[access]]
        return [allow(actions, bucket.arn_for_objects("*")), allow(BUCKET_ACTIONS, bucket.bucket_arn)]
    if kind == "database":
        return [
            allow(DATABASE_ACTIONS, data.database.cluster_arn),
            allow(READ_SECRET, data.database_secret_arn),
        ]
    if kind == "queue" and "watch" in grant.access:
        queue = messaging.queues[name]
        dead = queue.dead_letter_queue
        given_up = [dead.queue.queue_arn] if dead else []
        counted = allow(("sqs:GetQueueAttributes",), queue.queue_arn, *given_up)
        if "redrive" not in grant.access:
            return [counted]
        return [counted, allow(REDRIVE_ACTIONS, *given_up), allow(("sqs:SendMessage",), queue.queue_arn)]
    if kind == "queue":
        return [allow(("sqs:SendMessage", "sqs:GetQueueAttributes"), messaging.queues[name].queue_arn)]
    if kind == "topic":
        return [allow(("sns:Publish",), messaging.topics[name].topic_arn)]
    if kind == "workflow":
        return [allow(("states:StartExecution",), state_machine_arn(data.stage, name))]
    if kind == "vault":
        actions = [action for access in grant.access for action in VAULT_ACTIONS[access]]
        secrets = f"arn:{Aws.PARTITION}:secretsmanager:{data.stage.region}:{Aws.ACCOUNT_ID}:secret:"
        return [allow(actions, f"{secrets}{data.stage.prefix}{VAULT}*")]
    if kind == "models":
        return models(data.stage)
    if kind == "mail":
        return mail(data.stage.mail_sender)
    return [allow(READ_SECRET, {"signing": data.signing_secret}[name].secret_arn)]


def state_machine_arn(stage: Stage, name: str) -> str:
    """By its name: the stack of the state machines comes after the functions, which do their tasks."""
    return f"arn:{Aws.PARTITION}:states:{stage.region}:{Aws.ACCOUNT_ID}:stateMachine:{stage.prefix}{name}"


def models(stage: Stage) -> list[iam.PolicyStatement]:
    """The secrets with the keys of the stage's models, and Amazon Transcribe where it listens."""
    settings = dict(stage.settings)
    keys = [settings.get(name, "") for name in ("PACS_SPEECH_KEY", "PACS_LANGUAGE_KEY")]
    secrets = [key for key in dict.fromkeys(keys) if key.startswith("arn:")]
    found = [allow(READ_SECRET, *secrets)] if secrets else []
    if settings.get("PACS_SPEECH_URL") == "transcribe:":
        jobs = f"arn:{Aws.PARTITION}:transcribe:{stage.region}:{Aws.ACCOUNT_ID}:transcription-job/pacs-*"
        found.append(allow(TRANSCRIBE_ACTIONS, jobs))
    return found


def mail(sender: str) -> list[iam.PolicyStatement]:
    """E-mails from one address, or nothing where there is none. SES asks for the address or its domain."""
    identities = [sender, sender.partition("@")[2]] if sender else []
    arns = [f"arn:{Aws.PARTITION}:ses:{Aws.REGION}:{Aws.ACCOUNT_ID}:identity/{each}" for each in identities]
    return [allow(("ses:SendEmail",), *arns)] if arns else []
