"""How does a recording become a report job? Checked, held against credits, kept, and handed to the workflow: once.

Called by functions/external and by `dictations`.
"""

import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from sqlalchemy import text

from pacs.dictation import keys
from pacs.dictation.audio import Recording, recognise
from pacs.dictation.examinations import examination_of
from pacs.dictation.jobs import Job, find_job, sealed_secret, secret_of, write_request
from pacs.dictation.requests import JobRequest
from pacs.dictation.sentences import sentences_of
from pacs.dictation.starting import start
from pacs.errors import (
    BadRequest,
    Conflict,
    DuplicateSubmission,
    IdempotencyKeyReused,
    InsufficientCredits,
    PacsError,
)
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Language, Services, Speech, Spoken, Statements
from pacs.reporting.credits import hold_credits, read_balance

MOST_BYTES = 50 << 20
DUPLICATE_WITHIN = timedelta(hours=24)
# What an exam takes until this many jobs have been measured; then the median of the latest.
SECONDS_AN_EXAM, MEASURED_LEAST, MEASURED_MOST = 45, 5, 50
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")

# The submissions of one organization are decided one after another.
LOCK = text(
    "select cast(pg_advisory_xact_lock(hashtextextended('report_jobs ' || :organization_id, 0)) as text) as held"
)
REPEATED = text(
    "select cast(id as text) as id, request_hash from report_jobs"
    " where organization_id = cast(:organization_id as uuid) and idempotency_key = :idempotency_key"
)
SAME = text(
    "select 1 as one from report_jobs where organization_id = cast(:organization_id as uuid)"
    " and audio_sha256 = :audio_sha256 and created_at > :since and status <> 'failed' limit 1"
)
MEASURED = text(
    "select percentile_cont(0.5) within group (order by seconds) as seconds from ("
    "select extract(epoch from ended_at - created_at) / exam_count as seconds from report_jobs"
    " where organization_id = cast(:organization_id as uuid) and status = 'completed'"
    " order by ended_at desc limit :most) latest having count(*) >= :least"
)
ADD = text(
    "insert into report_jobs (id, organization_id, member_id, key_id, kind, exam_count, audio_sha256, audio_kind,"
    " audio_seconds, input_language, output_language, callback_url, secret, idempotency_key, request_hash,"
    " estimated_seconds, remaining_credits, created_at) values (cast(:id as uuid), cast(:organization_id as uuid),"
    " cast(:member_id as uuid), cast(:key_id as uuid), :kind, :exam_count, :audio_sha256, :audio_kind, :audio_seconds,"
    " :input_language, :output_language, :callback_url, :secret, :idempotency_key, :request_hash, :estimated_seconds,"
    " :remaining_credits, :now)"
)
ADD_EXAMS = text(
    "insert into report_exams (job_id, number, accession_number, sut_code, tele_code, modality, exam_name)"
    " select cast(:id as uuid), number, accession_number, sut_code, tele_code, modality, exam_name"
    " from jsonb_to_recordset(cast(:exams as jsonb)) as given (number integer, accession_number text, sut_code text,"
    " tele_code text, modality text, exam_name text)"
)


@dataclass(frozen=True)
class Submitted:
    """A job that was taken, and what its sender is told this once (or again, under the same idempotency key)."""

    job: Job
    hmac_secret: str
    remaining_credits: int
    estimated_seconds: int


