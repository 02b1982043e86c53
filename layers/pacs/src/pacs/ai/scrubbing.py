"""What of a free text may leave the house? Words of the trade and small numbers; nothing that names anybody. Pure.

Called by context, for descriptions that devices and people have written. Whatever else stands in them may be a name, a
number of a patient, a date or a telephone: in doubt it is left out.

Source: PS3.15 §E.3.5 (Clean Descriptors Option)
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from pacs.ai.words import is_known
from pacs.dicom.text import fold

LONGEST = 160  # letters of a text that is told
MAIL = re.compile(r"\S*@\S*")
PIECE = re.compile(r"\d+|[^\W\d_]+")
MARKS = re.compile(r"[^-+/.,&:; ]")
APOSTROPHES = frozenset(("", "'", "’", "ʼ", "`", "´"))  # behind a name stands an ending
DIGITS_TOGETHER = 4  # a year, a room, an extension: no thickness has so many
DAYS = 31
DIGITS_IN_A_ROW = 6  # with marks and blanks between them: a telephone, a date, a number that was parted
SHORTEST_WORD, SHORTEST_NUMBER = 2, 3  # of an identifier: T1 is not the study with the number 1
CONTAINED = 4  # letters and digits of an identifier that is also found inside of words
LONGEST_MATCH = 24  # pieces of a text that are put together to be compared
UNNAMED = 2  # letters of a word that needs not be known: CT, ax, T2
MONTHS = frozenset(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
# With a number before them these are dates and ages.
COUNTED = MONTHS | {"y", "yo", "yr", "ya"}


@dataclass(frozen=True)
class Piece:
    """Letters, or digits, of one word: pieces with nothing between them, or an apostrophe, have the same `word`."""

    start: int
    end: int
    word: int
    key: str

    @property
    def is_number(self) -> bool:
        return self.key.isdigit()


def scrubbed(text: str, identifiers: Iterable[str]) -> str:
    """A text without what names anybody. `identifiers`: what is known of the study's people, numbers and places."""
    plain = normal(text)
    pieces = pieces_of(plain)
    out = named(pieces, keys_of(identifiers)) | numbered(pieces)
    out |= {each.word for each in pieces if not is_told(each, plain)}
    return joined(plain, pieces, besides(pieces, out))[:LONGEST].strip()


def normal(text: str) -> str:
    """Composed, without marks that join nothing and letters that nobody sees, with the digits that all can read."""
    composed = MAIL.sub(" ", unicodedata.normalize("NFKC", text))
    shown = (" " if unicodedata.category(each) == "Cc" else each for each in composed)
    kept = (each for each in shown if unicodedata.category(each) not in ("Mn", "Me", "Mc", "Cf", "Co", "Cs", "Cn"))
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in kept)


def pieces_of(plain: str) -> list[Piece]:
    found: list[Piece] = []
    for match in PIECE.finditer(plain):
        joins = bool(found) and plain[found[-1].end : match.start()] in APOSTROPHES
        word = (found[-1].word + (not joins)) if found else 0
        found.append(Piece(match.start(), match.end(), word, fold(match[0])))
    return found


def keys_of(identifiers: Iterable[str]) -> frozenset[str]:
    """Identifiers as they are compared: as a whole without what parts them, and each of their words."""
    found = set()
    for each in identifiers:
        words = ["".join(keys) for _, keys in words_of(pieces_of(normal(each)))]
        found |= {"".join(words), *words}
    return frozenset(each for each in found if len(each) >= (SHORTEST_NUMBER if each.isdigit() else SHORTEST_WORD))


def words_of(pieces: Sequence[Piece]) -> list[tuple[int, list[str]]]:
    """The pieces of each word, as they are compared."""
    return [(word, [each.key for each in members]) for word, members in groupby(pieces, key=lambda each: each.word)]


def named(pieces: Sequence[Piece], keys: frozenset[str]) -> set[int]:
    """The words that are an identifier, that hold one, or that are one together with their neighbours."""
    out: set[int] = set()
    longest = max(map(len, keys), default=0)
    held = [each for each in keys if len(each) >= CONTAINED]
    for first in range(len(pieces)):
        together = ""
        for last in range(first, min(first + LONGEST_MATCH, len(pieces))):
            together += pieces[last].key
            if len(together) > longest:
                break
            if together in keys:
                out |= {each.word for each in pieces[first : last + 1]}
    return out | {word for word, keys in words_of(pieces) if any(each in "".join(keys) for each in held)}


def numbered(pieces: Sequence[Piece]) -> set[int]:
    """The words of which a number is too long, or that are a date or a telephone together."""
    out = {each.word for each in pieces if each.is_number and each.end - each.start >= DIGITS_TOGETHER}
    for row in rows_of_numbers(pieces):
        digits = sum(len(each.key) for each in row)
        if digits >= DIGITS_IN_A_ROW or any(map(is_date, row, row[1:], row[2:])):
            out |= {each.word for each in row}
    return out


def is_date(first: Piece, second: Piece, third: Piece) -> bool:
    """Day, month and year in any order, the year with two digits: with four it is too long a number anyway."""
    small = all(int(each.key) <= DAYS for each in ((first, second) if len(third.key) == 2 else (second, third)))
    return small and 2 in (len(first.key), len(third.key)) and max(len(first.key), len(third.key)) == 2


def rows_of_numbers(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Numbers with at most marks and blanks between them."""
    return [list(row) for is_number, row in groupby(pieces, key=lambda each: each.is_number) if is_number]


def is_told(piece: Piece, plain: str) -> bool:
    """Whether letters are known, or so few that they are nobody's name; numbers are judged elsewhere."""
    if piece.is_number or is_known(piece.key):
        return True
    latin = all("LATIN" in unicodedata.name(each, "") for each in plain[piece.start : piece.end])
    return latin and len(piece.key) <= UNNAMED


def besides(pieces: Sequence[Piece], out: set[int]) -> set[int]:
    """What is left out, with the numbers and single letters beside it: days beside months, initials, rooms, ages."""
    found = set(out)
    for first, second in pairwise(pieces):
        if (first.is_number and second.key in COUNTED) or (first.key in MONTHS and second.is_number):
            found |= {first.word, second.word}
    words = words_of(pieces)
    for order in (words, words[::-1]):
        for before, (word, keys) in pairwise(order):
            lone = keys[0].isdigit() or len(keys) == 1
            if before[0] in found and lone and all(each.isdigit() or len(each) == 1 for each in keys):
                found.add(word)
    return found


def joined(plain: str, pieces: Sequence[Piece], out: set[int]) -> str:
    """The words that are left, with the plain marks that stood between neighbours."""
    text, end, last = "", 0, -1
    for piece in pieces:
        if piece.word not in out:
            between = MARKS.sub(" ", plain[end : piece.start]) if piece.word - last <= 1 else " "
            text += (between if text else "") + plain[piece.start : piece.end]
            end, last = piece.end, piece.word
    return " ".join(text.split())
