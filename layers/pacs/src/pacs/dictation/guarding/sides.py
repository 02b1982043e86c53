"""Which side does a text speak of: right, left or both? In the six languages of the report API. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pacs.dictation.guarding.levels import AND, Level
from pacs.dictation.guarding.negations import is_telling
from pacs.dictation.guarding.numbers import Number
from pacs.dictation.guarding.words import Word, phrase

Name = Literal["right", "left", "both"]
TURKIC = r"(?:d[ae]|d[ae]ki(?:ler)?|d[ae]n|[ae]|i|u|in|un|inda|unda|taraf\w*|lu|li)?"
RUSSIAN = r"(?:ый|ая|ое|ого|ой|ом|ому|ую|ые|ых|ым|ыми|о|осторонн\w*|ии|ыи)"
PATTERNS: dict[str, tuple[str, str, str]] = {
    "tr": (rf"sag{TURKIC}", rf"sol{TURKIC}", r"bilateral\w*|iki ?tarafli\w*"),
    "az": (rf"sag{TURKIC}", rf"sol{TURKIC}", r"bilateral\w*|ikiterefli\w*"),
    "en": (r"right(?:ward|wards|sided)?", r"left(?:ward|wards|sided)?", r"bilateral(?:ly)?|both"),
    "ru": (
        rf"прав{RUSSIAN}|справа|вправо",
        rf"лев{RUSSIAN}|слева|влево",
        r"двусторонн\w*|двухсторонн\w*|обе\w{0,2}|оба",
    ),
    "fr": (r"droite?s?", r"gauches?", r"bilatera\w*"),
    "de": (r"rechte[rsnm]?|rechts\w*", r"linke[rsnm]?|links\w*", r"bilateral\w*|beid\w*"),
}
FOUND = {language: [re.compile(each) for each in patterns] for language, patterns in PATTERNS.items()}
# Two words that say both: "her iki", "hər iki".
BOTH = {"her": "iki"}
STEM = 5


@dataclass(frozen=True)
class Side:
    """A side, what stands beside it (the beginning of its noun), and the numbers and levels of its sentence.

    `alone`: no other side is named in the sentence, so that those belong to this one.
    """

    name: Name
    words: str
    noun: str
    beside: frozenset[object]
    alone: bool


def sides_of(words: list[Word], language: str, levels: list[Level], numbers: list[Number]) -> list[Side]:
    """The sides, in order."""
    mates: dict[int, set[object]] = {}
    for level in levels:
        mates.setdefault(level.sentence, set()).add(level.name)
    for number in numbers:
        if number.asked:
            mates.setdefault(number.sentence, set()).update(number.measures)
    found = [(at, *side_at(words, at, language)) for at in range(len(words))]
    named = [(words[at].sentence, name) for at, name, _ in found if name]
    made = []
    for at, name, used in found:
        if name:
            sentence = words[at].sentence
            alone = all(other == name for where, other in named if where == sentence)
            span, noun = beside(words, at, at + used, language)
            made.append(Side(name, phrase(span), noun, frozenset(mates.get(sentence, ())), alone))
    return made


def side_at(words: list[Word], at: int, language: str) -> tuple[Name | Literal[""], int]:
    """The side that is named there, and by how many words."""
    bare = words[at].bare
    if language in ("tr", "az") and at + 1 < len(words) and words[at + 1].bare == BOTH.get(bare):
        return "both", 2
    right, left, both = FOUND.get(language, FOUND["en"])
    if right.fullmatch(bare):
        return "right", 1
    if left.fullmatch(bare):
        return "left", 1
    return ("both", 1) if both.fullmatch(bare) else ("", 0)


def beside(words: list[Word], start: int, end: int, language: str) -> tuple[list[Word], str]:
    """The side's words with the noun beside it: after it, in French before it; and the beginning of that noun."""
    noun_at = start - 1
    if language != "fr":
        noun_at = end
        # "right and left kidneys"
        while noun_at < len(words) and (words[noun_at].bare in AND or side_at(words, noun_at, language)[0]):
            noun_at += 1
    noun = words[noun_at : noun_at + 1] if noun_at >= 0 else []
    if not noun or noun[0].sentence != words[start].sentence or not is_telling(noun[0]):
        return words[start:end], ""
    return words[min(start, noun_at) : max(end, noun_at + 1)], noun[0].bare[:STEM]


def not_found_sides(here: list[Side], there: list[Side], *, same_language: bool) -> Iterator[str]:
    """The words of sides that are here and not there, or there beside something else."""
    for side in here:
        bare = any(each.name == side.name and not each.noun for each in there)  # of a noun that was named before
        nouns = [each for each in there if each.noun == side.noun] if side.noun and same_language and not bare else []
        mates = side.beside if side.alone else ()
        if (
            not is_said(side.name, there)
            or moved(side, nouns)
            or any(moved(side, [each for each in there if mate in each.beside]) for mate in mates)
        ):
            yield side.words


def is_said(name: str, sides: list[Side]) -> bool:
    """Whether a side is among others: both are right and left."""
    names = {side.name for side in sides}
    return name in names or ("both" in names if name != "both" else {"right", "left"} <= names)


def moved(side: Side, sides: list[Side]) -> bool:
    """Whether what stands beside a side stands beside others only."""
    return bool(sides) and not is_said(side.name, sides)
