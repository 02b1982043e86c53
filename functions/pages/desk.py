"""The radiologist's desk: the images of a study beside its report, what its patient had before, and the next case."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response

from functions.pages.dictating import with_microphone
from functions.pages.opening import launch
from pacs.bootstrap import services
from pacs.dictation.dictations import MODALITIES
from pacs.dictation.requests import LANGUAGES
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest
from pacs.people.membership import find_by_id
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal.prereport_marks import critical_of
from pacs.portal.reports import verified_of
from pacs.portal.worklist import row_of
from pacs.reading.priors import priors
from pacs.reading.studies import find_study
from pacs.reporting.body import SECTIONS
from pacs.reporting.drafts import Report, create_draft, list_reports, read_report
from pacs.reporting.templates import list_templates
from pacs.reporting.versions import VERIFIED

router = APIRouter(prefix="/viewer")
Opener = Annotated[Scope, page_scope("launch.create")]
Writer = Annotated[Scope, page_scope("reports.write")]


@router.get("/{study}")
async def show_desk(request: Request, scope: Opener, study: str) -> Response:
    """The desk of a study, which is named by its code or its Study Instance UID."""
    found = find_study(services(), scope, study)
    reports = list_reports(services(), scope, found["code"])
    before = priors(services(), scope, found["code"])
    writes = may(scope, "reports.write")
    mine = bool(found["claimed_by"]) and found["claimed_by"]["id"] == scope.member_id
    own = open_report(scope, reports) if writes and (mine or found["state"] == "preliminary") else None
    shown = page(
        request,
        "desk.html",
        scope,
        study=row_of(found, services().clock.now()),
        images="" if services().settings.public_ohif_url else launch(request, scope, [found["study_instance_uid"]]),
        mine=mine,
        critical=critical_of(services(), scope, found),
        report=own,
        reports=[each for each in reports if not own or each["id"] != own["id"]],
        verified=VERIFIED,
        before=before,
        reported=verified_of(services(), scope, [each["study_instance_uid"] for each in before]),
        sections=SECTIONS,
        templates=templates_for(scope, found) if writes else [],
        proof=proof_of(scope),
        dictated=LANGUAGES if may(scope, "dictations.write") else (),
        modalities=MODALITIES,
    )
    return with_microphone(shown) if own else shown


@router.post("/{study}/report")
async def begin_report(
    request: Request, scope: Writer, study: str, template: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Begin a report of a study that one has claimed, from a template or from nothing."""
    try:
        template_id = str(UUID(template)) if template else ""
    except ValueError as error:
        raise BadRequest("choose a template", field="template") from error
    found = find_study(services(), scope, study)
    create_draft(services(), scope, found["code"], template_id=template_id, source_ip=client_address(request))
    return lead(request, f"/viewer/{found['code']}")


def open_report(scope: Scope, reports: list[Report]) -> Report | None:
    """What somebody goes on writing: their own draft, or a preliminary report, which is everybody's to verify."""
    own = [each for each in reports if each["state"] == "draft" and each["member_id"] == scope.member_id]
    for each in [*own, *(each for each in reports if each["state"] == "preliminary")]:
        return read_report(services(), scope, each["id"])
    return None


def templates_for(scope: Scope, study: dict[str, Any]) -> list[dict[str, Any]]:
    """Templates of the study's modalities, then those of every one."""
    found: dict[str, dict[str, Any]] = {}
    for modality in study["modalities"] or [""]:
        found |= {each["id"]: each for each in list_templates(services().database, scope, modality=modality)}
    return sorted(found.values(), key=lambda each: not each["modality"])


def proof_of(scope: Scope) -> str:
    """What signing asks of somebody: nothing, a `code` of the second factor, or the `password`."""
    if not services().settings.sign_again or not may(scope, "reports.sign"):
        return ""
    member = find_by_id(services().database, scope.member_id) if scope.member_id else None
    return "code" if member and member.totp_since else "password"
