"""Does a report still say what was dictated? Pure; its answers are the warnings on a report, which people look at.

Compared is what changes a diagnosis when it changes: negations, numbers with their units, sides, and levels of the
spine. What was said must be found again in what was written, and nothing of the kind may be written that was not said.
The order of sentences, repetitions, case, the way numbers are written and lengths in another unit make no difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pacs.dictation.guarding.levels import Level, levels_of, not_found_levels
from pacs.dictation.guarding.negations import Negations, not_found_negations, surplus_negations
from pacs.dictation.guarding.numbers import Number, not_found_numbers, numbers_of
from pacs.dictation.guarding.sides import Side, not_found_sides, sides_of
from pacs.dictation.guarding.words import words_of


@dataclass(frozen=True)
class Warning:
    """Something that is only in what was said, or only in what was written, in the words in which it stands there."""

    kind: Literal["negation", "number", "side", "level"]
    words: str
    where: Literal["said", "written"]


@dataclass(frozen=True)
class Facts:
    """What is compared of a text."""

    language: str
    levels: list[Level]
    numbers: list[Number]
    sides: list[Side]
    negations: Negations


def differences(said: str, written: str, input_language: str, output_language: str) -> tuple[Warning, ...]:
    """What was said and is not written, then what is written and was not said; each once.

    Between two languages negations are counted, and everything else is compared by meaning.
    """
    told, made = facts_of(said, input_language), facts_of(written, output_language)
    found = [*missing(told, made, "said"), *missing(made, told, "written")]
    return tuple(dict.fromkeys(found))


def facts_of(text: str, language: str) -> Facts:
    words = words_of(text)
    levels = levels_of(words, language)
    numbers = numbers_of(words, language)
    return Facts(language, levels, numbers, sides_of(words, language, levels, numbers), Negations(words, language))


def missing(here: Facts, there: Facts, where: Literal["said", "written"]) -> Iterator[Warning]:
    """What is here and not there."""
    same = here.language == there.language
    negations = not_found_negations if same else surplus_negations
    yield from (Warning("negation", words, where) for words in negations(here.negations, there.negations))
    yield from (Warning("number", words, where) for words in not_found_numbers(here.numbers, there.numbers))
    sides = not_found_sides(here.sides, there.sides, same_language=same)
    yield from (Warning("side", words, where) for words in sides)
    yield from (Warning("level", words, where) for words in not_found_levels(here.levels, there.levels))
