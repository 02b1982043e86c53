"""The report API: a recording becomes reports. Names and shapes are those of integrators' clients."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request

from functions.external.forms import read_form, recording_of
from functions.external.knocking import Knocking
from pacs.bootstrap import services
from pacs.dictation.answers import BASE, job_document, remaining_credits, submitted_document, template_documents
from pacs.dictation.jobs import find_job
from pacs.dictation.requests import JobRequest, parse_form, parse_metadata
from pacs.dictation.submitting import MOST_BYTES, submit
from pacs.dictation.uploads import FORM_LIFE_S, begin_upload
from pacs.errors import InvalidMetadata, NotFound
from pacs.outgoing import Origin, parse_origins
from pacs.people.audit import Deed, caller_address, record_once
from pacs.people.scope import Scope
from pacs.reporting.templates import list_templates

router = APIRouter(prefix=BASE)

KINDS = ("single", "multi")

IdempotencyKey = Annotated[str, Header()]
JobId = Annotated[str, Path(alias="jobId")]


@router.get("/templates")
async def show_templates(scope: Knocking) -> dict[str, Any]:
    """The templates of reports by name."""
    templates = template_documents(list_templates(services().database, scope))
    return {"templates": templates, "creditsUsed": 0, "remainingCredits": remaining_credits(services(), scope)}


@router.post("/uploads", status_code=201)
async def create_upload(scope: Knocking) -> dict[str, Any]:
    """Where a recording is sent that is too large for the form of a job, and what the job calls it."""
    upload = begin_upload(services(), scope)
    return {
        "uploadKey": upload.id,
        "url": upload.form.url,
        "fields": dict(upload.form.fields),
        "expiresInSeconds": FORM_LIFE_S,
        "maxBytes": MOST_BYTES,
        "creditsUsed": 0,
        "remainingCredits": remaining_credits(services(), scope),
    }


@router.post("/report", status_code=202)
async def submit_report(request: Request, scope: Knocking, idempotency_key: IdempotencyKey = "") -> dict[str, Any]:
    """A recording and the one exam that it is about."""
    form = await read_form(request)
    told = parse_form(form.fields, callback_origins())
    return take(scope, told, recording_of(form, scope), "single", idempotency_key)


@router.post("/pacs/report", status_code=202)
async def submit_reports(request: Request, scope: Knocking, idempotency_key: IdempotencyKey = "") -> dict[str, Any]:
    """A recording and the exams that it is about."""
    form = await read_form(request)
    if "metadata" not in form.fields:
        raise InvalidMetadata("metadata is missing", field="metadata")
    told = parse_metadata(form.fields["metadata"], callback_origins())
    return take(scope, told, recording_of(form, scope), "multi", idempotency_key)


@router.get("/report/{jobId}")
async def show_report(scope: Knocking, job_id: JobId) -> dict[str, Any]:
    """How far a job is, and its report when it has ended."""
    return job_of(scope, job_id)


@router.get("/pacs/report/{jobId}")
async def show_reports(scope: Knocking, job_id: JobId) -> dict[str, Any]:
    """How far a job is, and its reports when it has ended."""
    return job_of(scope, job_id)


def callback_origins() -> frozenset[Origin]:
    """Where callbacks may lead to without https."""
    return parse_origins(services().settings.callback_allow, "PACS_CALLBACK_ALLOW")


def take(scope: Scope, told: JobRequest, audio: bytes, kind: str, idempotency_key: str) -> dict[str, Any]:
    key_id = scope.session_id
    made = submit(services(), scope, told, audio, kind=kind, key_id=key_id, idempotency_key=idempotency_key)
    return submitted_document(made)


def job_of(scope: Scope, job_id: str) -> dict[str, Any]:
    """What is told of a job; what people dictate in the portal is theirs. Raises NotFound."""
    job = find_job(services().database, scope, job_id)
    if job.kind not in KINDS:
        raise NotFound("there is no such job", field="jobId")
    told = job_document(services(), scope, job)
    if job.has_ended:
        deed = Deed("read-report", subject=job.id)
        record_once(services().database, scope, deed, source_ip=caller_address.get())
    return told
