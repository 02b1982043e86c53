"""A dictated report as a file, in the formats that people take it away in. Called by functions/reports.

Nothing of it is signed, which a PDF says on every page.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import text

from pacs.dictation.dictations import Dictation
from pacs.dictation.rendering import as_docx, as_html, as_rtf, as_text
from pacs.errors import NotFound
from pacs.people.membership import find_by_id
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.body import plain
from pacs.reporting.documents import TAGS, Document
from pacs.reporting.versions import Version

Format = Literal["pdf", "docx", "rtf", "html", "txt"]
MEDIA_TYPES: dict[Format, str] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "rtf": "application/rtf",
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
NAME = text("select name from organizations where id = cast(:organization_id as uuid)")


def export(services: Services, scope: Scope, found: Dictation, format: Format) -> bytes:
    """The report as it is now. Raises NotFound while there is none."""
    if found.sections is None:
        raise NotFound("there is no report of this yet", field="dictation")
    if format == "pdf":
        from pacs.reporting.pdf import render_pdf  # with its fonts, half a second

        return render_pdf(document_of(services, scope, found, found.sections))
    said = ({name: plain(html) for name, html in found.sections.items()}, found.title, found.language)
    if format == "docx":
        return as_docx(*said)
    if format == "rtf":
        return as_rtf(*said).encode("ascii")
    if format == "txt":
        return as_text(*said).encode()
    head = f'<!doctype html>\n<html lang="{found.language}"><head><meta charset="utf-8"></head><body>'
    return f"{head}{as_html(*said)}</body></html>\n".encode()


def document_of(services: Services, scope: Scope, found: Dictation, sections: dict[str, str]) -> Document:
    """The report of no study, under its title."""
    author = find_by_id(services.database, scope.member_id)
    updated_at: datetime = found.updated_at
    name = author.name or author.email if author else ""
    part = Version(found.version, "draft", scope.member_id, name, updated_at, sections, "", "", "", "session")
    study = {**dict.fromkeys(TAGS, ""), "StudyDescription": found.title}
    [row] = services.database.fetch(NAME, {"organization_id": scope.organization_id})
    place = ("", found.language, "draft", study, "", row["name"], "", "", (part,))
    return Document(found.id, scope.organization_id, "", *place)
