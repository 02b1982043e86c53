"""Pre-reports beside a study, as parts of the desk: asked for by a button, watched, looked at and taken over."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.ai import jobs, keeping
from pacs.ai.prereports import find_prereport
from pacs.ai.providers import ORCHESTRATOR
from pacs.ai.taking import take_over
from pacs.bootstrap import services
from pacs.entry.browser import NO_STORE, page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page, visit_of
from pacs.errors import NotFound
from pacs.people.audit import Deed, record, record_once
from pacs.people.scope import Scope
from pacs.portal import prereport_words as words
from pacs.portal import prereports
from pacs.reading.states import UNCLAIMED
from pacs.reading.studies import find_study
from pacs.reading.work import claim
from pacs.reporting.body import SECTIONS

router = APIRouter(prefix="/viewer/{study}/ai")
Reader = Annotated[Scope, page_scope("ai.read")]
Asker = Annotated[Scope, page_scope("ai.ask")]
Writer = Annotated[Scope, page_scope("reports.write")]
Word = Annotated[str, Form(max_length=200)]
Seen = Annotated[str, Query(max_length=64)]


@router.get("")
async def show_panel(request: Request, scope: Reader, study: str, language: Seen = "") -> Response:
    """Whom to ask, what runs, and what came of what was asked for before."""
    return panel(request, scope, study, language)


@router.post("")
async def ask(
    request: Request,
    scope: Asker,
    study: str,
    request_key: Word = "",
    provider: Word = ORCHESTRATOR,
    preset: Word = "",
    language: Word = "",
) -> Response:
    """Ask for a pre-report. From the worklist, where nothing is chosen, it leads to the desk."""
    found = find_study(services(), scope, study)
    wanted = jobs.Wanted(provider, preset or prereports.preset_of(found), language or visit_of(request).speech.language)
    jobs.ask(services(), scope, found["code"], wanted, request_key=request_key, source_ip=client_address(request))
    if "hx-request" not in request.headers:
        return lead(request, f"/viewer/{found['code']}")
    return panel(request, scope, study, said=words.STEPS["queued"])


@router.post("/cancel")
async def cancel(request: Request, scope: Asker, study: str, job: Annotated[UUID, Form()]) -> Response:
    """Ask no more."""
    jobs.cancel(services(), scope, job_of(scope, study, job).id)
    return panel(request, scope, study, said=words.ENDS["cancelled"])


@router.get("/jobs/{job}")
async def show_progress(request: Request, scope: Reader, study: str, job: UUID, seen: Seen = "") -> Response:
    """How far a job is, told aloud when that is another step than was `seen`; at its end the whole panel."""
    found = job_of(scope, study, job)
    if not found.is_open:
        shown = panel(request, scope, study, said=words.ENDS[found.status])
        shown.headers.update({"HX-Retarget": "#prereports", "HX-Reswap": "innerHTML"})
        return shown
    shown_job = prereports.Shown(found, None, found.seconds(services().clock.now()))
    said = shown_job.told if found.step != seen else ""
    return page(request, "prereport_progress.html", scope, code=found.code, shown=shown_job, said=said, words=words)


@router.get("/jobs/{job}/sent")
async def show_sent(request: Request, scope: Reader, study: str, job: UUID) -> Response:
    """What was told to the last one who was asked, word by word, and how many images were left out."""
    found = job_of(scope, study, job)
    folder = keeping.folder_of(scope.organization_id, found.study_instance_uid, found.id)
    attempts = (keeping.read_document(services(), folder, keeping.REQUEST) or {}).get("attempts")
    deed = Deed("view", found.study_instance_uid, subject=f"{found.id}: what was sent")
    record(services().database, scope, deed, source_ip=client_address(request))
    last = attempts[-1] if attempts else None
    label = prereports.LABELS.get(last["provider"], last["provider"]) if last else ""
    asked = [prereports.legible(each["text"]) for each in last["calls"]] if last else []
    return page(request, "prereport_sent.html", scope, attempt=last, asked=asked, label=label, words=words)


@router.post("/take")
async def take(
    request: Request,
    scope: Writer,
    study: str,
    draft: Annotated[UUID, Form()],
    version: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """Take a draft over into one's own report; when that has words already, once somebody has seen what comes to them.

    `version` is that of the report in which it was seen. A study that nobody has claimed is claimed by it.
    """
    found, made = find_study(services(), scope, study), find_prereport(services().database, scope, str(draft))
    if made.code != found["code"]:
        raise NotFound("there is no such draft", field="draft")
    if found["state"] in UNCLAIMED:
        claim(services(), scope, found["code"])
    report = prereports.written_so_far(services(), scope, made)
    if report and report.has_words and version != report.version:
        shown = {"code": found["code"], "draft": made.id, "report": report, "changed": bool(version)}
        return page(request, "prereport_take.html", scope, **shown, sections=SECTIONS)
    take_over(services(), scope, made.id, source_ip=client_address(request))
    if not report or found["state"] in UNCLAIMED:
        return lead(request, f"/viewer/{found['code']}")
    return Response("", headers={"HX-Trigger": "taken", **NO_STORE}, media_type="text/html")


def panel(request: Request, scope: Scope, study: str, language: str = "", said: str = "") -> Response:
    found = find_study(services(), scope, study)
    default = visit_of(request).speech.language
    shown = prereports.panel(services(), scope, found, language, default)
    if any(each.draft for each in shown["ended"]):
        deed = Deed("read-report", found["study_instance_uid"], subject="drafts of models")
        record_once(services().database, scope, deed, source_ip=client_address(request))
    return page(request, "prereports.html", scope, **shown, said=said)


def job_of(scope: Scope, study: str, job: UUID) -> jobs.Job:
    """A job of this study. Raises NotFound."""
    found = jobs.find_job(services(), scope, str(job))
    if study not in (found.code, found.study_instance_uid):
        raise NotFound("there is no such job", field="job")
    return found
