"""Templates in plain text. Pure."""

import re
from collections.abc import Iterable

from pacs.dictation.filling.pieces import Piece

TOKEN = re.compile(r"\r\n|.", re.DOTALL)


def read(template: str) -> list[Piece]:
    """Every character a piece; lines end with \\n, \\r\\n or \\r."""
    found = TOKEN.findall(template)
    return [Piece(each, "", "line") if each[0] in "\r\n" else Piece(each, each) for each in found]


def spell(text: str, language: str, newline: str) -> str:
    """Lines end as those of the template do."""
    return text.replace("\n", newline)


def join(pieces: Iterable[Piece]) -> str:
    """The source of a template."""
    return "".join(each.source for each in pieces)
