"""Chat completions: most services of models speak this shape. Asked by bootstrap through `describing`, and by
`openai_shaped`. Source: OpenAI API reference, "Create chat completion"
"""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pacs.models.answers import as_text, count, model_in, require_text
from pacs.models.calling import Reply, Service, service_of
from pacs.models.manners import Manner, manner_of, system_of
from pacs.outgoing import Door
from pacs.ports import Answer, Endpoint, Question, Usage

Message = Mapping[str, Any]


class Chat:
    """The completions of one model."""

    def __init__(self, service: Service, model: str, manner: Manner) -> None:
        self._service = service
        self._model = model
        self._manner = manner

    def complete(self, messages: Sequence[Message], schema: Mapping[str, Any], most: int | None = None) -> Any:
        """The answer as the service gives it: see `text_in`. Raises Unavailable, NotConfigured, ModelRefused."""
        reply = self._ask(messages, schema, most)
        while reply.status != 200 and self._manner.asks_for_less(reply.text):
            reply = self._ask(messages, schema, most)
        return self._service.document(reply)

    def text_in(self, answer: Any, took: Usage | None = None) -> str:
        """Raises ModelRefused, with what the answer took."""
        try:
            content = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            content = None
        if isinstance(content, list):
            content = "".join(str(each.get("text", "")) for each in content if isinstance(each, dict))
        return as_text(require_text(content if isinstance(content, str) else "", self._service.name, took or Usage()))

    def _ask(self, messages: Sequence[Message], schema: Mapping[str, Any], most: int | None) -> Reply:
        body: dict[str, Any] = {"model": self._model, "messages": messages}
        if self._manner.temperature:
            body["temperature"] = 0
        if most:
            body[self._manner.most_tokens] = most
        if schema and self._manner.format == "json_schema":
            described = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        elif schema and self._manner.format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return self._service.post("/chat/completions", body)


class ChatDescriber:
    """Describes images with one model, over any service that speaks this shape."""

    def __init__(self, endpoint: Endpoint, door: Door = Door()) -> None:  # noqa: B008 (frozen)
        self._model, self._thinking_tokens = endpoint.model, endpoint.thinking_tokens
        self._chat = Chat(service_of(endpoint, door), endpoint.model, manner_of(endpoint))

    def ask(self, question: Question) -> Answer:
        began = time.monotonic()
        most = question.most_tokens + self._thinking_tokens
        answer = self._chat.complete(messages_of(question), question.schema, most)
        usage = Usage(
            count(answer, "usage", "prompt_tokens"),
            count(answer, "usage", "completion_tokens"),
            count(answer, "usage", "prompt_tokens_details", "cached_tokens"),
            len(question.images),
            time.monotonic() - began,
        )
        return Answer(self._chat.text_in(answer, usage), usage, model_in(answer, self._model))


def messages_of(question: Question) -> list[Message]:
    """Images are told by their numbers, each before itself."""
    content: Any = question.text
    if question.images:
        content = [{"type": "text", "text": question.text}]
        for number, image in enumerate(question.images, 1):
            url = f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
            content += [{"type": "text", "text": f"Image {number}:"}, {"type": "image_url", "image_url": {"url": url}}]
    said: list[Message] = [
        {"role": "system", "content": system_of(question.system, question.schema)},
        {"role": "user", "content": content},
    ]
    for answered, told in question.turns:
        said += [{"role": "assistant", "content": answered}, {"role": "user", "content": told}]
    return said
