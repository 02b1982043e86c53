"""What a function may touch: the catalogue's grants as identity-side IAM statements. Asked by functions.py and ingest.

Identity-side only: statements on the resources would tie the stacks in circles.
"""

import re
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
BEDROCK_ACTIONS = ("bedrock:InvokeModel",)  # Converse is asked by it, too
GEOGRAPHIES = ("eu", "us", "us-gov", "ca", "apac", "jp", "au", "global")
MODEL_KEY = re.compile("PACS_(SPEECH|LANGUAGE|AI_.+)_KEY")
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
    """The secrets with the keys of the stage's models; Amazon Transcribe and Bedrock where they are asked."""
    settings = dict(stage.settings)
    keys = [value for name, value in settings.items() if MODEL_KEY.fullmatch(name)]
    secrets = [key for key in dict.fromkeys(keys) if key.startswith("arn:")]
    found = [allow(READ_SECRET, *secrets)] if secrets else []
    jobs, described = transcription_jobs(stage), bedrock_models(stage)
    if jobs:
        found.append(allow(TRANSCRIBE_ACTIONS, *jobs))
    if described:
        asked, *behind = described
        found.append(allow(BEDROCK_ACTIONS, asked))
        through = {"StringEquals": {"bedrock:InferenceProfileArn": asked}}
        found += [
            iam.PolicyStatement(actions=[*BEDROCK_ACTIONS], resources=[each], conditions=through) for each in behind
        ]
    return found


def transcription_jobs(stage: Stage, partition: str = Aws.PARTITION, account: str = Aws.ACCOUNT_ID) -> list[str]:
    """Our jobs at Amazon Transcribe, where it listens."""
    listens = dict(stage.settings).get("PACS_SPEECH_URL") == "transcribe:"
    return [f"arn:{partition}:transcribe:{stage.region}:{account}:transcription-job/pacs-*"] if listens else []


def bedrock_models(stage: Stage, partition: str = Aws.PARTITION, account: str = Aws.ACCOUNT_ID) -> list[str]:
    """What is invoked when the stage's model of Amazon Bedrock is asked: it, or an inference profile and the models
    that this alone leads to, in whatever regions. Source: Bedrock User Guide, "Prerequisites for inference profiles"
    """
    model = dict(stage.settings).get("PACS_AI_BEDROCK_MODEL", "")
    geography, _, name = model.partition(".")
    if not model:
        return []
    if model.startswith("arn:"):  # a profile of the owner's: which model it leads to is not in its name
        return [model] if ":foundation-model/" in model else [model, f"arn:{partition}:bedrock:*::foundation-model/*"]
    if geography in GEOGRAPHIES:
        profile = f"arn:{partition}:bedrock:{stage.region}:{account}:inference-profile/{model}"
        return [profile, f"arn:{partition}:bedrock:*::foundation-model/{name}"]
    return [f"arn:{partition}:bedrock:{stage.region}::foundation-model/{model}"]


def mail(sender: str) -> list[iam.PolicyStatement]:
    """E-mails from one address, or nothing where there is none. SES asks for the address or its domain."""
    identities = [sender, sender.partition("@")[2]] if sender else []
    arns = [f"arn:{Aws.PARTITION}:ses:{Aws.REGION}:{Aws.ACCOUNT_ID}:identity/{each}" for each in identities]
    return [allow(("ses:SendEmail",), *arns)] if arns else []
