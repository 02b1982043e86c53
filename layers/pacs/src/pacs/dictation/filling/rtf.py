"""Templates in RTF, as Word, LibreOffice and the editors of hospital systems write them. Pure.

Only what a reader sees is text: no tables of fonts, no pictures, no instructions of fields. Characters come as they
are, as bytes of the code page of their font (`\\'fd`), or by number with a substitute (`\\u305?`).

Source: Rich Text Format Specification 1.9.1.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pacs.dictation.filling.pieces import Ending, Piece

TOKEN = re.compile(
    r"\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,9})? ?"
    r"|\\(?P<symbol>[^a-zA-Z])|(?P<group>[{}])|(?P<nothing>[\r\n]+|\\$)|(?P<letter>.)",
    re.DOTALL,
)
# Words that begin what is not text, beside everything that begins with \*; and those in it that are text after all.
HIDDEN = {"fonttbl", "colortbl", "stylesheet", "info", "pict", "sn", "sv", "xe", "tc", "filetbl", "objdata", "fldinst"}
TEXT_AFTER_ALL = {"shptxt", "result", "fldrslt"}
SYMBOLS = {"\\": "\\", "{": "{", "}": "}", "~": "\xa0", "_": "-"}
WORDS = {"tab": "\t", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“"}
WORDS |= {"rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " "}
ENDINGS: dict[str, Ending] = {"par": "line", "line": "line", "cell": "edge", "row": "edge", "nestcell": "edge"}
ENDINGS |= {"nestrow": "edge", "page": "edge", "sect": "edge", "column": "edge"}
CHARSETS = {0: "", 1: "", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257"}
CHARSETS |= {204: "cp1251", 222: "cp874", 238: "cp1250"}
LANGUAGES = {"tr": 1055, "en": 1033, "ru": 1049, "az": 1068, "fr": 1036, "de": 1031}
UNFINISHED = re.compile(r"\\[a-zA-Z]+-?[0-9]*\Z")


@dataclass(frozen=True)
class Group:
    """What holds within braces. `substitutes` is how many characters follow one that comes by number."""

    hidden: bool = False
    fonts: bool = False
    substitutes: int = 1
    font: int = -1


@dataclass
class Reader:
    """Goes through RTF, piece by piece."""

    pieces: list[Piece] = field(default_factory=list)
    group: Group = field(default_factory=Group)
    outer: list[Group] = field(default_factory=list)
    begins: bool = False  # right after a brace
    skip: int = 0  # substitutes that are still to come
    code_page: str = "cp1252"
    charsets: dict[int, str] = field(default_factory=dict)
    table_font: int = -1

    def take(self, token: re.Match[str]) -> None:
        source, begins, self.begins = token[0], self.begins, False
        if token["group"]:
            self.enter_or_leave(source)
        elif self.skip:
            self.skip -= 0 if token["nothing"] else 1
            self.pieces[-1].source += source
        elif token["nothing"]:
            self.begins = begins
            self.pieces.append(Piece(source))
        elif token["word"]:
            self.take_word(source, token["word"], int(token["number"] or 0), begins, bool(token["number"]))
        elif token["symbol"]:
            self.take_symbol(source, token["symbol"], begins)
        else:
            shown = token["letter"] or bytes.fromhex(token["byte"]).decode(self.codec(), "replace")
            self.show(source, shown)

    def enter_or_leave(self, brace: str) -> None:
        self.skip = 0
        if brace == "{":
            self.outer.append(self.group)
            self.begins = True
        elif self.outer:
            self.group = self.outer.pop()
        self.pieces.append(Piece(brace))

    def take_word(self, source: str, word: str, number: int, begins: bool, numbered: bool) -> None:
        if word == "u" and numbered:
            self.show(source, chr(number & 0xFFFF))
            self.skip = self.group.substitutes
        elif word in ENDINGS and not self.group.hidden:
            self.pieces.append(Piece(source, "", ENDINGS[word]))
        else:
            self.show(source, WORDS.get(word, ""))
            self.set(word, number, begins)

    def set(self, word: str, number: int, begins: bool) -> None:
        """What a word changes for what comes after it."""
        if begins and word in HIDDEN:
            self.group = replace(self.group, hidden=True, fonts=word == "fonttbl")
        elif word in TEXT_AFTER_ALL:
            self.group = replace(self.group, hidden=False)
        elif word == "uc":
            self.group = replace(self.group, substitutes=max(0, min(number, 8)))
        elif word == "ansicpg":
            self.code_page = known(f"cp{number}") or self.code_page
        elif word == "f" and self.group.fonts:
            self.table_font = number
        elif word == "fcharset" and self.group.fonts:
            self.charsets[self.table_font] = CHARSETS.get(number, "cp1252")
        elif word in ("f", "plain"):
            self.group = replace(self.group, font=number if word == "f" else -1)

    def take_symbol(self, source: str, symbol: str, begins: bool) -> None:
        if symbol == "*" and begins:
            self.begins = True
            self.group = replace(self.group, hidden=True)
        if symbol in "\r\n" and not self.group.hidden:
            self.pieces.append(Piece(source, "", "line"))
        else:
            self.show(source, SYMBOLS.get(symbol, ""))

    def show(self, source: str, shown: str) -> None:
        seen = "" if self.group.hidden or shown in "\r\n" else shown
        self.pieces.append(Piece(source, seen))

    def codec(self) -> str:
        return self.charsets.get(self.group.font) or self.code_page


def read(template: str) -> list[Piece]:
    """The pieces of RTF, whether or not it is well made."""
    reader = Reader()
    for token in TOKEN.finditer(template):
        reader.take(token)
    return reader.pieces


def known(codec: str) -> str:
    """The name itself when Python knows such a code page of single bytes, else ""."""
    try:
        return codec if len(b"aa".decode(codec)) == 2 and codecs.lookup(codec) else ""
    except (LookupError, UnicodeError):
        return ""


def spell(text: str, language: str, newline: str) -> str:
    """Text as RTF, in a group of its own: what comes before and after it keeps its meaning."""
    named = f"\\lang{LANGUAGES[language]}" if language in LANGUAGES else ""
    return f"{{\\uc1{named} {escaped(text)}}}"


def escaped(text: str) -> str:
    """Text in ASCII, where one substitute (`\\uc1`) follows what comes by number."""
    return "".join(map(letter, text))


def letter(each: str) -> str:
    if each in "\\{}":
        return f"\\{each}"
    if each in "\n\t":
        return "\\par " if each == "\n" else "\\tab "
    if each.isascii():
        return each
    units = each.encode("utf-16-le")
    numbers = [int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2)]
    return "".join(f"\\u{number}?" for number in numbers)


def join(pieces: Iterable[Piece]) -> str:
    """The source of a template. Where something went, a blank keeps a word from going on in what comes next."""
    made: list[str] = []
    seam = False
    for piece in pieces:
        if not piece.source:
            seam = True
            continue
        if seam and made and UNFINISHED.search(made[-1]) and (piece.source[0].isalnum() or piece.source[0] in " -"):
            made.append(" ")
        made.append(piece.source)
        seam = False
    return "".join(made)
