"""Reports to read: the list of the verified ones, one of them, and what became of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from functions.pages.desk import proof_of
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import page
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.portal.reports import list_verified
from pacs.portal.worklist import row_of
from pacs.reading.studies import find_study
from pacs.reporting.body import SECTIONS
from pacs.reporting.drafts import read_report
from pacs.reporting.history import read_history
from pacs.reporting.versions import VERIFIED

router = APIRouter(prefix="/reports")
Reader = Annotated[Scope, page_scope("reports.read")]
Word = Annotated[str, Query(max_length=128)]
Number = Annotated[int | None, Query(ge=1)]


@router.get("")
async def show_reports(request: Request, scope: Reader, q: Word = "", new: bool = False, before: Word = "") -> Response:
    """Verified reports, those signed last first; with `new` those alone that one has not opened yet."""
    found = list_verified(services(), scope, words=q, only_new=new, before=before)
    return page(request, "reports.html", scope, found=found, q=q, new=new)


@router.get("/{report}")
async def show_report(request: Request, scope: Reader, report: UUID, done: Word = "") -> Response:
    """A report as it is now, with all that was signed."""
    found = read_report(services(), scope, str(report))
    deed = Deed("read-report", found["study_instance_uid"], subject=found["id"])
    record(services().database, scope, deed, source_ip=client_address(request))
    return page(
        request,
        "report.html",
        scope,
        report=found,
        study=row_of(find_study(services(), scope, found["code"]), services().clock.now()),
        verified=VERIFIED,
        sections=SECTIONS,
        proof=proof_of(scope),
        done=done,
    )


@router.get("/{report}/history")
async def show_history(
    request: Request, scope: Reader, report: UUID, before: Number = None, after: Number = None
) -> Response:
    """The versions of a report, and the words that changed between two of them."""
    found = read_history(services(), scope, str(report), before=before, after=after)
    return page(request, "report_history.html", scope, history=found, sections=SECTIONS)
