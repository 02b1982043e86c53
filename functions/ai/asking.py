"""Asking for pre-reports, and what became of that. A job is watched by asking for it again: nothing is streamed."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.ai import jobs, keeping
from pacs.ai.offering import offers
from pacs.ai.presets import PRESETS
from pacs.ai.providers import ORCHESTRATOR
from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.people.audit import Deed, record
from pacs.people.permissions import may

router = APIRouter(prefix="/ai")
NO_STORE = {"Cache-Control": "no-store"}
Name = Annotated[str, Field(max_length=40)]
IdempotencyKey = Annotated[str, Header(max_length=200)]
Number = Annotated[int, Path(ge=1, le=1000)]
Attempt = Annotated[int, Query(ge=0, le=100)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: Name = ORCHESTRATOR
    preset: Name = ""
    language: Name = "tr"
    request_id: Annotated[str, Field(max_length=200)] = ""


@router.get("/providers")
async def list_providers(scope: CurrentScope) -> dict[str, Any]:
    """Whom one can ask; of those that cannot be asked now, what they lack. And the presets."""
    told = [{**each.__dict__, "ready": each.ready} for each in offers(services(), scope)]
    return {"providers": told, "presets": [{"name": each.name, "label": each.label} for each in PRESETS.values()]}


@router.post("/process-study/{code}", status_code=202)
async def process_study(
    request: Request, scope: CurrentScope, code: str, asked: Asked, idempotency_key: IdempotencyKey = ""
) -> dict[str, Any]:
    """Ask for a pre-report of a study. The same key, or the same wish while it is open, is the same job."""
    wanted = jobs.Wanted(asked.provider, asked.preset, asked.language)
    key = idempotency_key or asked.request_id
    job = jobs.ask(services(), scope, code, wanted, request_key=key, source_ip=client_address(request))
    return told(job)


@router.get("/jobs/{job}")
async def show_job(scope: CurrentScope, job: UUID) -> dict[str, Any]:
    """How far a job is: its step while it runs, whom it has asked, and in the end its draft or why there is none."""
    return told(jobs.find_job(services(), scope, str(job)))


@router.delete("/jobs/{job}")
async def cancel_job(scope: CurrentScope, job: UUID) -> dict[str, Any]:
    """Cancel a job. What a model answers after that is thrown away."""
    return told(jobs.cancel(services(), scope, str(job)))


@router.get("/jobs/{job}/sent")
async def show_sent(request: Request, scope: CurrentScope, job: UUID) -> dict[str, Any]:
    """What was told to whom; for those who manage with every answer, word by word."""
    found = jobs.found_job(services().database, scope, str(job))
    folder = keeping.folder_of(scope.organization_id, found.study_instance_uid, found.id)
    sent = keeping.sent(services(), folder)
    if may(scope, "ai.manage"):
        sent |= {"answers": (keeping.read_document(services(), folder, keeping.ANSWERS) or {}).get("answers", [])}
    deed = Deed("view", found.study_instance_uid, subject=f"{found.id}: what was sent")
    record(services().database, scope, deed, source_ip=client_address(request))
    return sent


@router.get("/jobs/{job}/images/{number}")
async def show_image(
    request: Request, scope: CurrentScope, job: UUID, number: Number, attempt: Attempt = 0
) -> Response:
    """An image as it was sent: of the last attempt, unless another one is named."""
    found = jobs.found_job(services().database, scope, str(job))
    body = keeping.image_sent(
        services(),
        scope,
        found.study_instance_uid,
        found.id,
        number,
        attempt=attempt,
        source_ip=client_address(request),
    )
    return Response(body, headers=NO_STORE, media_type=keeping.JPEG)


def told(job: jobs.Job) -> dict[str, Any]:
    shown = {name: value for name, value in job.__dict__.items() if name != "held_until"}
    return {**shown, "seconds": job.seconds(services().clock.now())}
