"""Where does a template want a section, and what becomes of the place when there is none? Pure; of every format.

A placeholder is `{{NAME}}` or `{{NAME|what to write when the section is empty}}`. Without such words, an empty section
takes its line along when nothing but a label is left on it, and the label above it when nothing is left under that.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pacs.dictation.filling.pieces import Piece
from pacs.dictation.headings import WORDS
from pacs.reporting.body import SECTIONS

PLACEHOLDER = re.compile(r"\{\{([^{}|\n]{1,80})(?:\|([^{}\n]{0,1000}))?\}\}")
PLACES = {
    "bulgular": "findings",
    "sonuc": "impression",
    "izlenim": "impression",
    "teknik": "technique",
    "klinik": "clinical",
    "karsilastirma": "comparison",
}
# As people write them, by section.
WRITTEN = {name: [place.upper() for place, section in PLACES.items() if section == name] for name in SECTIONS}
HEADING = re.compile(r"h[1-6]")
WHOLE = re.compile(r"h[1-6]|p|li|div")  # elements that go when their only line goes
MOST_WORDS = 6  # of a label
NUMBERING = re.compile(r"^[\W\d_]+")


def folded(text: str) -> str:
    """Text without case and marks, for which i, ı, İ and I are one."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in parts if not unicodedata.combining(each)).replace("ı", "i")


NAMES: dict[str, set[str]] = {
    name: {place for place, section in PLACES.items() if section == name} for name in SECTIONS
}
for _words in WORDS.values():
    for _section, _word in zip(SECTIONS, _words, strict=True):
        NAMES[_section].add(folded(_word))


@dataclass(slots=True)
class Line:
    """Pieces from `start` up to `stop`, which ends the line or is the end of the template.

    `wanted` is the section that a placeholder without other words asked for in vain.
    """

    start: int
    stop: int
    wanted: str = ""
    gone: bool = False


def write(pieces: list[Piece], sections: Mapping[str, str], spell: Callable[[str], str]) -> tuple[str, ...]:
    """Write sections into the pieces of a template. Returns the names of unknown placeholders, each once."""
    unknown: dict[str, None] = {}
    lines = list(lines_of(pieces))
    for line in lines:
        owners = [at for at in range(line.start, line.stop) for _ in pieces[at].shown]
        for match in PLACEHOLDER.finditer(text_of(pieces, line)):
            name, otherwise = match[1].strip(), match[2]
            section = PLACES.get(folded(name))
            if section is None:
                unknown |= {name: None} if any(map(str.isalnum, name)) else {}
                continue
            text = sections.get(section, "") or (otherwise or "").strip()
            put(pieces, owners[match.start() : match.end()], text, spell(text) if text else "")
            if not text and otherwise is None:
                line.wanted = section
    remove(pieces, lines)
    return tuple(unknown)


def put(pieces: list[Piece], owners: list[int], shown: str, source: str) -> None:
    """Replace the first of the owners; the others go. What formats text between them stays."""
    for at in owners:
        pieces[at].source = pieces[at].shown = ""
    pieces[owners[0]].source, pieces[owners[0]].shown = source, shown


def lines_of(pieces: list[Piece]) -> Iterator[Line]:
    start = 0
    for at, piece in enumerate(pieces):
        if piece.ending:
            yield Line(start, at)
            start = at + 1
    yield Line(start, len(pieces))


def text_of(pieces: list[Piece], line: Line) -> str:
    return "".join(piece.shown for piece in pieces[line.start : line.stop])


def remove(pieces: list[Piece], lines: list[Line]) -> None:
    """Take away the lines that an empty section leaves without content, and the labels that stood above them."""
    kept = [line for line in lines if line.wanted or is_seen(pieces, line)]
    for line in kept:
        line.gone = bool(line.wanted) and is_label(text_of(pieces, line), empty=True)
    for first, after in runs(kept):
        heading = label_above(pieces, kept, first) if nothing_under(pieces, kept, after) else first
        for line in kept[heading:first]:
            line.gone = True
        before = heading == 0 or is_blank(pieces, kept[heading - 1])
        if before and after < len(kept) and is_blank(pieces, kept[after]):
            kept[after].gone = True
    for line in kept:
        if line.gone:
            take_away(pieces, line)


def is_seen(pieces: list[Piece], line: Line) -> bool:
    """Whether a reader sees a line there: blanks between two elements, or in an empty cell, make none."""
    return not is_blank(pieces, line) or (line.stop < len(pieces) and pieces[line.stop].ending == "line")


def is_blank(pieces: list[Piece], line: Line) -> bool:
    return not text_of(pieces, line).strip()


def is_label(text: str, *, empty: bool = False) -> bool:
    """Whether text is a few words and a colon, or (`empty`) nothing but the mark of an item."""
    body, colon, rest = NUMBERING.sub("", text).strip().partition(":")
    if not body and not colon:
        return empty and len(re.sub(r"[\W_]", "", text)) <= 2  # the number of an item, if anything
    return bool(colon) and not rest.strip() and is_short(body)


def is_short(body: str) -> bool:
    return 0 < len(body.split()) <= MOST_WORDS and not re.search(r"[.,;!?]", body)


def runs(lines: list[Line]) -> list[tuple[int, int]]:
    """First line of each run of lines that go, and the one after its last."""
    starts = [at for at, line in enumerate(lines) if line.gone and (at == 0 or not lines[at - 1].gone)]
    return [(at, next((to for to in range(at, len(lines)) if not lines[to].gone), len(lines))) for at in starts]


def nothing_under(pieces: list[Piece], lines: list[Line], after: int) -> bool:
    """Whether what stands there is none of what the label above was for: a blank line, another label, the end."""
    if after == len(lines):
        return True
    text = text_of(pieces, lines[after])
    label = text.partition(":")
    return not text.strip() or heads(pieces, lines[after]) or is_label(label[0] + label[1])


def label_above(pieces: list[Piece], lines: list[Line], first: int) -> int:
    """The index of the label that stands above a line, at most one blank line between them; else that of the line."""
    if not is_blank(pieces, lines[first]):
        return first  # it has had its own
    at = first - 1
    if at > 0 and is_blank(pieces, lines[at]):
        at -= 1
    if at < 0 or lines[at].gone:
        return first
    text = text_of(pieces, lines[at])
    named = folded(NUMBERING.sub("", text)).strip()
    by_name = is_short(text) and any(named.startswith(name) for name in NAMES[lines[first].wanted])
    return at if is_label(text) or by_name or heads(pieces, lines[at]) else first


def heads(pieces: list[Piece], line: Line) -> bool:
    """Whether HTML says that a line is a heading."""
    return line.start > 0 and HEADING.fullmatch(pieces[line.start - 1].tag) is not None


def take_away(pieces: list[Piece], line: Line) -> None:
    """What is seen of a line goes, and its end; an element of HTML that held nothing else goes whole."""
    opening = pieces[line.start - 1] if line.start else Piece("")
    closing = pieces[line.stop] if line.stop < len(pieces) else Piece("")
    if closing.tag == f"/{opening.tag}" and WHOLE.fullmatch(opening.tag):
        gone = pieces[line.start - 1 : line.stop + 1]
    else:
        gone = [piece for piece in pieces[line.start : line.stop] if piece.shown or piece is closing]
        gone += [closing] if closing.ending == "line" else []
    for piece in gone:
        piece.source = piece.shown = ""
