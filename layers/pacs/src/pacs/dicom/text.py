"""What do these bytes say, and when are two texts the same to someone who searches? Asked by json and index_row;
`fold` also by whoever makes a query.

Source: PS3.3 §C.12.1.1.2, PS3.5 §6.1.2
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# One-byte sets and the G1 half of ISO 2022, by the number in their defined term; G0 is always ASCII.
_RIGHT_HALVES = {
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "166": "tis_620",
    "203": "iso8859_15",
    "13": "shift_jis",
    "149": "euc_kr",
    "58": "gb2312",
}
_WHOLE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk", "ISO 2022 GBK": "gbk", "ISO 2022 58": "gb2312"}
# Turkish modalities that declare nothing send Latin-5; it differs from Latin-1 in six letters only.
_UNDECLARED = "iso8859_9"

_RIGHT_ESCAPES = {
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "tis_620",
    b"\x1b-b": "iso8859_15",
    b"\x1b)I": "shift_jis",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
# What is said in G0 after these is left to Python's own decoder of Japanese, which wants to see the escape.
_LEFT_ESCAPES = {b"\x1b(B": b"", b"\x1b(J": b"", b"\x1b$@": b"\x1b$@", b"\x1b$B": b"\x1b$B", b"\x1b$(D": b"\x1b$(D"}
_ESCAPE = re.compile(rb"\x1b(?:\$[()-/]?[@-~]|[()-/][@-~])")
# Where ISO 2022 falls back to the first set: ends of values, of lines, of parts of a person's name.
_RESET = re.compile(rb"([\\\r\n\f\t^=])")


@dataclass(frozen=True)
class CharacterSet:
    """`whole`: one encoding without escapes. Otherwise ISO 2022, `right` being what G1 holds at first."""

    whole: str = ""
    right: str = ""

    def decode(self, value: bytes) -> str:
        """Never fails: what cannot be told becomes U+FFFD; NULs are left out."""
        if value.isascii() and b"\x1b" not in value:
            text = value.decode("ascii")
        elif self.whole:
            text = value.decode(self.whole, "replace")
        elif b"\x1b" not in value:
            text = self._decode_plain(value, self.right)
        else:
            text = self._decode_escaped(value)
        return text.replace("\0", "") if "\0" in text else text

    def _decode_plain(self, value: bytes, right: str) -> str:
        if right:
            return value.decode(right, "replace")
        try:
            return value.decode("utf_8")
        except UnicodeDecodeError:
            return value.decode(_UNDECLARED, "replace")

    def _decode_escaped(self, value: bytes) -> str:
        left, right = b"", self.right
        parts: list[str] = []
        position = 0
        for found in [*_ESCAPE.finditer(value), None]:
            segment = value[position : found.start() if found else len(value)]
            if left:
                parts.append((left + segment).decode("iso2022_jp_2", "replace"))
            elif segment:
                text, right = self._decode_segment(segment, right)
                parts.append(text)
            if found:
                position = found.end()
                left = _LEFT_ESCAPES.get(found[0], left)
                right = _RIGHT_ESCAPES.get(found[0], right)
        return "".join(parts)

    def _decode_segment(self, segment: bytes, right: str) -> tuple[str, str]:
        """The text of a segment, and what G1 holds after it."""
        if not self.right:  # many who began with plain ASCII do not repeat the escape after a delimiter
            return self._decode_plain(segment, right), right
        texts = []
        for part in _RESET.split(segment):
            if _RESET.match(part):
                right = self.right
            texts.append(self._decode_plain(part, right))
        return "".join(texts), right


@lru_cache(maxsize=256)
def character_set(declared: bytes) -> CharacterSet:
    """What a Specific Character Set means; unknown or undeclared: UTF-8 where it is valid, else Latin-5."""
    terms = [term.strip(" \0").upper() for term in declared[:256].decode("ascii", "replace").split("\\")]
    first = terms[0].replace("ISO-IR", "ISO_IR").replace("ISO IR", "ISO_IR").replace("ISO_2022_IR_", "ISO 2022 IR ")
    if first in ("UTF-8", "UTF8"):
        first = "ISO_IR 192"
    if first in _WHOLE:
        return CharacterSet(whole=_WHOLE[first])
    number = first.rpartition(" ")[2] if first.startswith(("ISO_IR", "ISO 2022 IR")) else ""
    # ISO 2022 IR 149 and 58 are code extensions; as first term they are what a sender without escapes means.
    return CharacterSet(right=_RIGHT_HALVES.get(number, ""))


_LETTERS = str.maketrans(
    {
        "ı": "i",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ə": "e",
        "ى": "ي",
        "ی": "ي",
        "ې": "ي",
        "ک": "ك",
        "ٱ": "ا",
        "ء": None,
        "ة": "ه",
        "ہ": "ه",
        "ھ": "ه",
        "ە": "ه",
        "ۃ": "ه",
        "ـ": None,
        **{chr(0x660 + digit): str(digit) for digit in range(10)},
        **{chr(0x6F0 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("\0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"),
        **dict.fromkeys(map(chr, range(0x202A, 0x202F))),
        **dict.fromkeys(map(chr, range(0x2066, 0x206A))),
    }
)
# Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowels; other scripts' marks are letters.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)


def fold(text: str) -> str:
    """The key under which a text is searched: no case, accents, Turkish dots, Arabic variants, double spaces.

    Folding twice changes nothing. `*`, `?`, `^` and `=` stay, so a query is folded whole, wildcards and all.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = unicodedata.normalize("NFKC", _MARKS.sub("", text.translate(_LETTERS)))
    return " ".join(text.lower().split()).replace("\0", "")


def fold_name(text: str) -> str:
    """`fold` for a person's name, whose components and groups are parted by single spaces then."""
    return " ".join(part for part in re.split(r"[\^= ]+", fold(text)) if part)
