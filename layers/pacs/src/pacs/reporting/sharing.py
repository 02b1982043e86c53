"""One verified report for somebody from outside, who has a link to it. Called by functions/shares.

A link with privacy shows the report without its patient: the head is empty, and in the body whatever the archive knows
of the patient is covered. A body is what somebody wrote, so that more than that cannot be promised.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape, unescape

from markupsafe import Markup

from pacs.dicom.text import fold
from pacs.errors import Conflict
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.body import sanitised
from pacs.reporting.documents import Document, document_of

COVER = "[…]"
NAMES = ("PatientName", "ReferringPhysicianName")
NUMBERS = ("PatientID", "IssuerOfPatientID", "AccessionNumber", "StudyID")
DATES = ("PatientBirthDate", "StudyDate")
WORD = re.compile(r"[^\W\d_]+")
TAG = re.compile(r"(<[^>]*>)")
SHORTEST = 3  # of a number that is covered: shorter ones are measures, too
PREFIX = 4  # letters of a name, behind which an ending may stand: Yılmaz, Yılmazın


def shareable(services: Services, scope: Scope, report_id: str) -> Document:
    """A report that its scope may share. Raises NotFound, Conflict when it is not verified."""
    document = document_of(services, scope, report_id)
    if not document.is_verified:
        raise Conflict("only a verified report is shared", field="report")
    return document


def shared(services: Services, organization_id: str, report_id: str, study: str, *, privacy: bool) -> Document:
    """A report as a link to it shows it. Raises NotFound."""
    document = document_of(services, Scope(organization_id, "system", studies=(study,)), report_id)
    return hidden(document) if privacy else document


def hidden(document: Document) -> Document:
    """The report of somebody of whom nobody is told."""
    names = {fold(word) for name in NAMES for word in WORD.findall(document.study[name])}
    known = known_values(document)
    parts = [
        replace(part, sections={name: covered(html, names, known) for name, html in part.sections.items()})
        for part in document.parts
    ]
    return replace(document, study=dict.fromkeys(document.study, ""), code="", parts=parts)


def marked_up(html: str) -> Markup:
    """A section as a page takes it: sanitised once more, so that a page never trusts what lies in a database."""
    return Markup(sanitised(html))  # noqa: S704


def known_values(document: Document) -> re.Pattern[str]:
    """The numbers of patient and study, and the dates in the forms in which people write them."""
    values = [document.study[name] for name in NUMBERS] + [document.code]
    values += [form for name in DATES for form in forms_of(document.study[name])]
    wanted = sorted({each for each in values if len(each) >= SHORTEST}, key=len, reverse=True)
    alternatives = "|".join(map(re.escape, wanted)) or r"(?!)"
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def forms_of(date: str) -> Iterator[str]:
    if len(date) == 8 and date.isdigit():
        year, month, day = date[:4], date[4:6], date[6:]
        yield date
        for mark in "./-":
            yield mark.join((day, month, year))
            yield mark.join((day.lstrip("0"), month.lstrip("0"), year))
            yield mark.join((year, month, day))


def covered(html: str, names: set[str], known: re.Pattern[str]) -> str:
    """Sanitised HTML in whose text nothing of this is said."""

    def cover(found: re.Match[str]) -> str:
        word = fold(found[0])
        ends = any(len(name) >= PREFIX and word.startswith(name) for name in names)
        return COVER if word in names or ends else found[0]

    pieces = TAG.split(html)
    for number in range(0, len(pieces), 2):
        text = known.sub(COVER, unescape(pieces[number]))
        pieces[number] = escape(WORD.sub(cover, text), quote=False)
    return "".join(pieces)
