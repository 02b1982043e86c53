"""Both ports over a service that speaks OpenAI's shape: what is asked of it, and what its refusals become."""

import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from pacs.bootstrap import Services
from pacs.dictation.audio import recognise
from pacs.errors import ModelRefused, NotConfigured, PacsError, Unavailable
from pacs.models.calling import retry_after_s
from pacs.models.openai_shaped import OpenAILanguage, OpenAISpeech
from pacs.models.schemas import fault_of, object_of
from pacs.ports import Spoken
from pacs.settings import Settings
from tests.models.fake_models import FakeModels, recording_of

SCHEMA = object_of(**{name: {"type": "string"} for name in ("clinical", "technique", "comparison", "findings")})
SCHEMA["properties"]["impression"] = {"type": "string"}
SCHEMA["required"].append("impression")
SAID = "Akciğerler doğal. Sonuç: Pnömotoraks yok."
ASKED = json.dumps({"dictation": SAID})
KEY = "sk-secret-of-the-clinic"


def speech(models: FakeModels, model: str = "whisper-1") -> OpenAISpeech:
    return OpenAISpeech(models.url, lambda: KEY, model)


def language(models: FakeModels) -> OpenAILanguage:
    return OpenAILanguage(models.url, lambda: KEY, "gpt-x")


