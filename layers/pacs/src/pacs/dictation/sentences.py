"""Which sentences were spoken, and when? Pure. Joined by spaces, their texts are the transcript again.

Models give stretches of some seconds, which end where somebody breathed; sentences go on over them, or end inside them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pacs.ports import Spoken

# Where no full stop was heard for so many words, a sentence ends with its stretch.
LONG_WORDS = 30
STOPS = (".", "!", "?", "…")
# Who says "Dr. Yılmaz" or "bkz. Şekil" has not ended a sentence.
ABBREVIATIONS = {"dr", "prof", "doç", "uzm", "op", "bkz", "örn", "yak", "vb", "st", "approx", "e.g", "i.e", "cf", "fig"}
ABBREVIATIONS |= {"env", "ca", "bzw", "z.b", "d.h", "см", "т.е"}
NUMBERING = re.compile(r"\d{1,2}[.)]")


@dataclass(frozen=True)
class Sentence:
    """A sentence with its moments in the recording, None where the model told none."""

    text: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float | None
    end_s: float | None
    ends_stretch: bool


def sentences_of(spoken: Iterable[Spoken]) -> tuple[Sentence, ...]:
    """The sentences of stretches that follow one another; moments inside a stretch are told by its letters."""
    found: list[Sentence] = []
    words: list[Word] = []
    everything = [each for stretch in spoken for each in words_of(stretch)]
    for word, following in zip_longest(everything, everything[1:]):
        words.append(word)
        if following is None or ends_sentence(words, following):
            found.append(Sentence(" ".join(each.text for each in words), words[0].start_s, words[-1].end_s))
            words = []
    return tuple(found)


def transcript_of(sentences: Iterable[Sentence]) -> str:
    return " ".join(each.text for each in sentences)


def words_of(stretch: Spoken) -> Iterator[Word]:
    words = stretch.text.split()
    letters = sum(len(each) for each in words)
    told = 0
    for at, word in enumerate(words, 1):
        start_s, end_s = moment_s(stretch, told / letters), moment_s(stretch, (told + len(word)) / letters)
        yield Word(word, start_s, end_s, at == len(words))
        told += len(word)


def moment_s(stretch: Spoken, part: float) -> float | None:
    if stretch.start_s is None or stretch.end_s is None:
        return None
    return round(stretch.start_s + (stretch.end_s - stretch.start_s) * part, 3)


def ends_sentence(words: Sequence[Word], following: Word) -> bool:
    """Whether a sentence of these words is one before that word."""
    last = words[-1].text
    if last.endswith(STOPS):
        return not (following.text[0].islower() or (len(words) == 1 and NUMBERING.fullmatch(last)) or is_short(last))
    return words[-1].ends_stretch and len(words) >= LONG_WORDS


def is_short(word: str) -> bool:
    """An abbreviation, or an initial."""
    bare = word.rstrip(".").casefold()
    return word.endswith(".") and (bare in ABBREVIATIONS or (len(bare) == 1 and bare.isalpha()))
