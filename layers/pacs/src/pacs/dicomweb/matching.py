"""How is one attribute to be matched? The values of a query key, normalised as the index keeps them.

Called by `query` alone. Source: PS3.4 §C.2.2.2
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pacs.dicom.attributes import Attribute
from pacs.dicom.text import fold, fold_name
from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest

Given = Sequence[tuple[str, str]]  # parameter name and value, of one attribute
Kind = Literal["exact", "list", "wildcard", "words", "range", "moments", "empty"]

NO_VALUE = '""'  # Source: PS3.4 §C.2.2.2.7
MAX_CHARACTERS = 256
MAX_WILDCARDS = 16
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
DATE = re.compile(r"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d|60)(?:\.(\d{1,6}))?)?)?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)


@dataclass(frozen=True)
class Filter:
    """One condition on one attribute.

    exact     its value is the one of `values`          list   its value is one of them
    wildcard  it is LIKE any of these patterns          words  it holds each of these words, or one much like it
    range     `values` are the first and the last that match; an empty one is open
    moments   with `time`, which is its time of day, it is one moment; `values` are first date and time, last date and
              time; an empty pair is open
    empty     it has no value; `values` are none

    Patterns are PostgreSQL's, with backslash as escape. Integers are int, all others text: dates YYYYMMDD, times
    HHMMSS.FFFFFF, texts folded, names folded with their components parted by spaces, codes in capitals.
    """

    attribute: Attribute
    kind: Kind
    values: tuple[str | int, ...]
    time: Attribute | None = None


def make_filter(attribute: Attribute, given: Given, *, fuzzy: bool, empty: bool = False) -> Filter | None:
    """The filter that a key's values make together; None when they match everything.

    Several values are joined by OR. `fuzzy` concerns names alone. `empty`: two quotation marks ask for what has no
    value. Raises BadRequest, whose field is the parameter.
    """
    for name, value in given:
        if CONTROL.search(value):
            raise BadRequest("the value holds control characters", field=name)
    if any(value.strip() in ("", "*") for _, value in given):
        return None
    if empty and all(value.strip() == NO_VALUE for _, value in given):
        return Filter(attribute, "empty", ())
    if attribute.matching == "uid":
        return alternatives(attribute, uid_values(given))
    if attribute.matching == "integer":
        return alternatives(attribute, tuple(integer(*each) for each in split(given, r"[,\\]")))
    if attribute.matching in ("date", "time"):
        return moment_filter(attribute, split(given, r"[,\\]"))
    if attribute.matching == "name":
        return name_filter(attribute, split(given, r"\\"), fuzzy=fuzzy)
    if attribute.matching == "text":
        return text_filter(attribute, split(given, r"\\"), fold)
    return text_filter(attribute, split(given, r"[,\\]"), str.upper)


def split(given: Given, delimiter: str) -> list[tuple[str, str]]:
    """Each single value, without spaces around it, with the name of its parameter."""
    values = [(name, part.strip()) for name, value in given for part in re.split(delimiter, value) if part.strip()]
    if not values:
        raise BadRequest("the value is a list of nothing", field=given[0][0])
    return values


def alternatives(attribute: Attribute, values: tuple[str | int, ...]) -> Filter:
    return Filter(attribute, "exact" if len(values) == 1 else "list", values)


def uid_values(given: Given) -> tuple[str, ...]:
    """UIDs, joined by commas or backslashes as viewers do. Raises BadRequest when one is malformed."""
    values = split(given, r"[,\\]")
    for name, value in values:
        if not is_uid(value):
            raise BadRequest("the value must be a UID, or UIDs joined by commas", field=name)
    return tuple(dict.fromkeys(value for _, value in values))


def integer(name: str, value: str) -> int:
    if not INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        raise BadRequest("the value must be a whole number", field=name)
    return int(value)


def moment_filter(attribute: Attribute, given: Given) -> Filter:
    """One date, time or range of them; several dates are alternatives.

    A time given to the minute matches all of that minute, as the end of a range too.
    Source: PS3.4 §C.2.2.2.5
    """
    bounds = date_bounds if attribute.matching == "date" else time_bounds
    ranges = [moment_range(name, value, bounds) for name, value in given]
    if len(ranges) == 1:
        first, last = ranges[0]
        return Filter(attribute, "exact", (first,)) if first == last else Filter(attribute, "range", (first, last))
    if any(first != last for first, last in ranges):
        raise BadRequest("only one range can be matched at a time", field=given[0][0])
    return Filter(attribute, "list", tuple(first for first, _ in ranges))


def combine(date: Filter, time: Filter) -> Filter | None:
    """A date and its time of day as one moment, when both are ranges of the same form; None when they are not.

    Source: PS3.4 §C.2.2.2.5
    """
    if date.kind != "range" or time.kind != "range" or [*map(bool, date.values)] != [*map(bool, time.values)]:
        return None
    bounds = zip(date.values, time.values, strict=True)
    return Filter(date.attribute, "moments", tuple(value for pair in bounds for value in pair), time.attribute)


def moment_range(name: str, value: str, bounds: Callable[[str, str], tuple[str, str]]) -> tuple[str, str]:
    """The first and the last moment of a value; an empty one is open."""
    begin, hyphen, end = (part.strip() for part in value.partition("-"))
    if not hyphen:
        return bounds(name, value)
    if not begin and not end:
        raise BadRequest("the range has neither begin nor end", field=name)
    return (bounds(name, begin)[0] if begin else "", bounds(name, end)[1] if end else "")


def date_bounds(name: str, value: str) -> tuple[str, str]:
    if not DATE.fullmatch(value):
        raise BadRequest("the value must be a date YYYYMMDD, or a range of two joined by a hyphen", field=name)
    return value, value


def time_bounds(name: str, value: str) -> tuple[str, str]:
    found = TIME.fullmatch(value)
    if not found:
        raise BadRequest("the value must be a time HHMMSS.FFFFFF, or a range of two joined by a hyphen", field=name)
    hour, minute, second, fraction = found.groups()
    return (
        f"{hour}{minute or '00'}{second or '00'}.{(fraction or '').ljust(6, '0')}",
        f"{hour}{minute or '59'}{second or '59'}.{(fraction or '').ljust(6, '9')}",
    )


def text_filter(attribute: Attribute, given: Given, normalise: Callable[[str], str]) -> Filter:
    """Exact values, or patterns as soon as one of them has a wildcard."""
    values = [normalise(bounded(*each)) for each in given]
    if any(has_wildcard(each) for each in values):
        return Filter(attribute, "wildcard", tuple(like_pattern(each) for each in values))
    return alternatives(attribute, tuple(values))


def name_filter(attribute: Attribute, given: Given, *, fuzzy: bool) -> Filter | None:
    """A person's name: whole components, in their order, anywhere in the name.

    Fuzzy: every word, or one much like it, is a part of the name, wherever. Several names at once are never fuzzy.
    Source: PS3.4 §C.2.2.2.1.1
    """
    names = [re.sub(r"\*+", "*", fold_name(bounded(*each))) for each in given]
    if fuzzy and len(names) == 1:
        words = tuple(names[0].replace("*", " ").split())
        return Filter(attribute, "words", words) if words else None
    patterns = [name_patterns(each) for each in names]
    if not all(patterns):
        return None
    return Filter(attribute, "wildcard", tuple(pattern for each in patterns for pattern in each))


def name_patterns(name: str) -> tuple[str, ...]:
    """LIKE patterns of a folded name that begins and ends where components do; none when anything matches."""
    core = re.sub(r"^(?:\* )+|(?: \*)+$", "", name)
    if core in ("", "*"):
        return ()
    before = ("",) if core.startswith("*") else ("", "% ")
    after = ("",) if core.endswith("*") else ("", " %")
    return tuple(first + like_pattern(core) + last for first in before for last in after)


def bounded(name: str, value: str) -> str:
    if len(value) > MAX_CHARACTERS or value.count("*") + value.count("?") > MAX_WILDCARDS:
        raise BadRequest(f"the value is longer than {MAX_CHARACTERS} characters or has too many wildcards", field=name)
    return value


def has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


def like_pattern(value: str) -> str:
    """`*` and `?` as LIKE writes them, everything that LIKE would read otherwise escaped."""
    return re.sub(r"[\\%_]", r"\\\g<0>", value).replace("*", "%").replace("?", "_")
