"""Models in the cloud: their keys' secrets and Amazon Transcribe, each only where a stage names it."""

from dataclasses import replace

from infra.settings import DEV
from infra.stacks.grants import models

KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:models-AbCdEf"


def test_a_stage_without_models_may_touch_none() -> None:
    assert models(DEV) == []


def test_keys_are_read_from_their_secrets_alone() -> None:
    settings = (("PACS_SPEECH_KEY", KEY), ("PACS_LANGUAGE_KEY", KEY), ("PACS_OIDC_CLIENT_SECRET", "arn:aws:other"))
    [secrets] = models(replace(DEV, settings=settings))
    assert secrets.resources == [KEY]
    assert "secretsmanager:GetSecretValue" in secrets.actions


def test_transcribe_may_be_asked_for_our_jobs_where_it_listens() -> None:
    [jobs] = models(replace(DEV, settings=(("PACS_SPEECH_URL", "transcribe:"), ("PACS_LANGUAGE_KEY", "sk-key"))))
    assert sorted(jobs.actions) == [f"transcribe:{verb}TranscriptionJob" for verb in ("Delete", "Get", "Start")]
    [resource] = jobs.resources
    assert resource.endswith(":transcription-job/pacs-*")
