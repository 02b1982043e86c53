"""What is in an answer of a model? Asked by the adapters, and by whoever gave a model a schema."""

import json
from collections.abc import Mapping
from typing import Any

from pacs.errors import ModelRefused
from pacs.ports import Usage

NO_JSON = "it is no JSON"
MOST_TRIED, MOST_COUNTED, MODEL_LENGTH = 100, 10**9, 200


def document_in(text: str) -> tuple[dict[str, Any], str]:
    """The JSON object in a text, and what is wrong with it (empty: nothing).

    Some think aloud first, and some put a fence around what they were asked for. Of several objects the longest counts.
    """
    said = text.rpartition("</think>")[2]
    decoder = json.JSONDecoder(parse_constant=no_number)
    document, longest, at = None, 0, said.find("{")
    for _ in range(MOST_TRIED):
        if at < 0:
            break
        try:
            read, end = decoder.raw_decode(said, at)
            found = texts_in(read)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if end - at > longest:
                document, longest = found, end - at
        at = said.find("{", end)
    return ({}, NO_JSON) if document is None else (document, "")


def no_number(name: str) -> None:
    """NaN and the infinities are Python's, not JSON's."""
    raise ValueError(name)


def texts_in(document: Any) -> Any:
    """A document whose texts are texts. Raises RecursionError for one that is deeper than any of ours."""
    if isinstance(document, dict):
        return {as_text(name): texts_in(each) for name, each in document.items()}
    if isinstance(document, list):
        return [texts_in(each) for each in document]
    return as_text(document) if isinstance(document, str) else document


def as_text(said: str) -> str:
    """What was said, as UTF-8 can tell it and PostgreSQL keeps it: without NUL and halves of surrogate pairs."""
    return said.encode("utf-8", "ignore").decode().replace("\0", "")


def require_text(text: str, who: str, took: Usage) -> str:
    """A text that says something. Raises ModelRefused, with what the answer took: who thinks too long is paid, too."""
    if not text.strip():
        raise ModelRefused(f"{who} answers without a text", took=took)
    return text


def count(document: Any, *path: str) -> int:
    """A number that a service counted, where it did."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    is_count = isinstance(document, int) and not isinstance(document, bool) and 0 <= document <= MOST_COUNTED
    return document if is_count else 0


def model_in(answer: Any, asked: str) -> str:
    """The model that says to have answered; the one that was asked where none does."""
    told = answer.get("model") if isinstance(answer, Mapping) else None
    return as_text(told)[:MODEL_LENGTH] if isinstance(told, str) and told else asked
