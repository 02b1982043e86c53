"""Where people dictate: record, send or type, go on with the report that comes of it, and find it again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from pacs.bootstrap import services
from pacs.dictation import dictations
from pacs.dictation.requests import LANGUAGES
from pacs.entry.browser import page_scope
from pacs.entry.portal import page
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.portal.language import NAMES
from pacs.portal.pages import HEADERS, recording
from pacs.reading.uploads import parts_origin
from pacs.reporting.body import SECTIONS
from pacs.reporting.credits import read_balance
from pacs.reporting.templates import list_templates

router = APIRouter(prefix="/dictate")
Word = Annotated[str, Query(max_length=128)]
Dictator = Annotated[Scope, page_scope("dictations.write")]
FORMATS = ("pdf", "docx", "rtf", "html", "txt")


@router.get("")
async def show_dictations(request: Request, scope: Dictator, q: Word = "", before: Word = "") -> Response:
    """A recorder, a place for files and one for words; below it what one has dictated so far."""
    found = dictations.list_dictations(services(), scope, words=q, before=before)
    shown = page(
        request,
        "dictate.html",
        scope,
        found=found,
        q=q,
        older=found[-1]["created_at"].isoformat() if len(found) == dictations.PAGE else "",
        balance=read_balance(services().database, scope),
        templates=list_templates(services().database, scope),
        modalities=dictations.MODALITIES,
        spoken={each: NAMES[each] for each in LANGUAGES},
    )
    return with_microphone(shown)


@router.get("/{dictation}")
async def show_dictation(request: Request, scope: Dictator, dictation: UUID) -> Response:
    """One dictation: how far it is, or its report beside what was said."""
    found = dictations.read(services(), scope, str(dictation))
    made = dictations.made_of(services(), scope, found.id) if found.sections is not None else {}
    if found.sections is not None:
        record(services().database, scope, Deed("read-report", subject=f"dictation {found.id}"))
    shown = page(
        request,
        "dictation.html",
        scope,
        dictation=found,
        sections=SECTIONS,
        sentences=made.get("sentences", []),
        warnings=made.get("warnings", []),
        template_name=made.get("templateName") or "",
        formats=FORMATS,
    )
    return with_microphone(shown)


def with_microphone(response: Response) -> Response:
    """The page may record, send recordings to the store, and play them."""
    response.headers.update(recording(HEADERS, parts_origin(services())))
    return response
