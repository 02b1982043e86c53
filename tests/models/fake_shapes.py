"""How the fake service reads a question in each shape and words its answer in it. Called by fake_models.

Shapes: OpenAI's chat completions, Anthropic's Messages, Amazon Bedrock's Converse, and the plain POST of our own. What
is answered follows from the schema that is asked for: any that `pacs.models.schemas` makes is kept to.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GENERIC = "/describe"
CONVERSE = re.compile(r"/model/(.+)/converse")
KEEP_TO = re.compile(r"JSON schema: (?=\{)")


@dataclass(frozen=True)
class Told:
    """What a question says, whatever its shape. `format`: how the answer is held to its schema."""

    system: str
    texts: Sequence[str]
    images: Sequence[bytes]
    model: str
    format: str = "text"
    schema: Mapping[str, Any] = field(default_factory=dict)
    turns: int = 0

    @property
    def tokens(self) -> int:
        return (len(self.system) + sum(map(len, self.texts))) // 4 + 85 * len(self.images)


@dataclass(frozen=True)
class Said:
    text: str
    tokens_in: int
    cached: int
    model: str

    @property
    def tokens_out(self) -> int:
        return len(self.text) // 4


def told_of(path: str, body: Mapping[str, Any]) -> Told | None:
    """The question in a request; None at a path where nobody answers."""
    if path == "/v1/chat/completions":
        return chat_told(body)
    if path == "/v1/messages":
        return messages_told(body)
    if path == GENERIC:
        images = [base64.b64decode(each) for each in body["images"]]
        said = [body["prompt"], *(each for turn in body["turns"] for each in turn)]
        turns = len(body["turns"])
        return Told(body["system"], said, images, body["model"], "text", body["schema"] or {}, turns)
    named = CONVERSE.fullmatch(path)
    return converse_told(body, named[1]) if named else None


def chat_told(body: Mapping[str, Any]) -> Told:
    system, *said = [parts_of(each["content"]) for each in body["messages"]]
    images = [
        base64.b64decode(part["image_url"]["url"].removeprefix("data:image/jpeg;base64,"), validate=True)
        for parts in said
        for part in parts
        if part["type"] == "image_url"
    ]
    wanted = body.get("response_format", {"type": "text"})
    schema = wanted.get("json_schema", {}).get("schema") or schema_in(texts_of(system))
    texts = texts_of(*said)
    return Told("\n".join(texts_of(system)), texts, images, body["model"], wanted["type"], schema, len(said) // 2)


def messages_told(body: Mapping[str, Any]) -> Told:
    said = [parts_of(each["content"]) for each in body["messages"]]
    images = [
        base64.b64decode(part["source"]["data"], validate=True)
        for parts in said
        for part in parts
        if part["type"] == "image" and part["source"]["media_type"] == "image/jpeg"
    ]
    wanted = body.get("output_config", {}).get("format", {"type": "text"})
    schema = wanted.get("schema") or schema_in([body["system"]])
    return Told(body["system"], texts_of(*said), images, body["model"], wanted["type"], schema, len(said) // 2)


def converse_told(body: Mapping[str, Any], model: str) -> Told:
    said = [each["content"] for each in body["messages"]]
    images = [
        base64.b64decode(part["image"]["source"]["bytes"])
        for parts in said
        for part in parts
        if part.get("image", {}).get("format") == "jpeg"
    ]
    system = "\n".join(each["text"] for each in body["system"])
    wanted = body.get("outputConfig", {}).get("textFormat")
    schema = json.loads(wanted["structure"]["jsonSchema"]["schema"]) if wanted else schema_in([system])
    format = wanted["type"] if wanted else "text"
    return Told(system, texts_of(*said), images, model, format, schema, len(said) // 2)


def parts_of(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def texts_of(*said: Sequence[Mapping[str, Any]]) -> list[str]:
    return [part["text"] for parts in said for part in parts if "text" in part]


def schema_in(texts: Sequence[str]) -> dict[str, Any]:
    """The schema that a text tells of; none where it tells of none."""
    for text in texts:
        if begun := KEEP_TO.search(text):
            found: dict[str, Any] = json.JSONDecoder().raw_decode(text, begun.end())[0]
            return found
    return {}


def filled(schema: Mapping[str, Any], finding: str, critical: Sequence[str], images: int, name: str = "") -> Any:
    """A document that keeps to a schema: `finding` is its texts, `critical` its list of critical findings."""
    kind = schema["type"]
    if kind == "object":
        given = schema["properties"]
        return {each: filled(told, finding, critical, images, each) for each, told in given.items()}
    if kind == "array":
        item = schema["items"]
        if item["type"] in ("integer", "number"):
            return list(range(1, images + 1))
        return [filled(item, each, (), images) for each in (critical if "critical" in name else ())]
    if kind == "string":
        return schema["enum"][0] if "enum" in schema else finding
    return {"integer": min(images, 1), "number": 0.8, "boolean": bool(critical), "null": None}[kind]


def answer_to(path: str, said: Said, silent: bool) -> dict[str, Any]:
    """An answer in the shape that was asked in; a `silent` one has everything but a text."""
    if path == "/v1/chat/completions":
        message: dict[str, Any] = {"role": "assistant", "content": None if silent else said.text}
        counted = {"prompt_tokens": said.tokens_in, "completion_tokens": said.tokens_out}
        cached = {"prompt_tokens_details": {"cached_tokens": said.cached}}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return {
            "object": "chat.completion",
            "model": said.model,
            "choices": [choice],
            "usage": counted | cached,
        }
    if path == "/v1/messages":
        content = [{"type": "thinking", "thinking": "…", "signature": ""}, {"type": "text", "text": said.text}]
        usage = {
            "input_tokens": said.tokens_in - said.cached,
            "cache_read_input_tokens": said.cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": said.tokens_out,
        }
        shown = content[: 1 if silent else 2]
        return {"type": "message", "role": "assistant", "model": said.model, "content": shown, "usage": usage}
    if path == GENERIC:
        usage = {"tokens_in": said.tokens_in, "tokens_out": said.tokens_out, "tokens_cached": said.cached}
        return {"usage": usage} if silent else {"text": said.text, "usage": usage, "model": said.model}
    message = {"role": "assistant", "content": [] if silent else [{"text": said.text}]}
    usage = {
        "inputTokens": said.tokens_in - said.cached,
        "cacheReadInputTokens": said.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": said.tokens_out,
        "totalTokens": said.tokens_in + said.tokens_out,
    }
    return {
        "output": {"message": message},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 7},
    }


# What Bedrock calls a refusal. Source: Amazon Bedrock API Reference, "Converse", Errors
BEDROCK_ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    529: "ModelNotReadyException",
}


def refusal_at(path: str, status: int, message: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and document of a refusal, in the shape that was asked in."""
    if CONVERSE.fullmatch(path):
        return {"x-amzn-ErrorType": BEDROCK_ERRORS[status]}, {"message": message}
    if path == "/v1/messages":
        return {}, {"type": "error", "error": {"type": "error", "message": message}}
    return {}, {"error": {"message": message, "type": "error"}}
