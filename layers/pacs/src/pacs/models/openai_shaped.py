"""Speech and language over any service that speaks OpenAI's shape: its own, or one on a machine next door.

What a service refuses (a schema, a temperature, segments) it is asked for without, and not again by this process.
Source: OpenAI API reference, "Create transcription", "Create chat completion"
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pacs.errors import ModelRefused
from pacs.models.calling import Service
from pacs.models.schemas import fault_of
from pacs.ports import Completion, Spoken

if TYPE_CHECKING:
    import httpx2

SPEECH_TIMEOUT_S, LANGUAGE_TIMEOUT_S = 600.0, 180.0
SUFFIXES = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
}
FORMATS = ("json_schema", "json_object", "text")
KEEP_TO = "Answer with one JSON object and nothing else. It keeps to this JSON schema: "
AGAIN = "This does not keep to the JSON schema: {fault}. Answer again, with the corrected JSON object and nothing else."


class OpenAISpeech:
    """Transcriptions of one model; with moments where it tells segments."""

    def __init__(self, url: str, key: Callable[[], str], model: str) -> None:
        self._service = Service("SPEECH", url, key, timeout_s=SPEECH_TIMEOUT_S)
        self._model = model
        self._segments = not model.startswith("gpt-")  # those take no verbose_json

    def transcribe(self, recording: bytes, media_type: str, language: str, *, hints: str = "") -> list[Spoken]:
        answer = self._ask(recording, media_type, language, hints)
        if self._segments and answer.status_code != 200 and "response_format" in answer.text:
            self._segments = False
            answer = self._ask(recording, media_type, language, hints)
        document = self._service.document(answer)
        segments = document.get("segments")
        if isinstance(segments, list) and segments:
            return [spoken(each) for each in segments if isinstance(each, dict)]
        if not isinstance(document.get("text"), str):
            raise ModelRefused("the speech service answers without a text")
        return [Spoken(document["text"])] if document["text"].strip() else []

    def _ask(self, recording: bytes, media_type: str, language: str, hints: str) -> "httpx2.Response":
        form = {
            "model": self._model,
            "language": language,
            "temperature": "0",
            "response_format": "verbose_json" if self._segments else "json",
        }
        if hints:
            form["prompt"] = hints
        name = f"recording.{SUFFIXES.get(media_type, 'bin')}"
        return self._service.post("/audio/transcriptions", data=form, files={"file": (name, recording, media_type)})


def spoken(segment: Mapping[str, Any]) -> Spoken:
    start, end = (segment.get(name) for name in ("start", "end"))
    return Spoken(
        str(segment.get("text", "")),
        float(start) if isinstance(start, int | float) else None,
        float(end) if isinstance(end, int | float) else None,
    )


class OpenAILanguage:
    """Chat completions of one model, as documents that keep to a schema."""

    def __init__(self, url: str, key: Callable[[], str], model: str) -> None:
        self._service = Service("LANGUAGE", url, key, timeout_s=LANGUAGE_TIMEOUT_S)
        self._model = model
        self._format = FORMATS[0]
        self._temperature: dict[str, float] = {"temperature": 0}

    def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> Completion:
        told = f"{system}\n\n{KEEP_TO}{json.dumps(schema, ensure_ascii=False)}"
        messages = [{"role": "system", "content": told}, {"role": "user", "content": user}]
        first = self._chat(messages, schema)
        text, fault, document = read(first, schema)
        if not fault:
            return completion(document, first)
        again = {"role": "user", "content": AGAIN.format(fault=fault)}
        second = self._chat([*messages, {"role": "assistant", "content": text}, again], schema)
        _, fault, document = read(second, schema)
        if fault:
            raise ModelRefused(f"the language service answers what is of no use, twice: {fault}")
        return completion(document, first, second)

    def _chat(self, messages: list[dict[str, str]], schema: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Unavailable, NotConfigured, ModelRefused."""
        answer = self._ask(messages, schema)
        while answer.status_code != 200 and self._asks_for_less(answer.text):
            answer = self._ask(messages, schema)
        return self._service.document(answer)

    def _ask(self, messages: list[dict[str, str]], schema: Mapping[str, Any]) -> "httpx2.Response":
        body: dict[str, Any] = {"model": self._model, "messages": messages, **self._temperature}
        if self._format == "json_schema":
            described = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        elif self._format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return self._service.post("/chat/completions", json=body)

    def _asks_for_less(self, refusal: str) -> bool:
        """Whether a refusal names something that can be left out; it is, from now on."""
        if self._temperature and "temperature" in refusal:
            self._temperature = {}
            return True
        named = any(word in refusal for word in ("response_format", "json_schema", "json_object"))
        if named and self._format != FORMATS[-1]:
            self._format = FORMATS[FORMATS.index(self._format) + 1]
            return True
        return False


def read(answer: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The text of an answer, what is wrong with it (empty: nothing), and the document in it. Raises ModelRefused."""
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise ModelRefused("the language service answers without a text")
    # Some think aloud first, and some put a fence around what they were asked for.
    said = text.rpartition("</think>")[2]
    try:
        document = json.loads(said[said.find("{") : said.rfind("}") + 1])
    except (ValueError, RecursionError):
        return text, "it is no JSON", {}
    return text, fault_of(document, schema), document


def completion(document: dict[str, Any], *answers: Mapping[str, Any]) -> Completion:
    return Completion(document, counted(answers, "prompt_tokens"), counted(answers, "completion_tokens"))


def counted(answers: tuple[Mapping[str, Any], ...], name: str) -> int:
    """The sum of what services counted; those that count nothing count for nothing."""
    usages = (each.get("usage") or {} for each in answers)
    return sum(found for each in usages if isinstance(found := each.get(name), int))
