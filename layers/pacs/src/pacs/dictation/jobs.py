"""What is known of a report job, and how far is it? Its row and those of its exams.

Asked by the report API and by the pages; changed by `submitting`, which makes jobs, and by the steps of the workflow.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from pacs.dictation.documents import read_document, write_document
from pacs.dictation.keys import request_key
from pacs.dictation.requests import Exam, JobRequest
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.people.sealing import seal, unseal
from pacs.ports import Services, Statements
from pacs.reporting.credits import settle_credits

Status = Literal["pending", "processing", "completed", "failed"]
Ended = Literal["completed", "failed"]

OWN = "id = cast(:id as uuid) and organization_id = cast(:organization_id as uuid)"
FIND = text(
    "select cast(id as text) as id, cast(member_id as text) as member_id, cast(key_id as text) as key_id,"  # noqa: S608
    " kind, status, reason, exam_count, audio_kind, audio_seconds, input_language, output_language, callback_url,"
    " secret, estimated_seconds, remaining_credits, credits_used, created_at, started_at, ended_at"
    f" from report_jobs where {OWN}"
)
EXAMS = text(
    "select number, accession_number, sut_code, tele_code, modality, exam_name, status, reason"  # noqa: S608
    f" from report_exams where job_id = (select id from report_jobs where {OWN}) order by number"
)
BEGIN = text(
    "update report_jobs set status = 'processing', started_at = coalesce(started_at, :now)"  # noqa: S608
    f" where {OWN} and status = 'pending'"
)
END_EXAM = text(
    "update report_exams set status = :status, reason = :reason where number = :number"  # noqa: S608
    f" and job_id = (select id from report_jobs where {OWN})"
)
END = text(
    "update report_jobs set status = :status, reason = :reason, credits_used = :used, ended_at = :now"  # noqa: S608
    f" where {OWN} and status in ('pending', 'processing') returning id"
)
END_REST = text(
    "update report_exams set status = 'failed', reason = :reason"  # noqa: S608
    " where (status = 'pending' or status = 'completed' and :status = 'failed')"
    f" and job_id = (select id from report_jobs where {OWN})"
)


@dataclass(frozen=True)
class Job:
    """A report job. `secret` is sealed: see `secret_of`."""

    id: str
    member_id: str
    key_id: str | None
    kind: str
    status: Status
    reason: str
    exam_count: int
    audio_kind: str
    audio_seconds: float
    input_language: str
    output_language: str
    callback_url: str
    secret: str
    estimated_seconds: int
    remaining_credits: int
    credits_used: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.status in ("completed", "failed")


@dataclass(frozen=True)
class ExamState:
    """One exam of a job, and how far it is. The first has number 0."""

    number: int
    accession_number: str
    sut_code: str
    tele_code: str
    modality: str
    exam_name: str
    status: Literal["pending", "completed", "failed"]
    reason: str


def find_job(statements: Statements, scope: Scope, job_id: str) -> Job:
    """Raises NotFound, also for another organization's."""
    rows = statements.fetch(FIND, named(scope, job_id)) if is_uuid(job_id) else []
    if not rows:
        raise NotFound("there is no such job", field="jobId")
    return Job(**rows[0])


def list_exams(statements: Statements, scope: Scope, job_id: str) -> list[ExamState]:
    """The exams of a job in the order in which they were asked for."""
    return [ExamState(**row) for row in statements.fetch(EXAMS, named(scope, job_id))]


def begin_job(statements: Statements, scope: Scope, job_id: str, now: datetime) -> None:
    """Say that a job is worked on. Safe to repeat."""
    statements.fetch(BEGIN, {**named(scope, job_id), "now": now})


def end_exam(
    statements: Statements, scope: Scope, job_id: str, number: int, status: Ended, *, reason: str = ""
) -> None:
    """Say how an exam has ended. Safe to repeat."""
    statements.fetch(END_EXAM, {**named(scope, job_id), "number": number, "status": status, "reason": reason})


def end_job(services: Services, scope: Scope, job_id: str, status: Ended, *, used: int = 0, reason: str = "") -> bool:
    """End a job and what it holds: `used` credits are spent, the rest is let go. Exams without an end have failed,
    and all of them with the job.

    Safe to repeat; returns whether it was this call that ended it. Raises Conflict when it holds fewer credits.
    """
    ended = {**named(scope, job_id), "status": status, "reason": reason, "used": used, "now": services.clock.now()}
    with services.database.transaction() as statements:
        if not statements.fetch(END, ended):
            return False
        statements.fetch(END_REST, {**named(scope, job_id), "status": status, "reason": reason})
        settle_credits(statements, services.clock, scope, job_id, used)
    return True


def write_request(services: Services, scope: Scope, job_id: str, request: JobRequest) -> None:
    """Keep what a job was told, beside its recording."""
    write_document(services, request_key(scope, job_id), asdict(request))


def read_request(services: Services, scope: Scope, job_id: str) -> JobRequest:
    """What a job was told. Raises ObjectNotFound when it has gone."""
    told = read_document(services, request_key(scope, job_id))
    return JobRequest(**{**told, "exams": tuple(Exam(**each) for each in told["exams"])})


def sealed_secret(services: Services, job_id: str, secret: str) -> str:
    return seal(services.secrets.sealing_keys(), secret, f"report-job {job_id}")


def secret_of(services: Services, job: Job) -> str:
    """With what the callbacks of a job are signed. Raises NotConfigured when its key is gone."""
    return unseal(services.secrets.sealing_keys(), job.secret, f"report-job {job.id}")


def named(scope: Scope, job_id: str) -> dict[str, Any]:
    return {"id": job_id, "organization_id": scope.organization_id}


def is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
