"""Which levels of the spine does a text name? L4-L5, L4/5, C5-6, T12, Th12 and D12. Pure.

T1 and T2, the contrasts of MR, are kept in the same way: they are to be found again as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pacs.dictation.guarding.numbers import unit_of
from pacs.dictation.guarding.spoken import whole
from pacs.dictation.guarding.words import Word, phrase

REGIONS = {"c": "C", "t": "T", "th": "T", "d": "T", "l": "L", "s": "S", "с": "C", "т": "T"}
REGIONS |= {"hwk": "C", "bwk": "T", "lwk": "L", "swk": "S"}
MOST = {"C": 8, "T": 12, "L": 6, "S": 5}
RANGE = {"-", "–", "—", "/"}
AND = {",", "ve", "and", "ile", "и", "et", "und"}
CONTRAST = {"a", "w"}  # T2A, T2W


@dataclass(frozen=True)
class Level:
    """A vertebra (L4), or a segment between two (L4-L5)."""

    name: str
    words: str
    sentence: int


def levels_of(words: list[Word], language: str) -> list[Level]:
    """The levels, in order. Their words are taken: they are no numbers any more."""
    made: list[Level] = []
    at = 0
    while at < len(words):
        chain, end = chain_at(words, at, language)
        if not chain:
            at += 1
            continue
        for word in words[at:end]:
            word.taken = True
        if len(chain) == 1:
            made.append(Level(chain[0], phrase(words[at:end]), words[at].sentence))
        made += [Level(f"{a}-{b}", f"{a}-{b}", words[at].sentence) for a, b in pairwise(chain)]
        at = end
        if len(chain) > 1:
            more, at = more_segments(words, at, chain[-1][0])
            made += more
    return made


def chain_at(words: list[Word], at: int, language: str) -> tuple[list[str], int]:
    """Levels that hang together, and where they end."""
    first, end = level_at(words, at, language)
    chain = [first] if first else []
    while chain and end < len(words):
        ranged = words[end].bare in RANGE
        following, after = level_at(words, end + ranged, language)
        if not following:
            following, after = number_after(words, end + ranged, chain[-1], language)
        if not following or following == chain[-1] or words[after - 1].sentence != words[at].sentence:
            break
        chain.append(following)
        end = after
    return chain, end


def level_at(words: list[Word], at: int, language: str) -> tuple[str, int]:
    """A region with a number: L4, L 4, L-4, "L dört"."""
    if at + 1 >= len(words) or words[at].bare not in REGIONS or (at and words[at].glued and words[at - 1].is_number):
        return "", at
    region, number = REGIONS[words[at].bare], at + 1
    if not words[number].glued and not words[at].text[0].isupper():
        return "", at
    if words[number].bare == "-" and words[at].text[0].isupper():
        number += 1
    if number >= len(words):
        return "", at
    if words[number].bare.isdecimal():
        value, used = int(words[number].bare), 1
    else:
        value, used = whole(words, number, language) if not words[number].glued else (0, 0)
    end = number + used
    if not used or not 1 <= value <= MOST[region]:
        return "", at
    if end < len(words) and words[end].glued and words[end].is_word:
        if words[end].bare not in CONTRAST:
            return "", at
        end += 1
    return f"{region}{value}", end


def number_after(words: list[Word], at: int, level: str, language: str) -> tuple[str, int]:
    """The next level below, named by its number alone: the 5 of L4-5 and of "L dört beş"."""
    region, value = level[0], int(level[1:]) + 1
    if at >= len(words):
        return "", at
    same, used = (words[at].bare == str(value), 1) if words[at].is_number else (False, 0)
    if not used:
        said, used = whole(words, at, language)
        same = said == value
    end = at + used
    if used and same and value <= MOST[region] and not (end < len(words) and unit_of(words[end])):
        return f"{region}{value}", end
    return "", at


def more_segments(words: list[Word], at: int, region: str) -> tuple[list[Level], int]:
    """Segments that go on without a region: the 4-5 of "C3-4, 4-5 ve 5-6"."""
    made: list[Level] = []
    while at < len(words):
        start = at
        while start < len(words) and words[start].bare in AND:
            start += 1
        parts = words[start : start + 3]
        if start == at or len(parts) < 3 or not parts[0].bare.isdecimal() or parts[1].bare not in RANGE:
            break
        level, end = number_after(words, start + 2, f"{region}{parts[0].bare}", "")
        if not level:
            break
        for word in parts:
            word.taken = True
        made.append(Level(f"{region}{parts[0].bare}-{level}", phrase(parts), parts[0].sentence))
        at = end
    return made, at


def not_found_levels(here: list[Level], there: list[Level]) -> Iterator[str]:
    """The words of levels that are here and not there. "L4 and L5" are as good as L4-L5."""
    names = {level.name for level in there}
    vertebrae = {part for name in names for part in name.split("-")}
    for level in here:
        parts = set(level.name.split("-"))
        if level.name not in names and not (parts <= names if len(parts) > 1 else parts <= vertebrae):
            yield level.words
