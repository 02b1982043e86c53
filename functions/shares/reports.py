"""The one report that a link shows, to whoever was let in by it: as a page, and as PDF when it may be downloaded."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from pacs.archive.shared import covered_studies
from pacs.bootstrap import services
from pacs.entry.http import client_address
from pacs.errors import NotFound, TokenExpired, Unauthenticated, answer_for
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.reporting.body import RIGHT_TO_LEFT, SECTIONS, plain
from pacs.reporting.documents import Document, facts, headings
from pacs.reporting.sharing import marked_up, shared
from pacs.viewing.share_page import Notice, ReportPart, Shown, ShownReport, page_language, report_page, share_page
from pacs.viewing.shares import Share, opened_share

router = APIRouter()


@router.get("/share/report")
async def show_report(request: Request, token: str = "", lang: str = "") -> Response:
    """The report, for as long as its link goes on."""
    language = page_language(lang, request.headers.get("accept-language", ""))
    try:
        share, document = opened(token)
    except (Unauthenticated, TokenExpired, NotFound) as error:
        notice: Notice = "expired" if isinstance(error, TokenExpired) else "unknown"
        refused = share_page(Shown("", notice, report=True), language)
        return Response(refused.html, answer_for(error).http_status, refused.headers, media_type="text/html")
    pdf = f"/share/report.pdf?token={quote(token)}" if share.may_download else ""
    made = report_page(shown(document, pdf, private=share.privacy), language)
    return Response(made.html, 200, made.headers, media_type="text/html")


@router.get("/share/report.pdf")
async def download_report(request: Request, token: str = "") -> Response:
    """The report as PDF. Raises NotFound when the link may not download."""
    from pacs.reporting.pdf import render_pdf  # brings what draws letters, which the page does without

    share, document = opened(token)
    if not share.may_download:
        raise NotFound("this link lets nobody download")
    visitor = Scope(share.organization_id, "share", session_id=share.id)
    deed = Deed("share-view", document.study_instance_uid, subject=f"{share.id}: pdf")
    record(services().database, visitor, deed, source_ip=client_address(request))
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{document.report_id}.pdf"'}
    return Response(render_pdf(document), headers=headers, media_type="application/pdf")


def opened(token: str) -> tuple[Share, Document]:
    """What a token opens. Raises Unauthenticated, TokenExpired, and NotFound when its maker may not see it any more."""
    scope = services().tokens.verify(token, "share")
    share = opened_share(services().database, scope.session_id, services().clock.now())
    seen = covered_studies(services().database, share.organization_id, share.member_id, share.studies)
    if not seen or not share.report_id:
        raise NotFound("this link shows nothing any more")
    document = shared(services(), share.organization_id, share.report_id, seen[0], privacy=share.privacy)
    return share, document


def shown(document: Document, pdf: str, *, private: bool) -> ShownReport:
    """What its page says of a document."""
    terms = headings(document.language)
    parts = [
        ReportPart(
            terms["addendum"] if part.kind == "addendum" else "",
            [(terms[name], marked_up(part.sections[name])) for name in SECTIONS if plain(part.sections.get(name, ""))],
            f"{terms['signed']}: {part.author}, {part.at:%d.%m.%Y %H:%M} UTC · {terms['verification']}: {part.code}",
        )
        for part in document.parts
    ]
    lines = (document.organization, document.branch, *document.letterhead.splitlines())
    centre = list(dict.fromkeys(filter(None, lines)))
    right_to_left = document.language in RIGHT_TO_LEFT
    return ShownReport(terms["title"], document.language, right_to_left, centre, facts(document), parts, private, pdf)