@dataclass(frozen=True)
class Submission:
    """What is about to become a job, checked."""

    job_id: str
    kind: str
    request: JobRequest
    recording: Recording | None  # None: it was typed
    audio_sha256: str
    key_id: str | None
    idempotency_key: str | None

    @property
    def request_hash(self) -> str:
        told = json.dumps([self.kind, asdict(self.request), self.audio_sha256], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


def submit(
    services: Services,
    scope: Scope,
    request: JobRequest,
    audio: bytes,
    *,
    kind: str,
    key_id: str | None = None,
    idempotency_key: str = "",
) -> Submitted:
    """Take a job, in the name of the scope's member. The same again under the same idempotency key is taken once.

    Raises InvalidAudio, NotConfigured, BadRequest (the key), IdempotencyKeyReused, DuplicateSubmission,
    InsufficientCredits.
    """
    if idempotency_key and not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise BadRequest("an idempotency key has 1 to 255 visible characters", field="Idempotency-Key")
    recording = recognise(audio)
    models_of(services)  # no job is taken that nothing could work on
    sha256, job_id = hashlib.sha256(audio).hexdigest(), str(uuid.uuid4())
    new = Submission(job_id, kind, request, recording, sha256, key_id, idempotency_key or None)
    keep(services, scope, new, audio)
    return take(services, scope, new)


def submit_text(services: Services, scope: Scope, request: JobRequest, words: str, *, kind: str) -> Submitted:
    """Take a job about what was typed instead of spoken. The same words may be typed of many patients.

    Raises BadRequest, NotConfigured, InsufficientCredits.
    """
    sentences = sentences_of([Spoken(words)])
    if not sentences:
        raise BadRequest("nothing was typed", field="text")
    _ = services.language  # nobody has to hear it
    job_id = str(uuid.uuid4())
    sha256 = hashlib.sha256(f"{job_id} {words}".encode()).hexdigest()
    new = Submission(job_id, kind, request, None, sha256, None, None)
    transcript = json.dumps({"sentences": [asdict(each) for each in sentences]}, ensure_ascii=False).encode()
    services.exchange.put(keys.transcript_key(scope, job_id), transcript, content_type="application/json")
    keep(services, scope, new, b"")
    return take(services, scope, new)


def take(services: Services, scope: Scope, new: Submission) -> Submitted:
    """Decide over what is kept already, and start it. Raises as `decide` does."""
    job_id = new.job_id
    try:
        job = decide(services, scope, new)
    except (Conflict, InsufficientCredits):
        discard(services, scope, job_id)
        raise
    if job.id == job_id:
        with suppress(PacsError):  # the job is taken; `start_forgotten` tries again
            start(services, scope, job_id)
    else:
        discard(services, scope, job_id)
    return Submitted(job, secret_of(services, job), job.remaining_credits, job.estimated_seconds)


def models_of(services: Services) -> tuple[Speech, Language]:
    """What will work on a job. Raises NotConfigured."""
    return services.speech, services.language


def keep(services: Services, scope: Scope, new: Submission, audio: bytes) -> None:
    """What the workflow reads lies there before there is a job; and that it may have to be started."""
    if new.recording:
        services.exchange.put(keys.audio_key(scope, new.job_id), audio, content_type=new.recording.media_type)
    write_request(services, scope, new.job_id, new.request)
    services.exchange.put(keys.starting_key(scope, new.job_id), b"")


def discard(services: Services, scope: Scope, job_id: str) -> None:
    """Take back what was kept for a job that was not taken."""
    for key in (keys.audio_key, keys.transcript_key, keys.request_key, keys.starting_key):
        services.exchange.delete(key(scope, job_id))


def decide(services: Services, scope: Scope, new: Submission) -> Job:
    """The job, or that of the same request before. Raises IdempotencyKeyReused, DuplicateSubmission,
    InsufficientCredits.
    """
    with services.database.transaction() as statements:
        statements.fetch(LOCK, {"organization_id": scope.organization_id})
        if job := repeated(statements, scope, new):
            return job
        since = services.clock.now() - DUPLICATE_WITHIN
        same = {"organization_id": scope.organization_id, "audio_sha256": new.audio_sha256, "since": since}
        if statements.fetch(SAME, same):
            raise DuplicateSubmission("this recording was submitted in the last 24 hours", field="audio")
        hold_credits(statements, services.clock, scope, new.job_id, len(new.request.exams))
        statements.fetch(ADD, row(services, statements, scope, new))
        statements.fetch(ADD_EXAMS, {"id": new.job_id, "exams": exam_rows(new.request)})
        record(statements, scope, Deed("write-report", subject=f"{new.job_id}: submitted"))
        return find_job(statements, scope, new.job_id)


def repeated(statements: Statements, scope: Scope, new: Submission) -> Job | None:
    """The job that was taken under this idempotency key. Raises IdempotencyKeyReused."""
    if new.idempotency_key is None:
        return None
    named = {"organization_id": scope.organization_id, "idempotency_key": new.idempotency_key}
    rows = statements.fetch(REPEATED, named)
    if rows and rows[0]["request_hash"] != new.request_hash:
        raise IdempotencyKeyReused("another request came under this key before", field="Idempotency-Key")
    return find_job(statements, scope, rows[0]["id"]) if rows else None


def row(services: Services, statements: Statements, scope: Scope, new: Submission) -> dict[str, Any]:
    request, exam_count = new.request, len(new.request.exams)
    return {
        "id": new.job_id,
        "organization_id": scope.organization_id,
        "member_id": scope.member_id,
        "key_id": new.key_id,
        "kind": new.kind,
        "exam_count": exam_count,
        "audio_sha256": new.audio_sha256,
        "audio_kind": new.recording.kind if new.recording else "",
        "audio_seconds": new.recording.duration_s if new.recording else 0,
        "input_language": request.input_language,
        "output_language": request.output_language,
        "callback_url": request.callback_url,
        "secret": sealed_secret(services, new.job_id, secrets.token_hex(32)),
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "estimated_seconds": ceil(seconds_an_exam(statements, scope) * exam_count),
        "remaining_credits": read_balance(statements, scope).available,
        "now": services.clock.now(),
    }


def exam_rows(request: JobRequest) -> list[Mapping[str, Any]]:
    """The exams with what their codes say of them, in the language in which their reports are written."""
    found = [examination_of(exam.sut_code, exam.tele_code) for exam in request.exams]
    return [
        {
            "number": number,
            "accession_number": exam.accession_number,
            "sut_code": exam.sut_code,
            "tele_code": exam.tele_code,
            "modality": exam.modality or what.modality,
            "exam_name": exam.name or what.name(request.output_language),
        }
        for number, (exam, what) in enumerate(zip(request.exams, found, strict=True))
    ]


def seconds_an_exam(statements: Statements, scope: Scope) -> float:
    """From submission to report: the median of the organization's latest jobs, once there are some."""
    measured = {"organization_id": scope.organization_id, "least": MEASURED_LEAST, "most": MEASURED_MOST}
    rows = statements.fetch(MEASURED, measured)
    return float(rows[0]["seconds"]) if rows else SECONDS_AN_EXAM
