"""A describer that has no model: the same question gets the same answer, which says that nothing was looked at.

For trying out what is around it. It fills the schema that it is given, and asks nobody.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pacs.ports import Answer, Endpoint, Question, Usage

MODEL = "rai-mock"
SAID = "MOCK: no model has looked at these {images} images ({digest})."


class MockDescriber:
    """Answers without a model. Tokens are counted as services do it, roughly: four letters each."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def ask(self, question: Question) -> Answer:
        digest = hashlib.sha256(question.text.encode() + b"".join(question.images)).hexdigest()[:12]
        said = SAID.format(images=len(question.images), digest=digest)
        text = json.dumps(filled(question.schema, said, len(question.images)), ensure_ascii=False)
        asked = len(question.system) + len(question.text)
        return Answer(text, Usage(asked // 4, len(text) // 4, images=len(question.images)), MODEL)


def filled(schema: Mapping[str, Any], said: str, images: int) -> Any:
    """The least that keeps to a schema: texts say that they are made up, lists of numbers name every image."""
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(each, said, images) for name, each in schema["properties"].items()}
    if kind == "array":
        return list(range(1, images + 1)) if schema["items"].get("type") == "integer" else []
    if kind == "string":
        return schema["enum"][0] if "enum" in schema else said
    return {"integer": 0, "number": 0, "boolean": False}.get(str(kind))