def test_a_recording_becomes_segments_with_their_moments(models: FakeModels) -> None:
    found = speech(models).transcribe(recording_of(SAID), "audio/wav", "tr", hints="Pnömotoraks izlenmedi.")
    assert [each.text.strip() for each in found] == ["Akciğerler doğal.", "Sonuç: Pnömotoraks yok."]
    assert found[0].start_s == 0.0
    assert found[0].end_s == pytest.approx(0.8)
    [asked] = models.asked
    assert asked["language"] == b"tr" and asked["response_format"] == b"verbose_json"
    assert asked["prompt"] == "Pnömotoraks izlenmedi.".encode()
    assert asked["file"] == recording_of(SAID)
    assert asked["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "large-v3"])
def test_a_model_without_segments_gives_the_text_alone(models: FakeModels, model: str) -> None:
    models.formats = ("json",)
    asking = speech(models, model)
    for _ in range(2):
        assert asking.transcribe(recording_of(SAID), "audio/webm", "en") == [Spoken(SAID)]
    assert len(models.asked) == (2 if model.startswith("gpt") else 3), "what is refused once is not asked for again"


def test_a_recording_in_which_nothing_is_heard(models: FakeModels) -> None:
    models.text = ""
    assert speech(models).transcribe(recording_of(""), "audio/wav", "tr") == []


def test_a_document_keeps_to_its_schema_and_is_counted(models: FakeModels) -> None:
    found = language(models).complete("Structure.", ASKED, SCHEMA)
    assert found.document["findings"] == "Akciğerler doğal."
    assert found.document["impression"] == "Pnömotoraks yok."
    assert found.tokens_in > 20 and found.tokens_out > 10
    [asked] = models.asked
    assert asked["temperature"] == 0 and asked["model"] == "gpt-x"
    assert asked["response_format"]["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize("formats", [("json_object", "text"), ("text",)])
def test_a_service_that_knows_no_schema_is_told_in_words(models: FakeModels, formats: tuple[str, ...]) -> None:
    models.formats, models.without = formats, ("temperature",)
    asking = language(models)
    for _ in range(2):
        assert asking.complete("Structure.", ASKED, SCHEMA).document["impression"] == "Pnömotoraks yok."
    refusals = 3 - len(formats) + 1
    assert len(models.asked) == refusals + 2, "what is refused once is not asked for again"
    assert "impression" in models.asked[-1]["messages"][0]["content"]


def test_what_does_not_keep_to_the_schema_is_mended_once(models: FakeModels) -> None:
    models.troubles = ["broken"]
    found = language(models).complete("Structure.", ASKED, SCHEMA)
    assert found.document["impression"] == "Pnömotoraks yok."
    first, second = models.asked
    assert len(first["messages"]) == 2 and len(second["messages"]) == 4
    assert "it is no JSON" in second["messages"][3]["content"]
    assert found.tokens_in > 2 * len(first["messages"][0]["content"]) // 4


def failure(models: FakeModels, *troubles: Any) -> PacsError:
    """What comes of troubles, which says neither what was dictated nor the key."""
    models.troubles = list(troubles)
    with pytest.raises(PacsError) as told:
        language(models).complete("Structure.", ASKED, SCHEMA)
    assert KEY not in str(told.value) and "Akciğer" not in str(told.value)
    return told.value


def test_what_is_of_no_use_twice_is_refused(models: FakeModels) -> None:
    assert isinstance(failure(models, "broken", "broken"), ModelRefused)
    assert isinstance(failure(models, "refused"), ModelRefused)


def test_who_is_busy_is_asked_again_later(models: FakeModels) -> None:
    busy, down = failure(models, "busy"), failure(models, "down")
    assert isinstance(busy, Unavailable) and busy.retry_after_s == 7
    assert isinstance(down, Unavailable) and down.retry_after_s is None


def test_a_wrong_key_names_its_setting(models: FakeModels) -> None:
    models.key = "another"
    assert failure(models).field == "PACS_LANGUAGE_KEY"
    with pytest.raises(NotConfigured) as told:
        speech(models).transcribe(recording_of(SAID), "audio/wav", "tr")
    assert told.value.field == "PACS_SPEECH_KEY"


@pytest.mark.parametrize("path", ["/elsewhere", ":port/v1"])
def test_a_wrong_address_names_its_setting(models: FakeModels, path: str) -> None:
    models.url = models.url.removesuffix("/v1") + path
    assert failure(models).field == "PACS_LANGUAGE_URL"


def test_who_does_not_answer_in_time_is_unavailable(models: FakeModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.models.openai_shaped.LANGUAGE_TIMEOUT_S", 0.2)
    models.slow_s = 30
    assert isinstance(failure(models, "slow"), Unavailable)


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asking = OpenAILanguage(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", lambda: KEY, "gpt-x")
        with pytest.raises(Unavailable):
            asking.complete("Structure.", ASKED, SCHEMA)


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        ("12", 12),
        ("999999", 3600),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_how_long_to_wait(told: str, wait_s: int | None) -> None:
    assert retry_after_s(told, datetime(2026, 11, 22, 12, tzinfo=UTC)) == wait_s


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"parts": [{"exam": 1, "side": "left"}]}, ""),
        ([], "the document is no object"),
        ({}, "the document has no parts"),
        ({"parts": "Ayşe"}, "the document.parts is no array"),
        ({"parts": [], "name": "Ayşe"}, "the document has more than parts"),
        ({"parts": [{"exam": True, "side": "left"}]}, "the document.parts[0].exam is no integer"),
        ({"parts": [{"exam": 1, "side": "Ayşe"}]}, "the document.parts[0].side is none of left, right"),
    ],
)
def test_faults_are_told_without_a_word_of_the_document(document: Any, fault: str) -> None:
    part = object_of(exam={"type": "integer"}, side={"type": "string", "enum": ["left", "right"]})
    assert fault_of(document, object_of(parts={"type": "array", "items": part})) == fault


@pytest.mark.parametrize(
    ("settings", "port", "field"),
    [
        (Settings(), "speech", "PACS_SPEECH_URL"),
        (Settings(), "language", "PACS_LANGUAGE_URL"),
        (Settings(language_url="https://models.example.org/v1"), "language", "PACS_LANGUAGE_MODEL"),
    ],
)
def test_without_a_service_its_setting_is_named(settings: Settings, port: str, field: str) -> None:
    with pytest.raises(NotConfigured) as told:
        getattr(Services(settings), port)
    assert told.value.field == field


def test_recordings_of_the_tests_are_recordings() -> None:
    found = recognise(recording_of(SAID))
    assert found.media_type == "audio/wav"
    assert found.duration_s == pytest.approx(2.0)
