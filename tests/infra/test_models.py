"""Models in the cloud: their keys' secrets, Amazon Transcribe and Bedrock, each only where a stage names it."""

from dataclasses import replace

import pytest

from infra.settings import DEV
from infra.stacks.grants import bedrock_models, models

KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:models-AbCdEf"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc"
FOUNDATION = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0"


def test_a_stage_without_models_may_touch_none() -> None:
    assert models(DEV) == []


def test_keys_are_read_from_their_secrets_alone() -> None:
    settings = (
        *(("PACS_SPEECH_KEY", KEY), ("PACS_LANGUAGE_KEY", KEY), ("PACS_OIDC_CLIENT_SECRET", "arn:aws:other")),
        *(("PACS_AI_RAI_LLM_KEY", f"{KEY}2"), ("PACS_AI_OPENAI_KEY", "sk-in-plain"), ("PACS_AI_OPENAI_URL", "arn:no")),
    )
    [secrets] = models(replace(DEV, settings=settings))
    assert secrets.resources == [KEY, f"{KEY}2"]
    assert "secretsmanager:GetSecretValue" in secrets.actions


def test_transcribe_may_be_asked_for_our_jobs_where_it_listens() -> None:
    [jobs] = models(replace(DEV, settings=(("PACS_SPEECH_URL", "transcribe:"), ("PACS_LANGUAGE_KEY", "sk-key"))))
    assert sorted(jobs.actions) == [f"transcribe:{verb}TranscriptionJob" for verb in ("Delete", "Get", "Start")]
    [resource] = jobs.resources
    assert resource.endswith(":transcription-job/pacs-*")


@pytest.mark.parametrize(
    ("model", "resources"),
    [
        ("qwen.qwen3.5-vl", ["arn:p:bedrock:eu-central-1::foundation-model/qwen.qwen3.5-vl"]),
        (
            "eu.anthropic.claude-sonnet-5-5",
            [
                "arn:p:bedrock:eu-central-1:account:inference-profile/eu.anthropic.claude-sonnet-5-5",
                "arn:p:bedrock:*::foundation-model/anthropic.claude-sonnet-5-5",
            ],
        ),
        (PROFILE, [PROFILE, "arn:p:bedrock:*::foundation-model/*"]),
        (FOUNDATION, [FOUNDATION]),
    ],
)
def test_the_one_model_of_bedrock_may_be_asked(model: str, resources: list[str]) -> None:
    stage = replace(DEV, settings=(("PACS_AI_BEDROCK_MODEL", model),))
    statements = models(stage)
    assert [each.actions for each in statements] == [["bedrock:InvokeModel"]] * len(resources)
    assert bedrock_models(stage, "p", "account") == resources
    for behind in statements[1:]:
        assert behind.conditions == {"StringEquals": {"bedrock:InferenceProfileArn": statements[0].resources[0]}}
