"""Recordings of every kind, whole and broken, told apart by what is in them."""

from pathlib import Path

import pytest

from pacs.dictation.audio import recognise
from pacs.errors import InvalidAudio

FILES = Path(__file__).parent / "audio"
# Two and a half seconds of speech in each.
SPEECH = ("speech.wav", "speech.mp3", "speech.m4a", "fragmented.m4a", "speech.ogg", "vorbis.ogg", "speech.webm")


def read(name: str) -> bytes:
    return (FILES / name).read_bytes()


@pytest.mark.parametrize("name", SPEECH)
def test_speech_is_known_with_its_length(name: str) -> None:
    found = recognise(read(name))
    assert found.kind == name.rpartition(".")[2]
    assert found.duration_s == pytest.approx(2.5, abs=0.1)


def test_a_film_with_sound_is_taken() -> None:
    assert recognise(read("both.webm")).kind == "webm"


def refused(body: bytes) -> str:
    with pytest.raises(InvalidAudio) as told:
        recognise(body)
    assert told.value.field == "audio"
    return told.value.message


@pytest.mark.parametrize("name", ["silent.mp3", "silent.m4a", "silent.ogg", "silent.webm"])
def test_silence_is_refused(name: str) -> None:
    assert "silent" in refused(read(name))


def test_silence_in_samples_is_refused() -> None:
    speech = read("speech.wav")
    assert "silent" in refused(speech[:78] + bytes(len(speech) - 78))


@pytest.mark.parametrize("name", ["video.webm", "video.mp4"])
def test_a_film_without_sound_is_refused(name: str) -> None:
    assert "no sound" in refused(read(name))


@pytest.mark.parametrize("name", SPEECH)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
def test_what_breaks_off_is_refused(name: str, part: float) -> None:
    body = read(name)
    assert "truncated" in refused(body[: int(len(body) * part)])


@pytest.mark.parametrize("body", [b"\xff\xd8\xff\xe0 picture", b"%PDF-1.4", b"hello", b"\xff", b"RIFFxxxxAVI "])
def test_what_is_no_recording_is_refused(body: bytes) -> None:
    assert "whatever its name says" in refused(body)


def test_nothing_is_refused() -> None:
    assert "empty" in refused(b"")


@pytest.mark.parametrize("name", SPEECH)
def test_damage_never_ends_in_another_error(name: str) -> None:
    body = bytearray(read(name))
    for at in range(0, min(len(body), 600), 7):
        damaged = bytearray(body)
        damaged[at] ^= 0xFF
        try:
            recognise(bytes(damaged))
        except InvalidAudio:
            continue
