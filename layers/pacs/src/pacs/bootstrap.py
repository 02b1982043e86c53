"""Composition root: Settings → the ports' real things. The only importer of `pacs.aws` and `pacs.local`.

Everything is made once per process and lazily, so that a function pays only for what it uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs.errors import NotConfigured, StoreUnavailable
from pacs.settings import Settings, variable_name

if TYPE_CHECKING:
    from pacs.database.engine import EngineDatabase
    from pacs.local.events import StoreJournal
    from pacs.local.queue import QueueTables
    from pacs.local.secrets import SecretsFile
    from pacs.local.store import DirectoryStore
    from pacs.local.workflow import WorkflowTables
    from pacs.people.ended import Ended
    from pacs.people.tokens import Tokens
    from pacs.ports import (
        Clock,
        Describer,
        Endpoint,
        Language,
        Mailer,
        ObjectStore,
        Queue,
        Secrets,
        Speech,
        Vault,
        Workflow,
    )


@cache
def settings() -> Settings:
    """The settings of this process, read from its environment once."""
    return Settings.from_environment()


@dataclass(frozen=True)
class Stores:
    originals: ObjectStore
    derived: ObjectStore
    exchange: ObjectStore


class Services:
    """The ports of one process. Attributes are made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _stores(self) -> Stores:
        return stores(self.settings)

    @property
    def originals(self) -> ObjectStore:
        return self._stores.originals

    @property
    def derived(self) -> ObjectStore:
        return self._stores.derived

    @property
    def exchange(self) -> ObjectStore:
        return self._stores.exchange

    @cached_property
    def database(self) -> EngineDatabase:
        return database(self.settings)

    @cached_property
    def queue(self) -> Queue:
        return aws_queue(self.settings) if self.settings.platform == "aws" else local_queue(self.settings)

    @cached_property
    def workflow(self) -> Workflow:
        if self.settings.platform == "aws":
            from pacs.aws.workflow import StepFunctionsWorkflow

            return StepFunctionsWorkflow(self.settings.state_machine_arn_prefix, aws_client("stepfunctions"))
        return local_workflow(self.settings)

    @cached_property
    def secrets(self) -> Secrets:
        if self.settings.platform == "aws":
            from pacs.aws.secrets import SecretsManagerSecrets

            return SecretsManagerSecrets(self.settings.signing_secret_arn, aws_client("secretsmanager"))
        return local_secrets(self.settings)

    @cached_property
    def vault(self) -> Vault:
        if self.settings.platform == "aws":
            from pacs.aws.vault import SecretsManagerVault

            client = aws_client("secretsmanager")
            return SecretsManagerVault(self.settings.vault_prefix, self.settings.vault_key_arn, client)
        from pacs.local.vault import VaultFile

        return VaultFile(self.settings.home / "vault.json")

    @cached_property
    def mailer(self) -> Mailer:
        if self.settings.platform == "aws":
            from pacs.aws.mail import SesMailer

            return SesMailer(self.settings.mail_sender, aws_client("sesv2"))
        from pacs.local.outbox import OutboxFolder

        return OutboxFolder(self.settings.home / "outbox", self.clock, self.settings.mail_sender)

    @cached_property
    def speech(self) -> Speech:
        return speech(self.settings)

    @cached_property
    def language(self) -> Language:
        return language(self.settings)

    def describer(self, endpoint: Endpoint) -> Describer:
        return describer(endpoint)

    def secret_setting(self, value: str) -> str:
        return secret_text(value)

    @cached_property
    def clock(self) -> Clock:
        from pacs.local.clock import SystemClock

        return SystemClock()

    @cached_property
    def tokens(self) -> Tokens:
        from pacs.people.tokens import Tokens

        return Tokens(self.secrets, self.clock)

    @cached_property
    def ended(self) -> Ended:
        from pacs.people.ended import Ended

        return Ended(self)


@cache
def services() -> Services:
    """The services of this process. Raises NotConfigured when a variable does not parse."""
    return Services(settings())


def aws_client(name: Any) -> Any:
    """A boto3 client; boto3 is imported here because one machine never needs it."""
    import boto3

    return boto3.client(name)


def stores(settings: Settings) -> Stores:
    """The three object stores; all that the DICOM door needs."""
    if settings.platform == "aws":
        from pacs.aws.store import S3Store

        client = aws_client("s3")
        return Stores(
            S3Store(settings.originals_bucket, client),
            S3Store(settings.derived_bucket, client),
            S3Store(settings.exchange_bucket, client),
        )
    return Stores(*(local_store(settings, name) for name in ("originals", "derived", "exchange")))


