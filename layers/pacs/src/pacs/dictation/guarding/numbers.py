"""Which numbers does a text name, in which units? Digits or, in Turkish and English, words. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from pacs.dictation.guarding.dates import date_at
from pacs.dictation.guarding.spoken import fraction, ordinal, whole
from pacs.dictation.guarding.words import Word, phrase

# Units by their beginnings, or whole when they are short: what they are worth in one unit of their kind.
UNITS: dict[str, tuple[str, str]] = {
    "mm": ("1", "mm"), "мм": ("1", "mm"), "cm": ("10", "mm"), "см": ("10", "mm"), "mm2": ("1", "mm2"),
    "cm2": ("100", "mm2"), "mm3": ("0.001", "ml"), "cm3": ("1", "ml"), "ml": ("1", "ml"), "мл": ("1", "ml"),
    "cc": ("1", "ml"), "hu": ("1", "hu"), "°": ("1", "°"), "%": ("1", "%"), "kg": ("1000", "g"), "gr": ("1", "g"),
    "g": ("1", "g"), "mg": ("0.001", "g"), "msv": ("1", "msv"), "mgy": ("1", "mgy"), "mmhg": ("1", "mmhg"),
    "percent": ("1", "%"),
}  # fmt: skip
BEGINNINGS: dict[str, tuple[str, str]] = {
    "milimet": ("1", "mm"), "millimet": ("1", "mm"), "миллиметр": ("1", "mm"), "santim": ("10", "mm"),
    "centimet": ("10", "mm"), "zentimet": ("10", "mm"), "сантиметр": ("10", "mm"), "mililit": ("1", "ml"),
    "millilit": ("1", "ml"), "миллилитр": ("1", "ml"), "hounsfield": ("1", "hu"), "derece": ("1", "°"),
    "degree": ("1", "°"), "degre": ("1", "°"), "градус": ("1", "°"), "procent": ("1", "%"), "prozent": ("1", "%"),
    "процент": ("1", "%"), "faiz": ("1", "%"), "kilogram": ("1000", "g"),
}  # fmt: skip
BETWEEN = {"x", "×", "*", "х", "-", "–", "—", "/", ",", "'", "’", "by", "to", "and", "ve", "ile", "ila", "carpi", "ye"}
BETWEEN |= {"ya", "e", "a", "на", "и", "sur", "et", "mal", "auf", "und", "bis", "par"}
ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}
SCALES = re.compile(r"rads|gleason|grade|evre|bosniak|stage|^grad$|^tip$|^type$|^kategori|^categor|^class$")


@dataclass(frozen=True)
class Number:
    """A number, as all that its digits may mean (1.250 is two numbers), and what it is in a unit's base.

    `loose`: it stands without a unit, or has that of the one after it, so that its value alone is enough.
    `asked`: it must be found again; numbers in words without a unit need not be.
    """

    values: frozenset[Decimal]
    words: str
    sentence: int
    factor: Decimal = Decimal(1)
    unit: str = ""
    loose: bool = True
    asked: bool = True

    @property
    def measures(self) -> frozenset[tuple[Decimal, str]]:
        return frozenset((value * self.factor, self.unit) for value in self.values)


def numbers_of(words: list[Word], language: str) -> list[Number]:
    """The numbers of a text, in order."""
    made: list[Number] = []
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(words):
        found = number_at(words, at, language)
        if found is None:
            at += 1
            continue
        number, end = found
        made.append(number)
        spans.append((at, end))
        at = end
    for index in range(len(made) - 2, -1, -1):
        left, right = made[index], made[index + 1]
        between = words[spans[index][1] : spans[index + 1][0]]
        near = left.sentence == right.sentence and all(word.bare in BETWEEN for word in between)
        if right.unit not in ("", "date") and not left.unit and near:
            made[index] = replace(left, unit=right.unit, factor=right.factor, asked=not words[spans[index][0]].item)
    return made + list(romans_of(words))


def romans_of(words: list[Word]) -> Iterator[Number]:
    """Grade II is grade 2. As IV is mostly intravenous, none of them must be found again."""
    for before, word in pairwise(words):
        if word.text in ROMAN and SCALES.search(before.bare):
            yield Number(frozenset([Decimal(ROMAN[word.text])]), word.text, word.sentence, asked=False)


def number_at(words: list[Word], at: int, language: str) -> tuple[Number, int] | None:
    """The number that begins there, and where it ends."""
    word = words[at]
    if word.taken:
        return None
    date = date_at(words, at)
    if date:
        key = frozenset([Decimal("".join(f"{part:04}" for part in date[0]))])
        return Number(key, phrase(words[at : date[1]]), word.sentence, unit="date", loose=False), date[1]
    if word.is_number:
        if is_of_a_name(words, at):
            return None
        values, end, asked = readings(word.bare), at + 1, not word.item
    else:
        value, used = whole(words, at, language)
        if used and at and words[at - 1].bare == "her":
            return None  # "her iki": both
        if not used:
            return half_or_ordinal(words, at, language)
        values, end, asked = frozenset([Decimal(value)]), at + used, False
    more, used = fraction(words, end, language)
    values, end = frozenset(value + more for value in values), end + used
    return with_unit(words, at, end, Number(values, "", word.sentence, asked=asked))


def is_of_a_name(words: list[Word], at: int) -> bool:
    """Whether digits hang on letters: T2N1, LR5. In 12x8 and in BIRADS4 they are numbers."""
    before = words[at - 1] if at and words[at].glued else None
    if before is None or not before.is_word or SCALES.search(before.bare):
        return False
    return before.bare not in ("x", "х") or at < 2 or not words[at - 2].is_number


def half_or_ordinal(words: list[Word], at: int, language: str) -> tuple[Number, int] | None:
    word = words[at]
    if word.bare == {"tr": "yarim", "en": "half"}.get(language):
        values = frozenset([Decimal("0.5")])
    elif ordinal(word, language):
        values = frozenset([Decimal(ordinal(word, language))])
    else:
        return None
    return with_unit(words, at, at + 1, Number(values, "", word.sentence, asked=False))


def with_unit(words: list[Word], start: int, end: int, number: Number) -> tuple[Number, int]:
    """The number with the unit after it, or the sign of per cent before it."""
    before = words[start - 1].bare if start else ""
    if before in ("%", "yuzde"):
        unit, start = UNITS["%"], start - 1
    else:
        unit_at = end + 1 if end < len(words) and words[end].bare == "-" else end
        near = unit_at < len(words) and words[unit_at].sentence == words[start].sentence
        found = unit_of(words[unit_at]) if near else None
        unit, end = (found, unit_at + 1) if found else (("1", ""), end)
    shown = phrase(words[start:end])
    asked = number.asked or bool(unit[1])
    made = replace(number, words=shown, factor=Decimal(unit[0]), unit=unit[1], loose=not unit[1], asked=asked)
    return made, end


def unit_of(word: Word) -> tuple[str, str] | None:
    found = UNITS.get(word.bare)
    return found or next((unit for start, unit in BEGINNINGS.items() if word.bare.startswith(start)), None)


def readings(digits: str) -> frozenset[Decimal]:
    """What digits with points and commas may mean: three after a single one may be thousands."""
    parts = re.split(r"[.,]", digits)
    if len(parts) == 1:
        return frozenset([Decimal(digits)])
    thousands = all(len(part) == 3 for part in parts[1:]) and 0 < len(parts[0].lstrip("0")) <= 3
    found = {Decimal("".join(parts))} if thousands else set()
    if len(parts) == 2 or not thousands:
        found.add(Decimal("".join(parts[:-1]) + "." + parts[-1]))
    return frozenset(found)


def not_found_numbers(here: list[Number], there: list[Number]) -> Iterator[str]:
    """The words of numbers that are here and not there."""
    measures = {measure for number in there for measure in number.measures}
    values = {value for number in there for value in number.values}
    for number in here:
        found = number.measures & measures or (number.loose and number.values & values)
        if number.asked and not found:
            yield number.words
