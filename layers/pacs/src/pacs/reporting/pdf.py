"""A report as PDF, with the centre's letterhead, in Latin, Cyrillic and Arabic letters. Imported when one is made.

Fira Sans and IBM Plex Sans Arabic are embedded, as far as they are used; HarfBuzz joins and orders the letters.
"""

from unicodedata import bidirectional

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from pacs.dicom.lettering import LATIN, arabic_font, latin_font
from pacs.reporting.body import RIGHT_TO_LEFT, SECTIONS, lines_of, plain
from pacs.reporting.documents import Document, facts, headings
from pacs.reporting.versions import Version

FONT, FALLBACK = "Fira", "Plex"
MARGIN_MM = 18
Colour = tuple[int, int, int]
GREY, BLACK, RED = (110, 110, 110), (0, 0, 0), (170, 0, 0)


def render_pdf(document: Document) -> bytes:
    """The PDF of a report; what is not verified says so on every page. The same document makes the same bytes."""
    page = ReportPdf(document)
    page.add_page()
    page.table_of_study()
    for part in document.parts:
        page.part(part)
    return bytes(page.output())


class ReportPdf(FPDF):
    """Pages of one report."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.report = document
        self.terms = headings(document.language)
        self.right_to_left = document.language in RIGHT_TO_LEFT
        for style in LATIN:
            self.add_font(FONT, style, latin_font(style))
            self.add_font(FALLBACK, style, arabic_font(style))
        self.set_fallback_fonts([FALLBACK])
        self.set_text_shaping(True)
        self.set_margin(MARGIN_MM)
        self.set_auto_page_break(True, margin=24)
        self.set_creation_date(document.last.at)
        self.set_title(self.terms["title"])
        self.set_author(document.last.author)
        self.set_lang(document.language)

    @property
    def side(self) -> str:
        return "R" if self.right_to_left else "L"

    def say(self, words: str, *, size: float = 10, style: str = "", colour: Colour = BLACK, align: str = "") -> None:
        """A paragraph of plain text over the whole width."""
        self.set_font(FONT, style, size)
        self.set_text_color(*colour)
        self.multi_cell(0, size * 0.5, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align=align or self.side)
        self.set_text_color(*BLACK)

    def header(self) -> None:
        report = self.report
        self.say(report.organization, size=14, style="B")
        lines = [line for line in (report.branch, *report.letterhead.splitlines()) if line]
        for line in lines:
            self.say(line, size=9, colour=GREY)
        if not self.report.is_verified:
            self.say(self.terms["draft"], size=11, style="B", colour=RED)
        self.rule()

    def rule(self) -> None:
        self.ln(1)
        self.set_draw_color(*GREY)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(3)

    def footer(self) -> None:
        self.set_y(-17)
        code = f"{self.terms['verification']}: {self.report.last.code}   " if self.report.is_verified else ""
        self.say(f"{code}{self.report.code}   {self.page_no()}", size=8, colour=GREY, align="C")

    def table_of_study(self) -> None:
        self.say(self.terms["title"], size=15, style="B")
        self.ln(1)
        for name, value in facts(self.report):
            self.say(f"{name}: {value}", size=10)
        self.rule()

    def part(self, part: Version) -> None:
        """The sections of one version, and who signed it."""
        if part.kind == "addendum":
            self.say(self.terms["addendum"], size=13, style="B")
        for name in SECTIONS:
            if plain(part.sections.get(name, "")):
                self.say(self.terms[name], size=11, style="B")
                self.body(part.sections[name])
                self.ln(2)
        if part.signed:
            at = f"{part.at:%d.%m.%Y %H:%M} UTC"
            self.say(f"{self.terms['signed']}: {part.author}, {at}", size=10, style="B")
            self.say(f"{self.terms['verification']}: {part.code}", size=9)
            self.say(f"SHA-256 {part.digest}", size=7, colour=GREY, align="L")
            self.ln(3)

    def body(self, html: str) -> None:
        """Sanitised HTML, line by line. A line with right-to-left letters is laid out as a whole, without emphasis:
        only so are words of both directions sure to stand in their order.
        """
        for line in lines_of(html):
            self.set_left_margin(MARGIN_MM + 5 * line.depth)
            if any(bidirectional(letter) in ("R", "AL") for letter in line.text):
                self.set_left_margin(MARGIN_MM)
                self.say(line.text, size=10.5)
            elif self.right_to_left:
                self.say(line.text, size=10.5, align="L")
            else:
                for style, words in line.pieces:
                    self.set_font(FONT, style, 10.5)
                    self.write(5.3, words)
                self.ln(5.8)
        self.set_left_margin(MARGIN_MM)
        self.set_x(MARGIN_MM)