def database(settings: Settings) -> EngineDatabase:
    if settings.platform == "aws":
        from pacs.database.data_api_driver import DataApiDatabase

        return DataApiDatabase(
            settings.database_arn, settings.database_secret_arn, settings.database_name, aws_client("rds-data")
        )
    if not settings.database_dsn:
        raise NotConfigured("PACS_DATABASE_DSN is not set: is `pacs up` running?", field="PACS_DATABASE_DSN")
    from pacs.database.psycopg_driver import PsycopgDatabase

    return PsycopgDatabase(settings.database_dsn)


def aws_queue(settings: Settings) -> Queue:
    from pacs.aws.queue import SqsQueue

    return SqsQueue(settings.queue_url_prefix, settings.topic_arn_prefix, aws_client("sqs"), aws_client("sns"))


def speech(settings: Settings) -> Speech:
    """What makes text of recordings. Raises NotConfigured."""
    if not settings.speech_url:
        raise NotConfigured("nothing makes text of recordings: set PACS_SPEECH_URL", field="PACS_SPEECH_URL")
    if settings.speech_url == "transcribe:":
        if settings.platform != "aws":
            raise NotConfigured("Amazon Transcribe is for the cloud alone", field="PACS_SPEECH_URL")
        from pacs.aws.transcribe import TranscribeSpeech

        return TranscribeSpeech(aws_client("transcribe"), stores(settings).exchange, settings.exchange_bucket)
    if settings.speech_url.startswith("whisper:"):
        from pacs.local.whisper import WhisperSpeech

        own = settings.speech_url.removeprefix("whisper:")
        return WhisperSpeech(Path(own) if own else settings.home / "whisper", is_own=bool(own))
    from pacs.models.openai_shaped import OpenAISpeech

    return OpenAISpeech(settings.speech_url, partial(secret_text, settings.speech_key), settings.speech_model)


def language(settings: Settings) -> Language:
    """What makes sections of text. Raises NotConfigured."""
    for name in ("language_url", "language_model"):
        if not getattr(settings, name):
            variable = variable_name(name)
            raise NotConfigured(f"nothing makes sections of text: set {variable}", field=variable)
    from pacs.models.openai_shaped import OpenAILanguage

    return OpenAILanguage(settings.language_url, partial(secret_text, settings.language_key), settings.language_model)


def describer(endpoint: Endpoint) -> Describer:
    """What describes studies at this endpoint. Raises NotConfigured for one that may not be asked."""
    if endpoint.shape == "bedrock":
        from pacs.aws.bedrock import BedrockDescriber

        return BedrockDescriber(endpoint)
    from pacs.models.describing import DESCRIBERS

    return DESCRIBERS[endpoint.shape](endpoint)


@cache
def secret_text(value: str) -> str:
    """A setting that may be the ARN of a secret in Secrets Manager instead. Raises NotConfigured, Unavailable."""
    if not value.startswith("arn:"):
        return value.strip()
    from pacs.aws.secrets import text_of

    return text_of(value, aws_client("secretsmanager"))


def local_store(settings: Settings, name: str) -> DirectoryStore:
    """One of the three stores of one machine; only originals raise events, only derived may be lost."""
    from pacs.local.store import DirectoryStore

    root = settings.home / "store" / name
    if (settings.home / "ready.json").exists() and not root.is_dir():
        # The start has made it. Made again, it would take what the disk that is away will hide when it is back.
        raise StoreUnavailable("the object store is not there")
    return DirectoryStore(
        root,
        name=name,
        journal=local_journal(settings) if name == "originals" else None,
        durable=name != "derived",
        url_base=settings.origin,
        url_key=local_secrets(settings).signing_keys("session")[0].secret,
    )


def local_journal(settings: Settings) -> StoreJournal:
    from pacs.local.events import StoreJournal

    return StoreJournal(settings.home / "events")


def local_queue(settings: Settings) -> QueueTables:
    import json

    from pacs.local.queue import QueueTables

    return QueueTables(settings.database_dsn, topics=json.loads(settings.topics))


def local_workflow(settings: Settings) -> WorkflowTables:
    from pacs.local.workflow import WorkflowTables

    return WorkflowTables(settings.database_dsn)


def local_secrets(settings: Settings) -> SecretsFile:
    from pacs.local.secrets import SecretsFile

    return SecretsFile(settings.home / "secrets.json")
