"""Reports of a study: drafts, signatures, addenda, their history and documents."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.entry.observability import logger
from pacs.errors import PacsError, answer_for
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.reporting import drafts, publishing, signing
from pacs.reporting.history import read_history

router = APIRouter(prefix="/api")
NO_STORE = {"Cache-Control": "no-store"}
Number = Annotated[int | None, Query(ge=1)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewReport(Body):
    template_id: UUID | None = None
    sections: dict[str, str] | None = None
    language: str = "tr"


class Saved(Body):
    version: int = Field(ge=1)
    sections: dict[str, str]


class Read(Body):
    version: int = Field(ge=1)


class Signed(Read):
    password: str = Field("", max_length=512)
    code: str = Field("", max_length=16)


class Addendum(Signed):
    sections: dict[str, str]


@router.get("/studies/{code}/reports")
async def list_reports(scope: CurrentScope, code: str) -> list[dict[str, Any]]:
    """The reports of a study that the caller may see, the verified one first."""
    return drafts.list_reports(services(), scope, code)


@router.post("/studies/{code}/reports", status_code=201)
async def create_report(request: Request, scope: CurrentScope, code: str, asked: NewReport) -> dict[str, Any]:
    """Begin a report of a study that the caller has claimed."""
    return drafts.create_draft(
        services(),
        scope,
        code,
        sections=asked.sections,
        template_id=str(asked.template_id or ""),
        language=asked.language,
        source_ip=client_address(request),
    )


@router.get("/reports/{report}")
async def read_report(request: Request, scope: CurrentScope, report: UUID) -> dict[str, Any]:
    """A report as it is now, with what of it is signed."""
    found = drafts.read_report(services(), scope, str(report))
    deed = Deed("read-report", found["study_instance_uid"], subject=found["id"])
    record(services().database, scope, deed, source_ip=client_address(request))
    return found


@router.put("/reports/{report}")
async def save_report(scope: CurrentScope, report: UUID, asked: Saved) -> dict[str, Any]:
    """Save a draft over the version that was read; 409 when somebody has saved since."""
    return drafts.save_draft(services(), scope, str(report), asked.version, asked.sections)


@router.post("/reports/{report}/preliminary")
async def make_preliminary(request: Request, scope: CurrentScope, report: UUID, asked: Read) -> dict[str, Any]:
    """Tell others that a draft is ready to be verified."""
    return drafts.make_preliminary(services(), scope, str(report), asked.version, source_ip=client_address(request))


@router.post("/reports/{report}/sign")
async def sign_report(request: Request, scope: CurrentScope, report: UUID, asked: Signed) -> dict[str, Any]:
    """Verify and sign; then its documents are stored into the study (`stored` says whether that went well)."""
    again, address = signing.Again(asked.password, asked.code), client_address(request)
    signed = signing.sign_report(services(), scope, str(report), asked.version, again, source_ip=address)
    return {**signed, "stored": store(scope, signed["id"], address)}


@router.post("/reports/{report}/addendum")
async def add_addendum(request: Request, scope: CurrentScope, report: UUID, asked: Addendum) -> dict[str, Any]:
    """Sign something more; what was verified stays as it is."""
    again, address = signing.Again(asked.password, asked.code), client_address(request)
    signed = signing.add_addendum(
        services(), scope, str(report), asked.version, asked.sections, again, source_ip=address
    )
    return {**signed, "stored": store(scope, signed["id"], address)}


@router.post("/reports/{report}/documents")
async def store_documents(request: Request, scope: CurrentScope, report: UUID) -> dict[str, Any]:
    """Store the documents of a verified report into its study, when that failed before. Safe to repeat."""
    stored = publishing.store_documents(services(), scope, str(report), source_ip=client_address(request))
    return {"instances": stored}


@router.post("/reports/{report}/send")
async def send_report(request: Request, scope: CurrentScope, report: UUID) -> dict[str, Any]:
    """Tell the centre by e-mail that a verified report is there."""
    sent = publishing.send_to_centre(
        services(), services().mailer, scope, str(report), source_ip=client_address(request)
    )
    return {"sent_to": sent}


@router.get("/reports/{report}/history")
async def show_history(
    scope: CurrentScope, report: UUID, before: Number = None, after: Number = None
) -> dict[str, Any]:
    """The versions of a report, and the words that changed between two of them."""
    return read_history(services(), scope, str(report), before=before, after=after)


@router.get("/reports/{report}/pdf")
async def show_pdf(request: Request, scope: CurrentScope, report: UUID) -> Response:
    """The report as PDF."""
    body = publishing.report_pdf(services(), scope, str(report), source_ip=client_address(request))
    headers = {**NO_STORE, "Content-Disposition": f'inline; filename="{report}.pdf"'}
    return Response(body, headers=headers, media_type="application/pdf")


def store(scope: Scope, report_id: str, address: str) -> bool:
    """Whether the documents lie in the study. A signature stands without them: they can be stored again."""
    try:
        publishing.store_documents(services(), scope, report_id, source_ip=address)
    except PacsError as error:
        logger().error("documents not stored", report_id=report_id, code=answer_for(error).code)
        return False
    return True
