"""One POST of JSON: for models of one's own, such as RaDialog, behind whatever serves them. Asked by bootstrap through
`describing`; docs/models.md says what such a service answers.
"""

import base64
import json
import time
from typing import Any

from pacs.models.answers import as_text, count, model_in, require_text
from pacs.models.calling import service_of
from pacs.models.manners import system_of
from pacs.outgoing import Door
from pacs.ports import Answer, Endpoint, Question, Usage

# Where the text is, the first that is there; how tokens are called.
TEXTS = ("text", "output", "report")
TOKENS_IN, TOKENS_OUT = ("tokens_in", "prompt_tokens"), ("tokens_out", "completion_tokens")


class GenericDescriber:
    """Describes images with whatever takes the question as it is."""

    def __init__(self, endpoint: Endpoint, door: Door = Door()) -> None:  # noqa: B008 (frozen)
        self._service = service_of(endpoint, door)
        self._model, self._thinking_tokens = endpoint.model, endpoint.thinking_tokens

    def ask(self, question: Question) -> Answer:
        began = time.monotonic()
        answer = self._service.document(self._service.post("", self._body(question)))
        text = text_in(answer)
        usage = Usage(
            max(count(answer, "usage", name) for name in TOKENS_IN),
            max(count(answer, "usage", name) for name in TOKENS_OUT),
            count(answer, "usage", "tokens_cached"),
            len(question.images),
            time.monotonic() - began,
        )
        return Answer(require_text(text, self._service.name, usage), usage, model_in(answer, self._model))

    def _body(self, question: Question) -> dict[str, Any]:
        return {
            "model": self._model,
            "system": system_of(question.system, question.schema),
            "prompt": question.text,
            "images": [base64.b64encode(image).decode() for image in question.images],
            "schema": question.schema or None,
            "turns": question.turns,
            "most_tokens": question.most_tokens + self._thinking_tokens,
        }


def text_in(answer: dict[str, Any]) -> str:
    """The text, or a document that is answered as it is."""
    found = next((answer[name] for name in TEXTS if answer.get(name)), "")
    return as_text(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))
