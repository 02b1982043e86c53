"""Speech and language over any service that speaks OpenAI's shape: its own, or one on a machine next door.

What a service refuses (a schema, a temperature, segments) it is asked for without, and not again by this process.
Source: OpenAI API reference, "Create transcription", "Create chat completion"
"""

from collections.abc import Callable, Mapping
from typing import Any

from pacs.errors import ModelRefused
from pacs.models.answers import count, document_in
from pacs.models.calling import Reply, Service
from pacs.models.chat import Chat
from pacs.models.manners import Manner, system_of
from pacs.models.schemas import fault_of
from pacs.ports import Completion, Spoken

SPEECH_TIMEOUT_S, LANGUAGE_TIMEOUT_S = 600.0, 180.0
SUFFIXES = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
}
AGAIN = "This does not keep to the JSON schema: {fault}. Answer again, with the corrected JSON object and nothing else."


class OpenAISpeech:
    """Transcriptions of one model; with moments where it tells segments."""

    def __init__(self, url: str, key: Callable[[], str], model: str) -> None:
        self._service = Service("PACS_SPEECH", "the speech service", url, key, SPEECH_TIMEOUT_S)
        self._model = model
        self._segments = not model.startswith("gpt-")  # those take no verbose_json

    def transcribe(self, recording: bytes, media_type: str, language: str, *, hints: str = "") -> list[Spoken]:
        answer = self._ask(recording, media_type, language, hints)
        if self._segments and answer.status != 200 and "response_format" in answer.text:
            self._segments = False
            answer = self._ask(recording, media_type, language, hints)
        document = self._service.document(answer)
        segments = document.get("segments")
        if isinstance(segments, list) and segments:
            return [spoken(each) for each in segments if isinstance(each, dict)]
        if not isinstance(document.get("text"), str):
            raise ModelRefused("the speech service answers without a text")
        return [Spoken(document["text"])] if document["text"].strip() else []

    def _ask(self, recording: bytes, media_type: str, language: str, hints: str) -> Reply:
        form = {
            "model": self._model,
            "language": language,
            "temperature": "0",
            "response_format": "verbose_json" if self._segments else "json",
        }
        if hints:
            form["prompt"] = hints
        name = f"recording.{SUFFIXES.get(media_type, 'bin')}"
        return self._service.post("/audio/transcriptions", form=form, files={"file": (name, recording, media_type)})


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
        service = Service("PACS_LANGUAGE", "the language service", url, key, LANGUAGE_TIMEOUT_S)
        self._chat = Chat(service, model, Manner())

    def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> Completion:
        told = {"role": "system", "content": system_of(system, schema)}
        messages = [told, {"role": "user", "content": user}]
        first = self._chat.complete(messages, schema)
        text, fault, document = self._read(first, schema)
        if not fault:
            return completion(document, first)
        again = {"role": "user", "content": AGAIN.format(fault=fault)}
        second = self._chat.complete([*messages, {"role": "assistant", "content": text}, again], schema)
        _, fault, document = self._read(second, schema)
        if fault:
            raise ModelRefused(f"the language service answers what is of no use, twice: {fault}")
        return completion(document, first, second)

    def _read(self, answer: Any, schema: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """The text of an answer, what is wrong with it (empty: nothing), and the document in it."""
        text = self._chat.text_in(answer)
        document, fault = document_in(text)
        return text, fault or fault_of(document, schema), document


def completion(document: dict[str, Any], *answers: Any) -> Completion:
    spent = (sum(count(each, "usage", f"{kind}_tokens") for each in answers) for kind in ("prompt", "completion"))
    return Completion(document, *spent)
