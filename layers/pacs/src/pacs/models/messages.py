"""Anthropic's Messages: how Claude is asked about images. Asked by bootstrap through `describing`.

No temperature is sent: models since Claude Opus 4.7 refuse it.
Source: Claude API reference, "Create a Message", "Structured outputs", "Errors"
"""

import base64
import time
from collections.abc import Sequence
from typing import Any

from pacs.models.answers import as_text, count, model_in, require_text
from pacs.models.calling import Reply, service_of
from pacs.models.manners import manner_of, system_of
from pacs.outgoing import Door
from pacs.ports import Answer, Endpoint, Question, Usage

VERSION = "2023-06-01"


def credentials(key: str) -> dict[str, str]:
    return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})


class MessagesDescriber:
    """Describes images with one model that is asked by Messages."""

    def __init__(self, endpoint: Endpoint, door: Door = Door()) -> None:  # noqa: B008 (frozen)
        self._service = service_of(endpoint, door, credentials)
        self._path = "/messages" if endpoint.url.rstrip("/").endswith("/v1") else "/v1/messages"
        self._model, self._thinking_tokens = endpoint.model, endpoint.thinking_tokens
        self._manner = manner_of(endpoint)

    def ask(self, question: Question) -> Answer:
        began = time.monotonic()
        reply = self._ask(question)
        while reply.status != 200 and self._manner.asks_for_less(reply.text):
            reply = self._ask(question)
        answer = self._service.document(reply)
        text = text_in(answer.get("content"))
        cached = count(answer, "usage", "cache_read_input_tokens")
        new = count(answer, "usage", "input_tokens") + count(answer, "usage", "cache_creation_input_tokens")
        spent = Usage(
            new + cached,
            count(answer, "usage", "output_tokens"),
            cached,
            len(question.images),
            time.monotonic() - began,
        )
        return Answer(require_text(text, self._service.name, spent), spent, model_in(answer, self._model))

    def _ask(self, question: Question) -> Reply:
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": question.most_tokens + self._thinking_tokens,
            "system": system_of(question.system, question.schema),
            "messages": messages_of(question),
        }
        if question.schema and self._manner.format == "json_schema":
            body["output_config"] = {"format": {"type": "json_schema", "schema": question.schema}}
        return self._service.post(self._path, body)


def messages_of(question: Question) -> list[dict[str, Any]]:
    """Images are told by their numbers, each before itself, and come before the text: so they are read best."""
    content: list[dict[str, Any]] = []
    for number, image in enumerate(question.images, 1):
        source = {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(image).decode()}
        content += [{"type": "text", "text": f"Image {number}:"}, {"type": "image", "source": source}]
    said: list[dict[str, Any]] = [{"role": "user", "content": [*content, {"type": "text", "text": question.text}]}]
    for answered, told in question.turns:
        said += [{"role": "assistant", "content": answered}, {"role": "user", "content": told}]
    return said


def text_in(content: Any) -> str:
    """The texts of an answer; what a model thought before is none of them."""
    parts: Sequence[Any] = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    return as_text("".join(each for each in texts if isinstance(each, str)))
