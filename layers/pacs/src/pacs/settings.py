"""Every PACS_* variable with its unit and default, read once. Asked by bootstrap; docs/settings.md is made from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pacs.errors import NotConfigured


def variable(default: Any, help: str, *, unit: str = "") -> Any:
    """A field of Settings whose variable is PACS_ + its name in capitals."""
    return field(default=default, metadata={"help": help, "unit": unit})


AI_KEY = "API key of that service, or (AWS) the ARN of the secret in Secrets Manager that holds it alone."
AI_MODEL = "Model that it is asked for."


@dataclass(frozen=True)
class Settings:
    platform: str = variable("local", "Where the ports' real things are: `local` or `aws`.")
    stage: str = variable("local", "Name of the deployment: `local`, `dev`, `prod`.")
    home: Path = variable(Path(".pacs"), "One machine: folder of database, objects and secrets.")
    bind: str = variable("127.0.0.1", "One machine: address that HTTP and DICOM listen on.")
    http_port: int = variable(8042, "One machine: port of the HTTP gateway.")
    dicom_port: int = variable(4242, "Port of the DICOM node.")
    sample: bool = variable(True, "One machine: load the sample studies on first start (`0` leaves them out).")
    public_url: str = variable("", "Origin under which browsers reach us; empty: made from bind and port.")
    cors_origins: str = variable("", "Further origins that browsers may call from, joined by commas.")
    dicom_host: str = variable(
        "", "Name under which modalities reach the DICOM node, told to developers; empty: that of the public address."
    )
    dicom_tls_port: int = variable(0, "Port of DICOM over TLS beside the plain one, told to developers; 0: none.")
    dicom_tls_certificate: str = variable("", "PEM file of the DICOM node's certificate chain; empty: no TLS.")
    ae_title: str = variable("RAIPACS", "AE title of the DICOM node; `<title>_<branch code>` is accepted too.")
    default_organization: str = variable(
        "", "Organization (UUID) for unknown modalities in open mode; empty: the first."
    )
    originals_bucket: str = variable("", "AWS: bucket of the original instances.")
    derived_bucket: str = variable("", "AWS: bucket of everything that can be rebuilt.")
    exchange_bucket: str = variable("", "AWS: bucket of short-lived exports, audio and large answers.")
    database_dsn: str = variable("", "One machine: connection of the database; set by the supervisor for its children.")
    topics: str = variable(
        "{}", "One machine: topics and their queues as JSON; set by the supervisor for its children."
    )
    database_arn: str = variable("", "AWS: ARN of the Aurora cluster.")
    database_secret_arn: str = variable("", "AWS: ARN of the database's secret.")
    database_name: str = variable("pacs", "Name of the database.")
    signing_secret_arn: str = variable("", "AWS: ARN of the secret that holds the signing keys.")
    queue_url_prefix: str = variable("", "AWS: URL prefix to which a queue's name is appended.")
    topic_arn_prefix: str = variable("", "AWS: ARN prefix to which a topic's name is appended.")
    state_machine_arn_prefix: str = variable("", "AWS: ARN prefix to which a state machine's name is appended.")
    launch_ttl_s: int = variable(8 * 3600, "Life of a launch token.", unit="s")
    session_ttl_s: int = variable(
        900, "Life of an access token, and so of a right that was taken back; sessions renew it.", unit="s"
    )
    refresh_ttl_s: int = variable(12 * 3600, "A session that is not used for so long has ended.", unit="s")
    mail_sender: str = variable("", "Address that e-mails come from; on AWS one that SES has verified.")
    oidc_issuer: str = variable(
        "", "OpenID provider that may vouch for people (its issuer, https); empty: nobody but us."
    )
    oidc_client_id: str = variable("", "What the OpenID provider calls us.")
    oidc_client_secret: str = variable("", "Secret between us and the OpenID provider; empty: PKCE alone.")
    oidc_name: str = variable("OpenID", "What people call the OpenID provider; on the button at the doors.")
    oidc_doors: str = variable(
        "corporate",
        "Doors that offer the OpenID provider (`individual`, `corporate`, `admin`, `accounting`), joined by commas.",
    )
    oidc_scope: str = variable("openid email profile", "What is asked of the OpenID provider.")
    oidc_groups_claim: str = variable("groups", "Claim in which the OpenID provider tells somebody's groups.")
    oidc_roles: str = variable(
        "{}", 'Roles by group, as JSON; the first that fits counts: `{"pacs-readers": "radiologist"}`.'
    )
    oidc_branches: str = variable("{}", 'Codes of branches by group, as JSON; all that fit count: `{"dev": ["DEV"]}`.')
    oidc_create: bool = variable(
        False, "Whom the OpenID provider vouches for becomes a member, with the role and branches of its groups."
    )
    oidc_organization: str = variable("", "Organization (UUID or name) of such members; empty: the first.")
    oidc_trust_email: bool = variable(
        False, "E-mail addresses of the OpenID provider are right though it does not say that it has verified them."
    )
    sign_again: bool = variable(
        False, "Whoever signs a report proves once more who it is: by a code of the second factor, or by the password."
    )
    admin_totp_required: bool = variable(False, "Administrators need a second factor, and set it up first.")
    time_zone: str = variable("Europe/Istanbul", "Zone (IANA) in which pages tell times, and in which days begin.")
    prepare_frames_max: int = variable(
        64, "Instances with at most this many frames get them made on arrival.", unit="frames"
    )
    derived_days: int = variable(
        0,
        "Life of prepared frames; they are made again when asked for. A study whose date is further back when it arrives"
        " gets none before. 0: they live for ever, and every study gets them.",
        unit="days",
    )
    exchange_days: int = variable(
        30,
        "Life of recordings that were dictated, of the reports made of them as a job's result, and of exports. In the"
        " cloud a stage in infra/settings.py says it.",
        unit="days",
    )
    delete_retention_days: int = variable(
        30, "What was deleted can be brought back for so long; then its originals are removed for good.", unit="days"
    )
    arrivals_days: int = variable(400, "What was received, and when, is remembered for so long.", unit="days")
    connections_days: int = variable(
        90, "Who was connected to the DICOM node, and with what success, is shown for so long.", unit="days"
    )
    speech_url: str = variable(
        "",
        "What makes text of recordings: an OpenAI-shaped service (`https://…/v1`), `transcribe:` (Amazon Transcribe),"
        " `whisper:` (this machine, after `make speech`); empty: nothing does.",
    )
    speech_key: str = variable(
        "", "API key of that service, or (AWS) the ARN of the secret in Secrets Manager that holds it alone."
    )
    speech_model: str = variable("whisper-1", "Model that the service is asked for.")
    language_url: str = variable(
        "", "What makes sections of text: an OpenAI-shaped service (`https://…/v1`); empty: nothing does."
    )
    language_key: str = variable(
        "", "API key of that service, or (AWS) the ARN of the secret in Secrets Manager that holds it alone."
    )
    language_model: str = variable("", "Model that the service is asked for.")
    vault_prefix: str = variable("", "AWS: what the names of secrets begin with that administrators give us.")
    vault_key_arn: str = variable("", "AWS: ARN of the key that these are encrypted with.")
    ai_openai_url: str = variable("https://api.openai.com/v1", "Where OpenAI is asked for pre-reports.")
    ai_openai_key: str = variable("", AI_KEY)
    ai_openai_model: str = variable("gpt-5.5", AI_MODEL)
    ai_claude_url: str = variable("https://api.anthropic.com", "Where Claude is asked for pre-reports.")
    ai_claude_key: str = variable("", AI_KEY)
    ai_claude_model: str = variable("claude-sonnet-5-5", AI_MODEL)
    ai_gemini_url: str = variable(
        "https://generativelanguage.googleapis.com/v1beta/openai", "Where Gemini is asked for pre-reports."
    )
    ai_gemini_key: str = variable("", AI_KEY)
    ai_gemini_model: str = variable("gemini-3.8-flash", AI_MODEL)
    ai_qwen_url: str = variable(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "Where Qwen is asked for pre-reports."
    )
    ai_qwen_key: str = variable("", AI_KEY)
    ai_qwen_model: str = variable("qwen-vl-max", AI_MODEL)
    ai_deepseek_url: str = variable("https://api.deepseek.com", "Where DeepSeek, which sees no images, is asked.")
    ai_deepseek_key: str = variable("", AI_KEY)
    ai_deepseek_model: str = variable("deepseek-flash", AI_MODEL)
    ai_medgemma_url: str = variable("", "Where an own MedGemma is asked (`https://…/v1`); it may have to start first.")
    ai_medgemma_key: str = variable("", AI_KEY)
    ai_medgemma_model: str = variable("google/medgemma-4b-it", AI_MODEL)
    ai_rai_llm_url: str = variable("", "Where an own OpenAI-shaped service such as vLLM is asked (`https://…/v1`).")
    ai_rai_llm_key: str = variable("", AI_KEY)
    ai_rai_llm_model: str = variable("Qwen/Qwen2.5-VL-7B-Instruct", AI_MODEL)
    ai_radialog_url: str = variable("", "Where an own RaDialog is asked: a POST of JSON.")
    ai_radialog_key: str = variable("", AI_KEY)
    ai_radialog_model: str = variable("radialog", AI_MODEL)
    ai_bedrock_url: str = variable("", "Another endpoint of Amazon Bedrock than that of the region.")
    ai_bedrock_model: str = variable(
        "", "Model or inference profile of Amazon Bedrock that describes studies; empty: none."
    )
    ai_allow: str = variable(
        "",
        "Origins that administrators may name as an AI provider's though they are not public or not https, joined by"
        " commas: `http://10.0.0.7:8000`.",
    )
    ai_mock: bool = variable(False, "rai-mock, whose drafts are made up, may answer in a stage named `prod`.")
    ai_health_mail: str = variable("", "Address that hears each morning which AI providers work; empty: nobody does.")
    callback_allow: str = variable(
        "",
        "Origins that callbacks may lead to though they are not public or not https, joined by commas:"
        " `http://127.0.0.1:9999`; for development.",
    )
    public_ohif_url: str = variable("", "A public OHIF to launch instead of our own; empty (the default): our own.")

    @property
    def origin(self) -> str:
        """Scheme, host and port that links start with, without a slash at the end."""
        return (self.public_url or f"http://{self.bind}:{self.http_port}").rstrip("/")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Raises NotConfigured, naming the variable, for a value that does not parse."""
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for setting in fields(cls):
            name = variable_name(setting.name)
            if name in source:
                values[setting.name] = parse(name, source[name], setting.default)
        return cls(**values)


def variable_name(field_name: str) -> str:
    return f"PACS_{field_name.upper()}"


def parse(name: str, text: str, default: Any) -> Any:
    """The text of a variable as the type of its default."""
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "0", "false", "no", ""):
            return text.lower() in ("1", "true", "yes")
        raise NotConfigured(f"{name} must be 0 or 1", field=name)
    if isinstance(default, int):
        if text.isascii() and text.isdigit():
            return int(text)
        raise NotConfigured(f"{name} must be a whole number", field=name)
    return type(default)(text)
