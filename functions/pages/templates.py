"""Templates of reports: a list by modality and language, and the form in which one is written.

What is changed or deleted goes through functions/reports, as it does for programs.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from pacs.bootstrap import services
from pacs.dictation.dictations import known_modalities
from pacs.dictation.filling.placeholders import WRITTEN
from pacs.entry.browser import page_scope
from pacs.entry.portal import page
from pacs.people.scope import Scope
from pacs.portal.language import NAMES
from pacs.reporting.body import LANGUAGES, SECTIONS
from pacs.reporting.templates import Template, find_template, list_templates

router = APIRouter(prefix="/templates")
Reader = Annotated[Scope, page_scope("templates.read")]
Writer = Annotated[Scope, page_scope("templates.change")]
Code = Annotated[str, Query(max_length=16)]


@router.get("")
async def show_templates(request: Request, scope: Reader, modality: Code = "", language: Code = "") -> Response:
    """The templates of the organization, or those that fit a modality and a language."""
    return page(
        request,
        "templates.html",
        scope,
        found=list_templates(services().database, scope, modality=modality, language=language),
        modality=modality,
        language=language,
        modalities=known_modalities(list_templates(services().database, scope)),
    )


@router.get("/new")
async def show_new(request: Request, scope: Writer) -> Response:
    """The form for one more, empty."""
    return form_page(request, scope, {"id": "", "name": "", "modality": "", "language": "", "sections": {}})


@router.get("/{template}")
async def show_template(request: Request, scope: Writer, template: UUID) -> Response:
    """The form of one template."""
    return form_page(request, scope, find_template(services().database, scope, str(template)))


def form_page(request: Request, scope: Scope, template: Template) -> Response:
    return page(
        request,
        "template.html",
        scope,
        found=template,
        modalities=known_modalities([template]),
        written={each: NAMES[each] for each in LANGUAGES},
        sections=SECTIONS,
        places=WRITTEN,
    )
