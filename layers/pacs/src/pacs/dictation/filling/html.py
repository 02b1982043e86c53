"""Templates in HTML: sanitised, with their formatting kept. Pure."""

import re
from collections.abc import Iterable
from html import escape, unescape

import nh3

from pacs.dictation.filling.pieces import Piece
from pacs.reporting.body import CONTROL, DROPPED

BLOCKS = {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "hr"}
BLOCKS |= {"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "section", "article", "header", "footer"}
BLOCKS |= {"center", "figure", "address"}
INLINE = {"b", "strong", "i", "em", "u", "s", "strike", "del", "ins", "sub", "sup", "small", "big", "span", "font"}
INLINE |= {"br", "code", "mark", "img", "col", "colgroup"}
ATTRIBUTES = {
    "*": {"style", "class", "align", "valign", "dir", "lang", "title"},
    "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "height", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "height", "bgcolor"},
    "col": {"span", "width"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "img": {"src", "alt", "width", "height"},
}
STYLES = {"text-align", "text-decoration", "text-indent", "text-transform", "font-weight", "font-style", "font-size"}
STYLES |= {"font-family", "font", "color", "background-color", "line-height", "letter-spacing", "white-space", "width"}
STYLES |= {"height", "vertical-align", "border-collapse", "page-break-before", "page-break-after", "list-style-type"}
STYLES |= {f"{name}{side}" for name in ("margin", "padding", "border") for side in ("", "-top", "-bottom")}
STYLES |= {f"{name}{side}" for name in ("margin", "padding", "border") for side in ("-left", "-right")}
# Logos may come with the template; nothing is loaded from elsewhere.
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*")
TOKEN = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:[^<>"]|"[^"]*")*>|&[#\w]+;|.""", re.DOTALL)


def sanitised(template: str) -> str:
    """HTML that says what it said and does nothing: no scripts, links or addresses, styles of words and boxes only."""
    return nh3.clean(
        CONTROL.sub("", template),
        tags=BLOCKS | INLINE,
        clean_content_tags=DROPPED,
        attributes=ATTRIBUTES,
        attribute_filter=kept,
        filter_style_properties=STYLES,
        url_schemes={"data"},
        link_rel=None,
    )


def kept(tag: str, name: str, value: str) -> str | None:
    return None if name == "src" and not PICTURE.fullmatch(value) else value


def read(template: str) -> list[Piece]:
    """The pieces of a template, sanitised. White space is blank, but in <pre> it is lines."""
    pieces, preformatted = [], 0
    for token in TOKEN.finditer(sanitised(template)):
        source, tag = token[0], (token[2] or "").lower()
        if tag == "pre":
            preformatted += -1 if token[1] else 1
        if tag == "br":
            pieces.append(Piece(source, "", "line"))
        elif tag:
            pieces.append(Piece(source, "", "edge", token[1] + tag) if tag in BLOCKS else Piece(source))
        elif source == "\n" and preformatted > 0:
            pieces.append(Piece(source, "", "line"))
        else:
            pieces.append(Piece(source, re.sub(r"[\r\n]", " ", unescape(source))))
    return pieces


def spell(text: str, language: str, newline: str) -> str:
    """Text as HTML, its lines broken."""
    return escape(text, quote=False).replace("\n", "<br>")


def join(pieces: Iterable[Piece]) -> str:
    """The source of a template."""
    return "".join(each.source for each in pieces)
