"""What does a text deny? Negations in the six languages of the report API, and what they are about. Pure.

In Turkish and Azerbaijani a negation ends its clause and is mostly a form of the verb (`izlenmedi`); elsewhere it
stands before (`no`, `kein`), or on either side (`is not seen`), of what it denies.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pacs.dictation.guarding.words import Word, listed, phrase

# Verbs whose -meden is "without"; of nouns the same ending means "from" (incelemeden).
WITHOUT = r"(?:veril|ver|uygulan|uygula|kullanil|kullan|yapil|yap|ol|edil|et|alin|al|gecil|istifade edil)"
TURKIC = (
    r"yox(?:dur|du)?|yok(?:tur|tu|lugu\w*)?|de[gy]il\w*|kontrastsiz\w*|"
    rf"{WITHOUT}m[ae]d[ae]n|"
    r"\w{2,}m[ae](?:di(?:k|ler|lar|gi\w*)?|m[ae](?:k|s)\w*|mis\w*|y[ae]n\w*|yip|z|ksizin)|"
    r"\w{2,}(?:miyor|muyor)\w*|\w{2,}[ae]m[ae]z\w*"
)
BEFORE, AFTER, EITHER = "before", "after", "either"  # where what is denied stands
CUES: dict[str, list[tuple[str, str]]] = {
    "tr": [(BEFORE, TURKIC)],
    "az": [(BEFORE, rf"{TURKIC}|\w{{3,}}m[iu]r(?:dir|dur)?")],
    "en": [
        (AFTER, r"no|without|nor|neither|none|absence|lack|negative|free|noncontrast\w*|non"),
        (EITHER, r"not|cannot|never|absent|excluded|ruled|[a-z]+n[’']t|t"),
    ],
    "de": [
        (AFTER, r"kein\w{0,2}|ohne|weder|ausschluss"),
        (EITHER, r"nicht|nie|niemals|fehlen\w*|fehlt|ausgeschlossen"),
    ],
    "fr": [(AFTER, r"sans|aucune?s?|ni|absence"), (EITHER, r"pas|jamais|non")],
    "ru": [(AFTER, r"без|нет|ни|отсутств\w*"), (EITHER, r"не")],
}
COMPILED = {name: [(side, re.compile(pattern)) for side, pattern in cues] for name, cues in CUES.items()}
# "Without contrast medium" in one word.
CONTRAST = re.compile(r"kontrastsiz\w*|noncontrast\w*")
# Of these words only some uses deny.
FOLLOWED = {"negative": {"for"}, "free": {"of"}, "non": {"-"}, "lack": {"of"}, "absence": {"of"}, "ruled": {"out"}}
PRECEDED = {"t": {"'", "’"}}

# Where a clause ends that is denied at its end: what came before it was said to be so.
AFFIRMED = re.compile(
    r"var|vardir|mevcut\w*|normal(?:dir)?|dogal(?:dir)?|olup|ise|ancak|fakat|ama|lakin|"
    r"\w{2,}m[ae]kt[ae](?:dir|ydi)?|\w{2,}(?:mis|mus)(?:tir|tur)?|\w{2,}[nlrd](?:di|du)|\w{3,}[tdsn](?:ir|ur)"
)
# Where something is denied is not denied: kesitlerde, segmentte. After a vowel -te is no ending of a place: opasite.
PLACE = re.compile(r"\w{4,}d[ae]|\w{3,}[fstkchp]t[ae]")
SIGNS = {".", "!", "?", "…", ";", ":", "(", ")"}
BUT = {"nokta", "period", "but", "however", "although", "though", "mais", "cependant", "aber", "jedoch", "но", "однако"}
STOPS = set(
    listed(
        "of in is are was were be been has have with within at on seen identified noted the involving from to for this"
        " de du des la le les dans est sont au aux avec visible im ist sind bei mit der von в на с по из у"
    )
)
JOINTS = set(listed(", / virgul comma ve veya ya da yahut ne hem or and nor ni ou et oder und noch и или ни"))
# Words between a negation and what it denies, and such as say nothing of it.
EMPTY = set(
    listed(
        "bulgu bulgusu bulgulari bulguya lehine ait tespit mevcut dikkati cekmedi izlenebilen saptanabilen belirgin"
        " anlamli patolojik gorunum gorunumu acik net isaret qeyd muayyen mueyyen tapinti elamet madde maddesi"
        " medium media agent"
        " evidence sign signs suggestion suspicion indication presence of for to a an the any is are was were be been"
        " seen has have do does did can could there it significant definite obvious abnormal"
        " nachweis hinweis hinweise anhalt anzeichen zeichen fur auf eine einer eines einen ein der die das ist sind"
        " wird werden wurde wurden es signe signes argument image de d un une des du n ne est sont il y l la le les en"
        " faveur признаков признаки данных за было были есть"
    )
)
SHORTEST, STEM, LONGEST_NOUN, LONGEST_PHRASE = 3, 6, 4, 12


Noun = tuple[str, ...]  # the beginnings of its words; the last is what it is about


@dataclass(frozen=True)
class Negation:
    """A negation: the nouns that it denies, and the beginnings of all words that it may reach."""

    words: str
    nouns: tuple[Noun, ...]
    reach: frozenset[str]
    sentence: int


class Negations:
    """The negations of a text, and which words it has at all."""

    def __init__(self, words: list[Word], language: str) -> None:
        self.all = list(merged(negations_of(words, language)))
        self.stems = {stem(word) for word in words if is_telling(word)}
        self.reached: set[str] = set().union(*(each.reach for each in self.all))
        self.heads = {noun[-1] for each in self.all for noun in each.nouns or ((each.words,),)}

    def has(self, noun: Noun) -> bool:
        """Whether a noun is denied here, or a part of it is: "mass lesion", "mass"."""
        return noun[-1] in self.reached or any(part in self.heads for part in noun)

    def affirms(self, noun: Noun) -> bool:
        """Whether a noun is named here without ever being denied."""
        return noun[-1] in self.stems and noun[-1] not in self.reached


def merged(negations: Iterator[Negation]) -> Iterator[Negation]:
    """Two negations of the same become one of their own kind: "cannot be excluded" is not "excluded"."""
    last: Negation | None = None
    for negation in negations:
        if last and negation.nouns and last.nouns == negation.nouns and last.sentence == negation.sentence:
            heads = [f"?{noun[-1]}" for noun in last.nouns]
            last = Negation(last.words, tuple((head,) for head in heads), frozenset(heads), last.sentence)
            continue
        if last:
            yield last
        last = negation
    if last:
        yield last


def negations_of(words: list[Word], language: str) -> Iterator[Negation]:
    for at, word in enumerate(words):
        side = cue(words, at, language)
        if not side:
            continue
        before, after = clause(words, at, language)
        if side == AFTER:
            before = []
        elif side == BEFORE:
            after = []
        nouns = nouns_after(after) if side == AFTER else nouns_before(before)
        if side == EITHER and not nouns:
            nouns = nouns_after(after)
        if CONTRAST.fullmatch(word.bare):
            before, after, nouns = [], [], [("kontra" if word.bare[0] == "k" else "contra",)]
        reach = {stem(each) for each in [*before, *after] if is_telling(each)} | {noun[-1] for noun in nouns}
        shown = phrase([*before[-LONGEST_PHRASE:], word, *after[:LONGEST_PHRASE]])
        yield Negation(shown, tuple(nouns), frozenset(reach), word.sentence)


def cue(words: list[Word], at: int, language: str) -> str:
    """Where what is denied stands, when a word denies; else ""."""
    word = words[at].bare
    following = words[at + 1].bare if at + 1 < len(words) else ""
    preceding = words[at - 1].bare if at else ""
    for side, pattern in COMPILED.get(language, COMPILED["en"]):
        if pattern.fullmatch(word):
            allowed = following in FOLLOWED.get(word, {following}) and preceding in PRECEDED.get(word, {preceding})
            return side if allowed else ""
    return ""


def clause(words: list[Word], at: int, language: str) -> tuple[list[Word], list[Word]]:
    """The words before and after one that may be meant by it, nearest last and first."""
    start = end = at
    while start > 0 and not ends_clause(words, start - 1, at, language):
        start -= 1
    while end + 1 < len(words) and not ends_clause(words, end + 1, at, language):
        end += 1
    return words[start:at], words[at + 1 : end + 1]


def ends_clause(words: list[Word], at: int, cue_at: int, language: str) -> bool:
    word = words[at]
    if word.sentence != words[cue_at].sentence or word.text in SIGNS or word.bare in BUT:
        return True
    if language in ("tr", "az"):
        affirmed = AFFIRMED.fullmatch(word.bare) is not None and word.bare not in EMPTY
        return affirmed or cue(words, at, language) == BEFORE
    return cue(words, at, language) == AFTER


def nouns_after(words: list[Word]) -> list[Noun]:
    """The joined nouns that follow: of "no acute fracture or pneumothorax" two."""
    nouns: list[list[str]] = [[]]
    listed = any(word.bare in JOINTS and word.text != "," for word in words)
    for word in words:
        if word.bare in EMPTY and not nouns[-1]:
            continue
        if word.bare in JOINTS and (word.text != "," or listed):
            nouns.append([])
        elif word.bare in JOINTS or word.bare in STOPS:
            break
        elif is_telling(word):
            nouns[-1].append(stem(word))
    return [tuple(noun) for noun in nouns if noun]


def nouns_before(words: list[Word]) -> list[Noun]:
    """The joined nouns that precede, from the nearest on; the last words of each."""
    left = [word for word in words if word.bare not in EMPTY]
    listed = any(word.bare in JOINTS and word.text != "," for word in left)
    nouns: list[list[Word]] = [[]]
    for word in reversed(left):
        if word.bare not in JOINTS:
            nouns[-1] += [word] if is_telling(word) else []
        elif word.text != "," or listed:
            nouns.append([])
        else:
            break
    found = [noun[:LONGEST_NOUN] for noun in nouns if noun and not PLACE.fullmatch(noun[0].bare)]
    return [tuple(stem(word) for word in reversed(noun)) for noun in found]


def is_telling(word: Word) -> bool:
    return word.is_word and len(word.bare) >= SHORTEST and word.bare not in EMPTY and word.bare not in STOPS


def stem(word: Word) -> str:
    return word.bare[:STEM]


def not_found_negations(here: Negations, there: Negations) -> Iterator[str]:
    """The words of negations that are here and not there, in one language.

    What is denied here must not be affirmed there. What is told in quite other words, or not at all, is left over; as
    many are let through as are left over there.
    """
    for negation in here.all:
        if any(there.affirms(noun) for noun in negation.nouns):
            yield negation.words
    yield from list(left_over(here, there).values())[len(left_over(there, here)) :]


def left_over(here: Negations, there: Negations) -> dict[Noun, str]:
    """What is denied here and neither denied nor affirmed there, with the words of its negation."""
    left: dict[Noun, str] = {}
    for negation in here.all:
        if not negation.nouns and not there.all:
            left[()] = negation.words
        for noun in negation.nouns:
            if not there.has(noun) and not there.affirms(noun):
                left[noun[-1:]] = negation.words
    return left


def surplus_negations(here: Negations, there: Negations) -> Iterator[str]:
    """All negations of a text that denies more than its translation does, as one: nobody knows which it is."""
    if len(here.heads) > len(there.heads):
        yield " · ".join(dict.fromkeys(each.words for each in here.all))
