"""What is said in a recording, as Amazon Transcribe hears it: a job over an object of the exchange bucket.

A job is named by its recording: who was interrupted while waiting comes back to the same one. When it has been read,
job and objects are deleted. Source: Amazon Transcribe Developer Guide, "Supported languages", "Data input and output"
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from pacs.aws.translation import translated
from pacs.errors import BadRequest, Conflict, ModelRefused, Unavailable
from pacs.ports import ObjectStore, Spoken

LANGUAGES = {"tr": "tr-TR", "en": "en-US", "ru": "ru-RU", "az": "az-AZ", "fr": "fr-FR", "de": "de-DE"}
FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/webm": "webm"}
WHAT = "Amazon Transcribe"
PATIENCE_S, LATER_S = 600.0, 30
# Who pauses for so long has ended a stretch.
PAUSE_S = 1.0


class TranscribeSpeech:
    """Batch jobs, waited for; hints are of no use to it."""

    def __init__(self, client: Any, exchange: ObjectStore, bucket: str, *, poll_s: float = 3.0) -> None:
        self._client, self._exchange, self._bucket, self._poll_s = client, exchange, bucket, poll_s

    def transcribe(self, recording: bytes, media_type: str, language: str, *, hints: str = "") -> list[Spoken]:
        if language not in LANGUAGES:
            raise BadRequest(f"{WHAT} is not asked for this language", field="language")
        if media_type not in FORMATS:
            raise ModelRefused(f"{WHAT} does not take such recordings")
        name = f"pacs-{hashlib.sha256(f'{language} {media_type} '.encode() + recording).hexdigest()}"
        self._start(name, recording, media_type, language)
        status = self._status_in_the_end(name)
        document = self._exchange.get(result_key(name))[1] if status == "COMPLETED" else b""
        self._forget(name)
        if not document:
            raise ModelRefused(f"{WHAT} cannot hear the recording")
        return heard(json.loads(document)["results"]["items"])

    def _start(self, name: str, recording: bytes, media_type: str, language: str) -> None:
        """Raises Unavailable, ModelRefused."""
        self._exchange.put(recording_key(name), recording, content_type=media_type)
        try:
            with translated(WHAT, missing={"ConflictException": Conflict, "BadRequestException": ModelRefused}):
                self._client.start_transcription_job(
                    TranscriptionJobName=name,
                    LanguageCode=LANGUAGES[language],
                    MediaFormat=FORMATS[media_type],
                    Media={"MediaFileUri": f"s3://{self._bucket}/{recording_key(name)}"},
                    OutputBucketName=self._bucket,
                    OutputKey=result_key(name),
                )
        except Conflict:
            return  # it was begun before
        except ModelRefused as error:
            raise ModelRefused(f"{WHAT} does not take the recording") from error

    def _status_in_the_end(self, name: str) -> str:
        """COMPLETED or FAILED. Raises Unavailable when it takes longer than a function has."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            with translated(WHAT, missing={}):
                job = self._client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
            status = str(job["TranscriptionJobStatus"])
            if status in ("COMPLETED", "FAILED"):
                return status
            if time.monotonic() >= give_up_at:
                raise Unavailable(f"{WHAT} is still listening", retry_after_s=LATER_S)
            time.sleep(self._poll_s)

    def _forget(self, name: str) -> None:
        """Raises Unavailable."""
        for key in (recording_key(name), result_key(name)):
            self._exchange.delete(key)
        with translated(WHAT, missing={}):
            self._client.delete_transcription_job(TranscriptionJobName=name)


def recording_key(name: str) -> str:
    return f"audio/transcribe/{name}"


def result_key(name: str) -> str:
    return f"audio/transcribe/{name}.json"


def heard(items: Iterable[Mapping[str, Any]]) -> list[Spoken]:
    """Words and their punctuation, together up to each full stop or pause."""
    found: list[Spoken] = []
    ended = True
    for item in items:
        text = item["alternatives"][0]["content"]
        if item["type"] == "punctuation":
            if found:
                found[-1] = Spoken(found[-1].text + text, found[-1].start_s, found[-1].end_s)
                ended = text in ".?!"
            continue
        start_s, end_s = float(item["start_time"]), float(item["end_time"])
        if ended or start_s - (found[-1].end_s or 0) >= PAUSE_S:
            found.append(Spoken(text, start_s, end_s))
        else:
            found[-1] = Spoken(f"{found[-1].text} {text}", found[-1].start_s, end_s)
        ended = False
    return found
