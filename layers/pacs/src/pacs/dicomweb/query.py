"""What does a QIDO-RS URL ask for? Called by functions/dicomweb; `archive.search` makes SQL of the answer.

Values leave here in the form in which the index keeps them, so that SQL only compares.

Source: PS3.18 §8.3.4, PS3.4 §C.2.2.2
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from pacs.dicom.attributes import ATTRIBUTES, Attribute, Level, by_name
from pacs.dicomweb.matching import Filter, combine, make_filter, uid_values
from pacs.errors import BadRequest

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Filter", "Query", "parse_query", "tellable"]

MAX_LIMIT = 5000
DEFAULT_LIMIT = MAX_LIMIT  # nobody pages a study's instances; a search that hits the limit says so in a Warning
MAX_OFFSET = 2**31 - 1
SWITCHES = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
CONTROLS = frozenset((*SWITCHES, "limit", "offset", "includefield", "orderby", "accept", "charset"))
LEVELS: tuple[Level, ...] = ("study", "series", "instance")
MAX_ORDER = 8
MAX_TOLD = 32  # names of ignored attributes in one header
TAG = re.compile(r"[0-9A-Fa-f]{8}")
TELLABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
# Said of every answer: character set, where and how it is retrieved.
ANSWERED = frozenset(("00080005", "00080056", "00081190", "00083002"))
# Dates and the times of day that make moments of them.
MOMENTS = (
    ("StudyDate", "StudyTime"),
    ("SeriesDate", "SeriesTime"),
    ("ContentDate", "ContentTime"),
    ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
)


FindAttribute = Callable[[str], Attribute | None]


@dataclass(frozen=True)
class Order:
    """One attribute that answers are sorted by; those without a value come last either way."""

    attribute: Attribute
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed search. Filters are joined by AND; a universal match makes none.

    `include`: tags (eight upper-case digits; paths into sequences joined by dots) asked for beyond the returned
    ones, those matched on among them. `order` goes before our own order. `fixed_levels`: those whose UID the path
    names. `warnings`: texts for `Warning: 299 <service>: <text>`.
    """

    level: Level
    filters: tuple[Filter, ...] = ()
    include: frozenset[str] | Literal["all"] = frozenset()
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    order: tuple[Order, ...] = ()
    fuzzymatching: bool = False
    fixed_levels: frozenset[Level] = frozenset()
    warnings: tuple[str, ...] = ()

    def includes(self, tag: str) -> bool:
        return self.include == "all" or tag in self.include

    @property
    def beyond_index(self) -> frozenset[str]:
        """Tags asked for by name that no column tells, sequences whole; only the stored metadata may have them."""
        named = frozenset() if self.include == "all" else self.include
        return frozenset(path[:8] for path in named - known_paths())


@dataclass
class Parameters:
    """The pairs of a URL, sorted out."""

    controls: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[Attribute, list[tuple[str, str]]] = field(default_factory=dict)  # parameter name and value
    ignored: list[str] = field(default_factory=list)


def parse_query(
    level: Level,
    pairs: Sequence[tuple[str, str]],
    fixed: Mapping[str, str],
    *,
    combined: bool = True,
    find: FindAttribute | None = None,
) -> Query:
    """A search at a level out of decoded query pairs and the UIDs (by keyword) that the path fixes.

    `find` tells which attributes are matched on: without it, all that the index has.

    Ranges of a date and of its time are those of one moment, unless not `combined`: over DIMSE that is negotiated.
    Several values of a key are alternatives, whether multiplevaluematching says so or not.
    Raises BadRequest, whose field is the parameter, for a value that cannot be meant.

    Source: PS3.18 §10.6.1.2
    """
    parameters = sort_out(pairs, find or find_attribute)
    switches = {name: switch(parameters, name) for name in SWITCHES}
    fuzzy = switches["fuzzymatching"]
    fixed_filters = [fixed_filter(keyword, uid) for keyword, uid in fixed.items()]
    filters = key_filters(parameters, fuzzy=fuzzy, empty=switches["emptyvaluematching"], combined=combined)
    return Query(
        level=level,
        filters=(*fixed_filters, *filters),
        include=included(parameters),
        limit=min(whole_number(parameters, "limit", DEFAULT_LIMIT), MAX_LIMIT),
        offset=whole_number(parameters, "offset", 0),
        order=ordered(parameters, level),
        fuzzymatching=fuzzy,
        fixed_levels=frozenset(by_name()[keyword].level for keyword in fixed),
        warnings=tuple(warnings(parameters)),
    )


