"""What a report says: five sections of sanitised HTML, and what is made of them. Pure; used by the whole room.

Bodies come from browsers, speech and machines alike, so all of them pass `checked`: only words, lines, lists and plain
emphasis are left, without any attribute. Headings and table rows become lines.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Literal, get_args

import nh3

from pacs.errors import BadRequest

Section = Literal["clinical", "technique", "comparison", "findings", "impression"]
Language = Literal["tr", "en", "ru", "az", "fr", "de", "fa", "ar"]
Sections = Mapping[str, str]
SECTIONS: tuple[Section, ...] = get_args(Section)  # in the order in which they are read
LANGUAGES: tuple[Language, ...] = get_args(Language)
RIGHT_TO_LEFT: tuple[Language, ...] = ("fa", "ar")

LONGEST = 40_000
# A row of the Data API holds 64 KB.
MOST_BYTES = 40_000
TAGS = {"p", "br", "b", "strong", "i", "em", "u", "s", "sub", "sup", "ul", "ol", "li"}
# What is inside these is no text of a report.
DROPPED = {"script", "style", "title", "textarea", "noscript", "noembed", "noframes", "iframe", "xmp", "template"}
DROPPED |= {"object", "svg", "math", "select"}
# Without this line of it `title` and `lang` would be let through.
NONE: dict[str, set[str]] = {"*": set()}
HEADING, ROW, CELL = r"h[1-6]", r"(?:div|tr|table|tbody|thead|blockquote|section|article|pre)", r"t[dh]"
LINES = (
    (re.compile(rf"<{HEADING}\b[^>]*>", re.IGNORECASE), "<p><b>"),
    (re.compile(rf"</{HEADING}\s*>", re.IGNORECASE), "</b></p>"),
    (re.compile(rf"<{ROW}\b[^>]*>", re.IGNORECASE), "<p>"),
    (re.compile(rf"</{ROW}\s*>", re.IGNORECASE), "</p>"),
    (re.compile(rf"<{CELL}\b[^>]*>", re.IGNORECASE), ""),
    (re.compile(rf"</{CELL}\s*>", re.IGNORECASE), " "),
)
NOTHING = re.compile(r"<p>\s*(?:<b>\s*</b>)?\s*</p>")
STYLES = {"b": "B", "strong": "B", "i": "I", "em": "I", "u": "U"}
RAISED = {"sup": str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"), "sub": str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")}
# Characters that XML and PDF know nothing of.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
PLACEHOLDER = re.compile(r"\{\{\s*\w+\s*(?:\|[^{}\n]*)?\}\}")


def checked(sections: Mapping[str, Any]) -> dict[str, str]:
    """All five sections, sanitised. Raises BadRequest, naming the section, for unknown or far too long ones."""
    for name, value in sections.items():
        if name not in SECTIONS:
            raise BadRequest(f"sections are {', '.join(SECTIONS)}", field=f"sections.{name[:40]}")
        if not isinstance(value, str) or len(value) > LONGEST:
            raise BadRequest(f"a section is text of at most {LONGEST} characters", field=f"sections.{name}")
    made: dict[str, str] = {name: sanitised(sections.get(name, "")) for name in SECTIONS}
    if sum(len(html.encode()) for html in made.values()) > MOST_BYTES:
        raise BadRequest(f"a report has at most {MOST_BYTES} bytes", field="sections")
    return made


def sanitised(html: str) -> str:
    """HTML with nothing in it but words, lines, lists and emphasis. Safe to repeat: it is left as it is then."""
    text = CONTROL.sub("", html)
    for pattern, replacement in LINES:
        text = pattern.sub(replacement, text)
    cleaned = nh3.clean(text, tags=TAGS, clean_content_tags=DROPPED, attributes=NONE, url_schemes=set(), link_rel=None)
    return NOTHING.sub("", cleaned).strip()


def checked_language(language: str) -> str:
    """The language itself. Raises BadRequest."""
    if language not in LANGUAGES:
        raise BadRequest(f"languages are {', '.join(LANGUAGES)}", field="language")
    return language


@dataclass
class Line:
    """A paragraph or an item of a list, as pieces of text with their style: of the letters B, I and U, or none."""

    depth: int
    pieces: list[tuple[str, str]]

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.pieces).rstrip()


class Lines(HTMLParser):
    """Gathers the lines of sanitised HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines = [Line(0, [])]
        self.marks = 0  # pieces of the last line that are the mark of an item
        self.open: list[str] = []
        self.numbers: list[int] = []  # of open lists: the last number, or -1 without numbers

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("ul", "ol"):
            self.numbers.append(0 if tag == "ol" else -1)
        if tag in ("p", "br", "li", "ul", "ol"):
            self.break_line()
        if tag == "li":
            numbered = bool(self.numbers) and self.numbers[-1] >= 0
            if numbered:
                self.numbers[-1] += 1
            self.lines[-1] = Line(len(self.numbers), [("", f"{self.numbers[-1]}. " if numbered else "- ")])
            self.marks = 1
        if tag in STYLES or tag in RAISED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)
        if tag in ("ul", "ol") and self.numbers:
            self.numbers.pop()
        if tag in ("p", "li", "ul", "ol"):
            self.break_line()
        if tag == "li" and self.marks:
            self.lines.pop()  # there was nothing but its mark
            self.begin_line()

    def handle_data(self, data: str) -> None:
        words = re.sub(r"\s+", " ", data)
        for tag in self.open:
            words = words.translate(RAISED.get(tag, {}))
        pieces = self.lines[-1].pieces
        style = "".join(sorted({STYLES[tag] for tag in self.open if tag in STYLES}))
        pieces.append((style, words if pieces else words.lstrip()))

    def break_line(self) -> None:
        last = self.lines[-1]
        if any(text.strip() for _, text in last.pieces[self.marks :]):
            self.begin_line()
        elif not self.marks:
            last.depth = len(self.numbers)

    def begin_line(self) -> None:
        self.lines.append(Line(len(self.numbers), []))
        self.marks = 0


def lines_of(html: str) -> list[Line]:
    """The lines of sanitised HTML. Raised and lowered digits are characters of their own: 10³ is not 103."""
    parser = Lines()
    parser.feed(html)
    parser.close()
    return [line for line in parser.lines if line.text.strip()]


def plain(html: str) -> str:
    """The text of sanitised HTML: a line for each paragraph and item."""
    return "\n".join(line.text for line in lines_of(html))


def require_words(sections: Sections) -> None:
    """Raises BadRequest for what nobody should sign: nothing at all, or a placeholder that was never filled in."""
    if not any(plain(html) for html in sections.values()):
        raise BadRequest("the report is empty", field="sections")
    for name, html in sections.items():
        if PLACEHOLDER.search(plain(html)):
            raise BadRequest("a placeholder of the template is not filled in", field=f"sections.{name}")


def digest(facts: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of facts in their one canonical form: JSON in UTF-8, names sorted, no white space."""
    canonical = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


# People read it to one another: no 0, O, 1, I, L or U.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def verification_code(digest: str) -> str:
    """Twelve characters that stand for a digest, in groups of four: `7K2M-99AB-QRST`."""
    number, code = int(digest, 16), ""
    for _ in range(12):
        number, rest = divmod(number, len(ALPHABET))
        code += ALPHABET[rest]
    return "-".join(code[start : start + 4] for start in range(0, 12, 4))
