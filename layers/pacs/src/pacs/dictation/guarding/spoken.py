"""Which number is said in words? In Turkish and English, as speech recognition writes them down. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from pacs.dictation.guarding.words import Word, listed

TURKISH_UNITS = listed("bir iki uc dort bes alti yedi sekiz dokuz")
TURKISH_TENS = listed("on yirmi otuz kirk elli altmis yetmis seksen doksan")
TURKISH = {"sifir": 0, "yuz": 100, "bin": 1000}
TURKISH |= {word: at for at, word in enumerate(TURKISH_UNITS, 1)}
TURKISH |= {word: at * 10 for at, word in enumerate(TURKISH_TENS, 1)}
TURKISH |= {tens + unit: TURKISH[tens] + TURKISH[unit] for tens in TURKISH_TENS for unit in TURKISH_UNITS}
# "on ikiye sekiz": twelve by eight. The dative ends a number.
SOFTENED = {"dort": "dord"}
DATIVES = {
    SOFTENED.get(word, word) + ("y" if word[-1] in "aeiu" else "") + vowel: value
    for word, value in TURKISH.items()
    for vowel in "ae"
}
ENGLISH_SMALL = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
ENGLISH_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
ENGLISH = {word: at for at, word in enumerate(ENGLISH_SMALL)} | {"hundred": 100, "thousand": 1000}
ENGLISH |= {word: at * 10 for at, word in enumerate(ENGLISH_TENS, 2)}
CARDINALS = {"tr": TURKISH, "en": ENGLISH}
ORDINALS = {
    "tr": listed("birinci ikinci ucuncu dorduncu besinci altinci yedinci sekizinci dokuzuncu onuncu"),
    "en": listed("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"),
}
POINTS = {"tr": {"virgul", "nokta"}, "en": {"point"}}


def whole(words: Sequence[Word], at: int, language: str) -> tuple[int, int]:
    """The whole number that begins there, and how many words it has: none when there is no number."""
    known, datives = CARDINALS.get(language, {}), DATIVES if language == "tr" else {}
    total = current = used = 0
    lowest = 10_000  # the smallest place that is already taken
    while at + used < len(words):
        step = 1 if used and joined(words, at + used, language, lowest) else 0
        if at + used + step >= len(words):
            break
        name = words[at + used + step].bare if words[at + used + step].sentence == words[at].sentence else ""
        value = known.get(name, datives.get(name))
        if value is None:
            break
        if value in (100, 1000) and lowest < value:
            total, current = (total, current * 100) if value == 100 else ((total + current) * 1000, 0)
        elif place(value) < lowest and (value or not used):
            current += value
        else:
            break
        lowest = value if value in (100, 1000) else 1 if value < 20 and value != 10 else 10 if value % 10 == 0 else 1
        lowest = 1 if language == "en" and value == 10 else lowest
        used += step + 1
        if name not in known or not value:
            break
    return total + current, used


def place(value: int) -> int:
    """The highest place that a word takes: ones, tens, hundreds."""
    return next(each for each in (1000, 100, 10, 1) if value >= each or each == 1)


def joined(words: Sequence[Word], at: int, language: str, lowest: int) -> bool:
    """Whether a hyphen ("twenty-one") or "and" ("hundred and five") goes on with a number."""
    return words[at].bare == "-" or (language == "en" and words[at].bare == "and" and lowest == 100)


def fraction(words: Sequence[Word], at: int, language: str) -> tuple[Decimal, int]:
    """What follows a whole number as its fraction: ", five", "and a half", "buçuk"; and how many words that takes."""
    names = [word.bare for word in words[at : at + 3]]
    if language == "tr" and names[:1] == ["bucuk"]:
        return Decimal("0.5"), 1
    if language == "en" and names == ["and", "a", "half"]:
        return Decimal("0.5"), 3
    if not names or names[0] not in POINTS.get(language, ()):
        return Decimal(0), 0
    digits, used = "", 1
    while at + used < len(words):
        word = words[at + used]
        value, count = (int(word.bare), 1) if word.bare.isdecimal() else whole(words, at + used, language)
        if not count or len(digits) > 3 or (digits.strip("0") and value > 9):
            break
        digits, used = digits + str(value), used + count
    return (Decimal(f"0.{digits}"), used) if digits else (Decimal(0), 0)


def ordinal(word: Word, language: str) -> int:
    """The number of an ordinal, or 0."""
    known = ORDINALS.get(language, [])
    return known.index(word.bare) + 1 if word.bare in known else 0
