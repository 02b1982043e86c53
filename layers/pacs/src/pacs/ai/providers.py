"""Whom can we ask about images, what can each do, and how is it asked? A table; read by the whole room.

Organizations say which of them they use, and with what key: `configuring`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pacs.errors import BadRequest
from pacs.ports import Format, Shape

JSON_SCHEMA: tuple[Format, ...] = ("json_schema", "json_object", "text")
JSON_OBJECT: tuple[Format, ...] = ("json_object", "text")
SCHEMA_OR_TOLD: tuple[Format, ...] = ("json_schema", "text")
TOLD: tuple[Format, ...] = ("text",)
MUCH_THOUGHT = 12_288
EVERY_LANGUAGE = ("tr", "en", "ru", "az", "fr", "de", "fa", "ar")


@dataclass(frozen=True)
class Provider:
    """`most_px` is the longest side of an image in pixels, `most_images` how many are sent at once; 0 with no vision.

    `needs`: of url, key and model what must be told before it can be asked. `patience_s`: how long one that has to
    start first is waited for. `thinking_tokens`: how much it may think before it answers. What is `ours` runs where the
    owner put it; no image leaves his house.
    """

    name: str
    label: str
    shape: Shape
    vision: bool = True
    formats: tuple[Format, ...] = JSON_SCHEMA
    most_images: int = 16
    most_px: int = 1024
    languages: Sequence[str] = EVERY_LANGUAGE
    needs: tuple[str, ...] = ("url", "key", "model")
    timeout_s: float = 180
    patience_s: float = 0
    thinking_tokens: int = 0
    ours: bool = False


ORCHESTRATOR, MOCK = "rai-orchestrator", "rai-mock"
PROVIDERS = {
    each.name: each
    for each in (
        Provider("openai", "OpenAI", "openai", most_images=24, most_px=1536, thinking_tokens=MUCH_THOUGHT),
        Provider(
            "claude",
            "Claude",
            "anthropic",
            formats=SCHEMA_OR_TOLD,
            most_images=20,
            most_px=1568,
            thinking_tokens=MUCH_THOUGHT,
        ),
        Provider("gemini", "Gemini", "openai", most_images=24, most_px=1536, thinking_tokens=MUCH_THOUGHT),
        Provider("qwen", "Qwen Vision", "openai", formats=JSON_OBJECT, most_images=16, most_px=1280),
        Provider(
            "deepseek",
            "DeepSeek",
            "openai",
            vision=False,
            formats=JSON_OBJECT,
            most_images=0,
            most_px=0,
            thinking_tokens=MUCH_THOUGHT,
        ),
        Provider(
            "medgemma",
            "MedGemma",
            "openai",
            formats=TOLD,
            most_images=8,
            most_px=896,
            needs=("url", "model"),
            patience_s=420,
            ours=True,
        ),
        Provider(
            "rai-llm",
            "RAI LLM",
            "openai",
            most_images=8,
            most_px=1280,
            needs=("url", "model"),
            patience_s=60,
            ours=True,
        ),
        Provider(
            "radialog",
            "RaDialog",
            "generic",
            formats=TOLD,
            most_images=1,
            most_px=512,
            languages=("en",),
            needs=("url",),
            ours=True,
        ),
        Provider(
            "bedrock",
            "Amazon Bedrock",
            "bedrock",
            formats=SCHEMA_OR_TOLD,
            most_images=20,
            most_px=1568,
            needs=("model",),
            thinking_tokens=4096,
        ),
        Provider(MOCK, "RAI Mock", "mock", needs=(), ours=True),
    )
}
# In this order, past those that cannot or may not.
ROUTE = ("rai-llm", "openai", "gemini", "claude", "medgemma", MOCK)
NAMES = (*PROVIDERS, ORCHESTRATOR)
# Names that services have given up, or that mean another model each month.
RENAMED = {
    "qwen-vl-max-latest": "qwen-vl-max",
    "qwen-vl-plus-latest": "qwen-vl-plus",
    "gpt-5-latest": "gpt-5.5",
    "gpt-5.5-latest": "gpt-5.5",
    "gemini-pro-latest": "gemini-3.8-flash",
    "gemini-2.5-pro": "gemini-3.8-flash",
    "gemini-2.5-pro-latest": "gemini-3.8-flash",
    "claude-sonnet-latest": "claude-sonnet-5-5",
    "claude-sonnet-4-5": "claude-sonnet-5-5",
    "claude-sonnet-4-5-latest": "claude-sonnet-5-5",
    "deepseek-latest": "deepseek-flash",
    "deepseek-chat": "deepseek-flash",
    "deepseek-v4-flash": "deepseek-flash",
}


def provider_named(name: str) -> Provider:
    """One that can be asked itself. Raises BadRequest."""
    found = PROVIDERS.get(name)
    if found is None:
        raise BadRequest(f"providers are {', '.join(NAMES)}", field="provider")
    return found


def model_name(told: str) -> str:
    """The model that is meant by a name."""
    return RENAMED.get(told.strip(), told.strip())
