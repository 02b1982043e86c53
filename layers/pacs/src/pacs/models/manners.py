"""How does a model want to be asked? What it has refused is left out, and not tried again by this process.

Asked by the adapters; pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pacs.ports import Endpoint, Format

KEEP_TO = "Answer with one JSON object and nothing else. It keeps to this JSON schema: "
# How refusals name what an answer is held to its schema with, in the shapes that we speak.
HELD = (
    "response_format",
    "json_schema",
    "json_object",
    "output_config",
    "outputconfig",
    "textformat",
    "structured output",
)
FORMATS: Sequence[Format] = ("json_schema", "json_object", "text")


@dataclass
class Manner:
    """`formats` are those that are left, the strictest first; `most_tokens` is what an answer's limit is called."""

    formats: Sequence[Format] = FORMATS
    temperature: bool = True
    most_tokens: str = "max_completion_tokens"

    @property
    def format(self) -> Format:
        return self.formats[0] if self.formats else "text"

    def asks_for_less(self, refusal: str) -> bool:
        """Whether a refusal names something that can be left out; it is, from now on."""
        if self.temperature and "temperature" in refusal:
            self.temperature = False
            return True
        if self.most_tokens != "max_tokens" and self.most_tokens in refusal:
            self.most_tokens = "max_tokens"
            return True
        if self.format != "text" and any(word in refusal.lower() for word in HELD):
            self.formats = self.formats[1:]
            return True
        return False


def manner_of(endpoint: Endpoint) -> Manner:
    """The one manner of a model, which whoever asks it learns for all. Models that think want no temperature."""
    return learnt(endpoint.url, endpoint.model, tuple(endpoint.formats), not endpoint.thinking_tokens)


@lru_cache(maxsize=256)
def learnt(url: str, model: str, formats: tuple[Format, ...], temperature: bool) -> Manner:
    return Manner(formats, temperature)


def system_of(system: str, schema: Mapping[str, Any]) -> str:
    """What a model is told first: who knows no schema otherwise is told of it in words."""
    return f"{system}\n\n{KEEP_TO}{json.dumps(schema, ensure_ascii=False)}" if schema else system
