"""Which date stands there? 12.03.2026, 12/03/2026, 2026-03-12, 12 Mart 2026, March 12, 2026. Pure."""

import re

from pacs.dictation.guarding.words import Word, listed

# How the names of months begin, in Turkish, English, German, French, Azerbaijani and Russian.
MONTHS = [
    listed("ocak januar janvier yanvar январ"),
    listed("subat februar fevrier fevral феврал"),
    listed("mart march marz mars март"),
    listed("nisan april avril aprel апрел"),
    listed("mayis may mai мая маи"),
    listed("haziran june juni juin iyun июн"),
    listed("temmuz july juli juillet iyul июл"),
    listed("agustos august aout avqust август"),
    listed("eylul septem sentyabr сентябр"),
    listed("ekim octob oktob oktyabr октябр"),
    listed("kasim novem noyabr ноябр"),
    listed("aralik decem dezem dekabr декабр"),
]
POINTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4}|[0-9]{2})")
FILLERS = {",", ".", "th", "st", "nd", "rd"}


def date_at(words: list[Word], at: int) -> tuple[tuple[int, ...], int] | None:
    """The numbers of the date that begins there, sorted, for nobody knows which is the month; and where it ends."""
    pointed = POINTED.fullmatch(words[at].bare)
    if pointed:
        return numbers(pointed.groups()), at + 1
    parts = [word.bare for word in words[at : at + 5]]
    if len(parts) == 5 and parts[1] == parts[3] in ("/", "-", ".") and all(part.isdecimal() for part in parts[::2]):
        sizes = [len(part) for part in parts[::2]]
        if sizes == [4, 2, 2] or (max(sizes[:2]) <= 2 and sizes[2] == 4):
            return numbers(parts[::2]), at + 5
    return named(words, at)


def numbers(parts: tuple[str, ...] | list[str]) -> tuple[int, ...]:
    """Day, month and year as numbers, of the years of two digits those of this century."""
    year = 2000 if len(parts[2]) == 2 and len(parts[0]) <= 2 else 0
    return tuple(sorted((int(parts[0]), int(parts[1]), year + int(parts[2]))))


def named(words: list[Word], at: int) -> tuple[tuple[int, ...], int] | None:
    """A date whose month is a word, with a year."""
    found: list[int] = []
    months = 0
    while at < len(words) and len(found) < 3:
        word = words[at]
        if word.bare.isdecimal():
            found.append(int(word.bare))
        elif (month := month_of(word)) and not months:
            found.append(month)
            months = 1
        elif word.bare not in FILLERS or not found:
            return None
        at += 1
        if months and found[-1] >= 1900:
            return tuple(sorted(found)), at
    return None


def month_of(word: Word) -> int:
    """1 to 12, or 0."""
    return next((at for at, names in enumerate(MONTHS, 1) if word.bare.startswith(tuple(names))), 0)