def key_filters(parameters: Parameters, *, fuzzy: bool, empty: bool, combined: bool) -> list[Filter]:
    """What the keys filter by; a date and a time that are ranges of one form together when `combined`."""
    made = {
        attribute.keyword: found
        for attribute, values in parameters.keys.items()
        if (found := make_filter(attribute, values, fuzzy=fuzzy, empty=empty))
    }
    for date, time in MOMENTS if combined else ():
        hyphens = all("-" in value for _, value in parameters.keys.get(by_name()[time], []))
        if date in made and time in made and hyphens and (moment := combine(made[date], made[time])):
            made[date] = moment
            del made[time]
    return list(made.values())


@lru_cache(maxsize=1)
def known_paths() -> frozenset[str]:
    """What an answer is made of without looking further."""
    return frozenset(each.path for each in ATTRIBUTES) | ANSWERED


def find_attribute(path: str) -> Attribute | None:
    """The attribute of the index at a path of tags."""
    return by_name().get(path)


def sort_out(pairs: Sequence[tuple[str, str]], find: FindAttribute = find_attribute) -> Parameters:
    """Each pair where it belongs. `find` tells which attributes are matched on; what else has a name is ignored.

    Source: PS3.18 §8.3
    """
    parameters = Parameters()
    for name, value in pairs:
        if name in CONTROLS:
            parameters.controls.setdefault(name, []).append(value)
            continue
        path = attribute_path(name)
        if path and (attribute := find(path)):
            parameters.keys.setdefault(attribute, []).append((name, value))
        else:
            parameters.ignored.append(tellable(name))
    return parameters


def tellable(name: str) -> str:
    """The name of a parameter as a header can carry it."""
    return name if TELLABLE.fullmatch(name) else "(a name that cannot be told)"


def attribute_path(name: str) -> str | None:
    """The tags of a name, which may be a path into sequences, joined by dots; None when it names no attribute."""
    tags = [tag_of(step) for step in name.split(".")]
    return ".".join(each for each in tags if each) if all(tags) else None


@lru_cache(maxsize=1024)
def tag_of(name: str) -> str | None:
    """The tag of a keyword or of a tag, in eight upper-case digits."""
    if TAG.fullmatch(name):
        return name.upper()
    if name in by_name():
        return by_name()[name].tag
    from pydicom.datadict import tag_for_keyword  # slow to import, and hardly ever needed

    tag = tag_for_keyword(name) if name else None  # pydicom has an entry whose keyword is empty
    return None if tag is None else f"{tag:08X}"


def switch(parameters: Parameters, name: str) -> bool:
    value = parameters.controls.get(name, ["false"])[-1].strip().lower()
    if value not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false", field=name)
    return value == "true"


def whole_number(parameters: Parameters, name: str, default: int) -> int:
    values = parameters.controls.get(name)
    if not values:
        return default
    text = values[-1].strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= MAX_OFFSET):
        raise BadRequest(f"{name} must be a whole number that is not negative", field=name)
    return int(text)


def included(parameters: Parameters) -> frozenset[str] | Literal["all"]:
    """The tags that includefield names, one or several to a value, and those that are matched on."""
    names = [part.strip() for value in parameters.controls.get("includefield", []) for part in value.split(",")]
    if "all" in names:
        return "all"
    tags = {attribute.path for attribute in parameters.keys}
    for name in names:
        path = attribute_path(name)
        if path:
            tags.add(path)
        elif name:
            raise BadRequest("includefield names no attribute", field="includefield")
    return frozenset(tags)


def ordered(parameters: Parameters, level: Level) -> tuple[Order, ...]:
    """What `orderby` names: attributes joined by commas, each with a hyphen before it when it descends.

    As dcm4chee has it; the standard has no such parameter.
    """
    names = [part.strip() for value in parameters.controls.get("orderby", []) for part in value.split(",")]
    order: list[Order] = []
    for name in filter(None, names):
        attribute = by_name().get(attribute_path(name.removeprefix("-")) or "")
        if attribute is None or LEVELS.index(attribute.level) > LEVELS.index(level) or len(order) == MAX_ORDER:
            raise BadRequest("orderby names no attribute that these answers are sorted by", field="orderby")
        order.append(Order(attribute, name.startswith("-")))
    return tuple(order)


def fixed_filter(keyword: str, uid: str) -> Filter:
    attribute = by_name()[keyword]
    values = uid_values([(keyword, uid)])
    if len(values) != 1:
        raise BadRequest("the path must name one UID", field=keyword)
    return Filter(attribute, "exact", values)


def warnings(parameters: Parameters) -> list[str]:
    if not parameters.ignored:
        return []
    names = ", ".join(dict.fromkeys(parameters.ignored[:MAX_TOLD]))
    return [f"The following attributes are not supported for matching and were ignored: {names}."]
