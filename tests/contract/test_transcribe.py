"""Amazon Transcribe (moto's server, which hears nothing: what it would write lies there already)."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from pacs.aws import transcribe
from pacs.aws.store import S3Store
from pacs.aws.transcribe import TranscribeSpeech
from pacs.errors import BadRequest, ModelRefused, ObjectNotFound, PacsError, StoreUnavailable, Unavailable
from pacs.ports import Spoken

AwsClient = Callable[[str], Any]


def word(content: str, start_s: float, end_s: float) -> dict[str, Any]:
    told = {"type": "pronunciation", "alternatives": [{"confidence": "0.99", "content": content}]}
    return told | {"start_time": str(start_s), "end_time": str(end_s)}


def mark(content: str) -> dict[str, Any]:
    return {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": content}]}


SAID = [
    *(word("Pnömotoraks", 0.5, 1.2), word("yok", 1.25, 1.6), mark(".")),
    *(word("Kalp", 2.0, 2.3), mark(","), word("normal", 2.4, 2.9), word("Sonuç", 4.5, 5.0)),
]
RESULT = {"results": {"transcripts": [{"transcript": ""}], "items": SAID}, "status": "COMPLETED"}


class Bucket:
    """A bucket, and a service that writes its results there."""

    def __init__(self, aws_client: AwsClient) -> None:
        s3, self.name = aws_client("s3"), f"exchange-{uuid.uuid4().hex}"
        s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.store, self.client = S3Store(self.name, s3), aws_client("transcribe")
        self.client.meta.events.register("before-parameter-build.transcribe.StartTranscriptionJob", self.hear)
        self.speech = TranscribeSpeech(self.client, self.store, self.name, poll_s=0.01)
        self.jobs: list[dict[str, Any]] = []

    def hear(self, params: dict[str, Any], **_: Any) -> None:
        self.jobs.append(dict(params))
        assert self.store.get(params["Media"]["MediaFileUri"].partition(f"{self.name}/")[2])[1] == b"a recording"
        self.store.put(params["OutputKey"], json.dumps(RESULT).encode())

    def answer(self, call: str, status: int, document: dict[str, Any]) -> None:
        """Another answer to a call, as the service gives it."""

        def change(parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
            parsed.clear()
            parsed.update({**document, "ResponseMetadata": {"HTTPStatusCode": status}})
            http_response.status_code = status

        self.client.meta.events.register(f"after-call.transcribe.{call}", change)

    def left(self) -> list[str]:
        jobs = self.client.list_transcription_jobs()["TranscriptionJobSummaries"]
        ours = {each["TranscriptionJobName"] for each in self.jobs}
        names = [each["TranscriptionJobName"] for each in jobs if each["TranscriptionJobName"] in ours]
        return [*names, *(each.key for each in self.store.scan())]


@pytest.fixture
def bucket(aws_client: AwsClient) -> Bucket:
    return Bucket(aws_client)


def test_words_become_stretches_with_their_moments(bucket: Bucket) -> None:
    assert bucket.speech.transcribe(b"a recording", "audio/mp4", "tr", hints="Kırık yok.") == [
        Spoken("Pnömotoraks yok.", 0.5, 1.6),
        Spoken("Kalp, normal", 2.0, 2.9),
        Spoken("Sonuç", 4.5, 5.0),
    ]
    [job] = bucket.jobs
    assert (job["LanguageCode"], job["MediaFormat"]) == ("tr-TR", "m4a")
    assert bucket.left() == []


def test_who_was_interrupted_comes_back_to_the_same_job(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(transcribe, "PATIENCE_S", -1.0)
        with pytest.raises(Unavailable) as told:
            bucket.speech.transcribe(b"a recording", "audio/wav", "en")
        assert told.value.retry_after_s == 30
    assert len(bucket.speech.transcribe(b"a recording", "audio/wav", "en")) == 3
    assert len({each["TranscriptionJobName"] for each in bucket.jobs}) == 1
    assert bucket.left() == []


def test_all_languages_of_report_jobs_are_known_to_it(bucket: Bucket) -> None:
    codes = bucket.client.meta.service_model.shape_for("LanguageCode").enum
    assert set(transcribe.LANGUAGES.values()) <= set(codes)
    formats = bucket.client.meta.service_model.shape_for("MediaFormat").enum
    assert set(transcribe.FORMATS.values()) <= set(formats)
    with pytest.raises(BadRequest):
        bucket.speech.transcribe(b"a recording", "audio/wav", "ja")
    with pytest.raises(ModelRefused):
        bucket.speech.transcribe(b"a recording", "video/mp4", "tr")


@pytest.mark.parametrize(
    ("call", "status", "document", "failure"),
    [
        ("GetTranscriptionJob", 200, {"TranscriptionJob": {"TranscriptionJobStatus": "FAILED"}}, ModelRefused),
        ("StartTranscriptionJob", 400, {"Error": {"Code": "BadRequestException"}}, ModelRefused),
        ("StartTranscriptionJob", 400, {"Error": {"Code": "LimitExceededException"}}, Unavailable),
    ],
)
def test_what_cannot_be_heard(
    bucket: Bucket, call: str, status: int, document: dict[str, Any], failure: type[PacsError]
) -> None:
    bucket.answer(call, status, document)
    with pytest.raises(failure):
        bucket.speech.transcribe(b"a recording", "audio/wav", "tr")
    assert failure is Unavailable or status == 400 or bucket.left() == []


def test_without_its_bucket_it_is_unavailable(bucket: Bucket, aws_client: AwsClient) -> None:
    speech = TranscribeSpeech(bucket.client, S3Store("no-such-bucket", aws_client("s3")), "no-such-bucket")
    with pytest.raises((StoreUnavailable, ObjectNotFound)):
        speech.transcribe(b"a recording", "audio/wav", "tr")
