"""This machine hears what is said, really: `make test` installs what `make speech` does."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.bootstrap import Services
from pacs.dictation.sentences import sentences_of, transcript_of
from pacs.errors import BadRequest, ModelRefused, NotConfigured
from pacs.local import whisper
from pacs.ports import Speech
from pacs.settings import Settings

AUDIO = Path(__file__).parents[1] / "dictation" / "audio"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    home = tmp_path_factory.mktemp("home")
    yield Services(Settings(home=home, speech_url="whisper:")).speech
    shutil.rmtree(home)  # 145 MB, which pytest would keep for three runs


@pytest.mark.parametrize(
    ("name", "media_type", "language", "said"),
    [
        ("turkish.wav", "audio/wav", "tr", ("patoloji izlenmedi", "sonuç normal")),
        ("english.webm", "audio/webm", "en", ("the right lung is clear", "no fracture", "the heart is normal")),
    ],
)
def test_speech_becomes_sentences(
    speech: Speech, name: str, media_type: str, language: str, said: tuple[str, ...]
) -> None:
    found = sentences_of(speech.transcribe((AUDIO / name).read_bytes(), media_type, language))
    assert [each for each in said if each not in transcript_of(found).lower()] == []
    moments = [moment for each in found for moment in (each.start_s, each.end_s) if moment is not None]
    assert moments == sorted(moments) and len(moments) == 2 * len(found)
    assert moments[-1] == pytest.approx(4.7, abs=0.7)


def test_in_silence_nothing_is_heard(speech: Speech) -> None:
    assert speech.transcribe((AUDIO / "silent.webm").read_bytes(), "audio/webm", "tr") == []


@pytest.mark.parametrize("body", [b"", b"no sound at all", (AUDIO / "video.webm").read_bytes()])
def test_what_is_no_sound_is_refused(speech: Speech, body: bytes) -> None:
    with pytest.raises(ModelRefused):
        speech.transcribe(body, "audio/webm", "tr")


def test_a_language_that_nobody_speaks_is_refused(speech: Speech) -> None:
    with pytest.raises(BadRequest):
        speech.transcribe(b"", "audio/wav", "qq")


def test_what_is_not_there_names_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotConfigured, match="no model in the folder"):
        _ = Services(Settings(speech_url=f"whisper:{tmp_path}")).speech
    monkeypatch.setattr(whisper, "WEIGHTS", ("no_such_weights",))
    with pytest.raises(NotConfigured, match="make speech") as told:
        _ = Services(Settings(home=tmp_path, speech_url="whisper:")).speech
    assert told.value.field == "PACS_SPEECH_URL"


def test_other_weights_than_ours_are_not_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(NotConfigured):
        whisper.put_together(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
