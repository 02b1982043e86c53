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
STEM, FURTHEST = 5, 4


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
    beside_it = {sentence: frozenset(found) for sentence, found in mates.items()}
    found = [(at, *side_at(words, at, language)) for at in range(len(words))]
    named: dict[int, set[str]] = {}
    for at, name, _ in found:
        named.setdefault(words[at].sentence, set()).update([name] if name else [])
    made = []
    for at, name, used in found:
        if name:
            sentence = words[at].sentence
            span, noun = beside(words, at, at + used, language)
            made.append(Side(name, phrase(span), noun, beside_it.get(sentence, frozenset()), len(named[sentence]) == 1))
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
        while noun_at < min(end + FURTHEST, len(words)) and (
            words[noun_at].bare in AND or side_at(words, noun_at, language)[0]
        ):
            noun_at += 1
    noun = words[noun_at : noun_at + 1] if noun_at >= 0 else []
    if not noun or noun[0].sentence != words[start].sentence or not is_telling(noun[0]):
        return words[start:end], ""
    return words[min(start, noun_at) : max(end, noun_at + 1)], noun[0].bare[:STEM]


def not_found_sides(here: list[Side], there: list[Side], *, same_language: bool) -> Iterator[str]:
    """The words of sides that are here and not there, or there beside something else."""
    names = {each.name for each in there}
    bare = {each.name for each in there if not each.noun}  # of a noun that was named before
    at_noun: dict[str, set[Name]] = {}
    at_mate: dict[object, set[Name]] = {}
    for noun, name in {(each.noun, each.name) for each in there if each.noun and same_language}:
        at_noun.setdefault(noun, set()).add(name)
    for mates, name in {(each.beside, each.name) for each in there}:
        for mate in mates:
            at_mate.setdefault(mate, set()).add(name)
    pairs = {(each.name, each.beside) for each in here if each.alone}
    moved = {pair for pair in pairs if any(has_moved(pair[0], at_mate.get(mate)) for mate in pair[1])}
    for side in here:
        by_noun = side.name not in bare and has_moved(side.name, at_noun.get(side.noun))
        by_mate = side.alone and (side.name, side.beside) in moved
        if not is_said(side.name, names) or by_noun or by_mate:
            yield side.words


def is_said(name: Name, names: set[Name]) -> bool:
    """Whether a side is among others: both are right and left."""
    return name in names or ("both" in names if name != "both" else {"right", "left"} <= names)


def has_moved(name: Name, names: set[Name] | None) -> bool:
    """Whether what stands beside a side stands beside others only."""
    return bool(names) and not is_said(name, names or set())
