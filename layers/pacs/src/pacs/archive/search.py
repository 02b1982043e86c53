"""QIDO: a parsed query and a scope become one statement, its rows DICOM JSON. Called by archive.pages.

Source: PS3.18 §10.6.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from pacs.archive.shown import shown_at
from pacs.dicom.attributes import Attribute, Level, at_level
from pacs.dicomweb.matching import like_pattern
from pacs.dicomweb.query import Filter, Query
from pacs.people.scope import Scope
from pacs.ports import Database, Rows

Json = dict[str, Any]

ALIAS: dict[Level, str] = {"study": "s", "series": "e", "instance": "i"}
LEVELS: dict[Level, tuple[Level, ...]] = {
    "study": ("study",),
    "series": ("study", "series"),
    "instance": ("study", "series", "instance"),
}
SERIES_JOIN = " join series e using (organization_id, study_instance_uid)"
INSTANCE_JOIN = " join instances i using (organization_id, study_instance_uid, series_instance_uid)"
FROM: dict[Level, str] = {
    "study": "studies s",
    "series": "studies s" + SERIES_JOIN,
    "instance": "studies s" + SERIES_JOIN + INSTANCE_JOIN,
}
# From the level of the answers down to that of a filter.
OF_STUDY = "(e.organization_id, e.study_instance_uid) = (s.organization_id, s.study_instance_uid)"
BELOW: dict[tuple[Level, Level], str] = {
    ("study", "series"): f"series e where {OF_STUDY}",
    ("study", "instance"): f"series e{INSTANCE_JOIN} where {OF_STUDY}",
    ("series", "instance"): "instances i where (i.organization_id, i.study_instance_uid, i.series_instance_uid)"
    " = (e.organization_id, e.study_instance_uid, e.series_instance_uid)",
}
# Stable orders that a viewer expects; the UID at the end makes pages disjoint.
ORDER: dict[Level, str] = {
    "study": "s.study_date desc nulls last, s.study_time desc nulls last, s.study_instance_uid",
    "series": "e.study_instance_uid, e.series_number nulls last, e.series_instance_uid",
    "instance": "i.study_instance_uid, i.series_instance_uid, i.instance_number nulls last, i.sop_instance_uid",
}
SPECIFIC_CHARACTER_SET = "00080005"
# How much of the trigrams of two words must be common for a fuzzy match. 0.4 forgives a letter that is wrong, missing
# or too much in a word of six (yelmaz, yilmz: Yilmaz); the default of 0.5 does not, and at 0.3 Ahmet is Mehmet.
# Only the setting, not a comparison of its own, lets the operator use the index.
LIKENESS = text("select set_config('pg_trgm.strict_word_similarity_threshold', '0.4', true)")
AVAILABLE_TRANSFER_SYNTAX = "00083002"
INSTANCE_AVAILABILITY = "00080056"
RETRIEVE_URL = "00081190"


def search(database: Database, scope: Scope, query: Query, *, origin: str) -> list[Json]:
    """The matches of a query that this scope may see, as DICOM JSON with RetrieveURL under `origin`.

    Another tenant's studies, and those a narrowed token does not name, are simply not there.
    """
    return [document(row, query, origin) for row in search_rows(database, scope, query, query.limit)]


def search_rows(database: Database, scope: Scope, query: Query, limit: int, extra: str = "") -> Rows:
    """The rows that answers are made of, at most `limit`. `extra`: one more column, as SQL."""
    parameters: dict[str, Any] = {"limit": limit, "offset": query.offset}
    conditions = [*scope_conditions(scope, parameters), *shown_at(scope, query.level)]
    conditions += filter_conditions(query, parameters)
    columns = [*selected(query.level), *filter(None, [extra])]
    statement = (
        f"select {', '.join(columns)} from {FROM[query.level]}"  # noqa: S608 - names come from the table of attributes
        f" where {' and '.join(conditions)} order by {order_of(query)} limit :limit offset :offset"
    )
    return fetch_matches(database, query, statement, parameters)


def fetch_matches(database: Database, query: Query, statement: str, parameters: Mapping[str, Any]) -> Rows:
    """Run a search, with our measure of likeness when names are matched by it."""
    if not any(each.kind == "words" for each in query.filters):
        return database.fetch(text(statement), parameters)
    with database.transaction() as statements:
        statements.fetch(LIKENESS)
        return statements.fetch(text(statement), parameters)


def filter_conditions(query: Query, parameters: dict[str, Any]) -> list[str]:
    """The filters as SQL. Those on levels below are met by one and the same series or instance below."""
    here: list[tuple[Level, str]] = []
    below: list[tuple[Level, str]] = []
    groups = of_one_sequence(query)
    by_item = {number for filters in groups for number, each in filters if each.kind == "empty"}
    for number, each in enumerate(query.filters):
        target = here if each.attribute.level in LEVELS[query.level] else below
        if number not in by_item:
            target.append((each.attribute.level, condition(each, number, parameters)))
    for filters in groups:
        target = here if filters[0][1].attribute.level in LEVELS[query.level] else below
        target.append((filters[0][1].attribute.level, item_condition(filters, parameters)))
    conditions = [one for _, one in here]
    if below:
        lowest: Level = "instance" if any(level == "instance" for level, _ in below) else "series"
        wheres = " and ".join(one for _, one in below)
        conditions.append(f"exists (select from {BELOW[query.level, lowest]} and {wheres})")
    return conditions


def of_one_sequence(query: Query) -> list[list[tuple[int, Filter]]]:
    """The filters, with their numbers, on several attributes of one sequence's items."""
    found: dict[str, list[tuple[int, Filter]]] = {}
    for number, each in enumerate(query.filters):
        if each.attribute.sequence:
            found.setdefault(each.attribute.sequence, []).append((number, each))
    return [filters for filters in found.values() if len(filters) > 1]


def item_condition(filters: list[tuple[int, Filter]], parameters: dict[str, Any]) -> str:
    """One and the same item meets all of these; beside what each asks for itself, for which there are indexes.

    Without any item, everything in them is empty. Before the first value and behind the last stands no item.
    Source: PS3.4 §C.2.2.2.6 and §C.2.2.2.7
    """
    columns, names, wheres = [], [], []
    for number, each in filters:
        name = f"item{number}"
        values = {f"{name}_{index}": value for index, value in enumerate(each.values)}
        parameters |= values
        columns.append(rf"string_to_array({column(each.attribute)}, '\')")
        names.append(name)
        operator = "like" if each.kind == "wildcard" else "="
        any_of = [f"{name} {operator} :{one}" for one in values] or [f"{name} is null", f"{name} = ''"]
        wheres.append(f"({' or '.join(any_of)})")
    last = f"greatest({', '.join(f'cardinality({each})' for each in columns)})"
    met = (
        f"exists (select from unnest({', '.join(columns)}) with ordinality as item({', '.join(names)}, place)"
        f" where place > 1 and place < {last} and {' and '.join(wheres)})"
    )
    if any(each.kind != "empty" for _, each in filters):
        return met
    return f"({' and '.join(f'{column(each.attribute)} is null' for _, each in filters)} or {met})"


def order_of(query: Query) -> str:
    """What orderby names, then our own order, which makes pages disjoint."""
    asked = [f"{column(each.attribute)}{' desc' * each.descending} nulls last" for each in query.order]
    own = ORDER[query.level]
    if any(each.attribute.sequence and each.kind != "wildcard" for each in query.filters):
        # PostgreSQL takes what a request names for much more common than it is, and would look for it by walking
        # through everything in this order; so no index may give the order.
        own = re.sub(r"^[a-z_.]+", r"\g<0> || ''", own)
    return ", ".join([*asked, own])


def scope_conditions(scope: Scope, parameters: dict[str, Any]) -> list[str]:
    """What a scope adds to every where clause over `studies s`; its values go into `parameters`."""
    conditions = ["s.organization_id = cast(:organization_id as uuid)"]
    parameters["organization_id"] = scope.organization_id
    if scope.branches is not None:
        conditions.append("s.branch_id = any(cast(:branches as uuid[]))")
        parameters["branches"] = list(scope.branches)
    if scope.studies is not None:
        conditions.append("s.study_instance_uid = any(:studies)")
        parameters["studies"] = list(scope.studies)
    return conditions


def column(attribute: Attribute) -> str:
    """The column of an attribute, with its table's alias. UIDs of a level above stand in every table below."""
    return f"{ALIAS[attribute.level]}.{attribute.column}"


def condition(
    each: Filter, number: int, parameters: dict[str, Any], column: Callable[[Attribute], str] = column
) -> str:
    """One filter as SQL; its values go into `parameters`."""
    at, names = column(each.attribute), [f"f{number}_{index}" for index in range(len(each.values))]
    if each.attribute.several:
        return several_condition(at, each, names, parameters)
    if each.kind == "empty":
        return f"{at} is null" if each.attribute.matching == "integer" else f"({at} is null or {at} = '')"
    if each.kind == "moments" and each.time:
        return moments_condition(at, column(each.time), each, number, parameters)
    parameters.update(zip(names, each.values, strict=True))
    if each.kind == "range":
        return range_condition(at, each, names, parameters)
    if each.kind == "wildcard":
        return "(" + " or ".join(f"{at} like :{name}" for name in names) + ")"
    if each.kind == "words":
        return words_condition(at, names, parameters)
    return f"{at} in ({', '.join(':' + name for name in names)})"


def range_condition(at: str, each: Filter, names: list[str], parameters: dict[str, Any]) -> str:
    """Both bounds belong to the range; an empty bound is open."""
    parts = []
    for operator, name, value in zip((">=", "<="), names, each.values, strict=True):
        if value == "":
            del parameters[name]
        else:
            parts.append(f"{at} {operator} :{name}")
    return "(" + " and ".join(parts or ["true"]) + ")"


def words_condition(at: str, names: list[str], parameters: dict[str, Any]) -> str:
    """Each word is a part of the name, or much like one of its words. A word with a wildcard is a part or nothing."""
    parts = []
    for name in names:
        word = parameters[name]
        parameters[f"{name}_part"] = f"%{like_pattern(word)}%"
        if "?" in word:
            del parameters[name]
            parts.append(f"{at} like :{name}_part")
        else:
            parts.append(f"({at} like :{name}_part or :{name} <<% {at})")
    return "(" + " and ".join(parts) + ")"


def moments_condition(date: str, time: str, each: Filter, number: int, parameters: dict[str, Any]) -> str:
    """From a date and time to a date and time; days between need not tell their time. An empty bound is open."""
    parts = []
    for side, operator, (day, of_day) in zip("ab", "><", (each.values[:2], each.values[2:]), strict=True):
        if day != "":
            name = f"f{number}_{side}"
            parameters |= {f"{name}_day": day, f"{name}_time": of_day}
            parts.append(
                f"{date} {operator}= :{name}_day and ({date} {operator} :{name}_day or {time} {operator}= :{name}_time)"
            )
    return "(" + " and ".join(parts or ["true"]) + ")"


def several_condition(at: str, each: Filter, names: list[str], parameters: dict[str, Any]) -> str:
    """The column holds every value between backslashes, and any one of them may match."""
    if each.kind == "empty":  # of a sequence, one item is enough; two backslashes have nothing between them
        gap = rf" or strpos({at}, '\\') > 0" if each.attribute.sequence else ""
        return f"({at} is null or {at} = ''{gap})"
    if each.attribute.sequence and each.kind != "wildcard":  # these have an index of single values
        parameters.update(zip(names, each.values, strict=True))
        return rf"string_to_array({at}, '\') && cast(array[{', '.join(':' + name for name in names)}] as text[])"
    for name, value in zip(names, each.values, strict=True):
        pattern = str(value) if each.kind == "wildcard" else like_escape(str(value))
        parameters[name] = rf"%\\{pattern}\\%"
    return "(" + " or ".join(f"{at} like :{name}" for name in names) + ")"


def like_escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def selected(level: Level) -> list[str]:
    """The columns a level's answer is made of: the DICOM JSON of each table, and what is computed."""
    columns = []
    for each in LEVELS[level]:
        columns.append(f"{ALIAS[each]}.dicom as {each}_dicom")
        columns += [f"{column(one)} as {each}_{one.column}" for one in at_level(each) if one.computed]
    columns += [f"{ALIAS[level]}.{name}" for name in uid_columns(level)]
    return [*columns, "i.transfer_syntax_uid"] if level == "instance" else columns


def uid_columns(level: Level) -> list[str]:
    names = ["study_instance_uid", "series_instance_uid", "sop_instance_uid"]
    return names[: len(LEVELS[level])]


def answered_levels(query: Query) -> tuple[Level, ...]:
    """The levels whose attributes an answer carries: those above only when the path did not fix them."""
    return tuple(each for each in LEVELS[query.level] if each == query.level or each not in query.fixed_levels)


def document(row: Mapping[str, Any], query: Query, origin: str) -> Json:
    """One answer item: what the standard requires, what includefield asks for, and where to retrieve it."""
    item: Json = {}
    levels = answered_levels(query)
    for level in LEVELS[query.level]:
        known = row[f"{level}_dicom"]
        for each in at_level(level):
            tag = each.sequence or each.tag
            wanted = level in levels and (each.returned or query.includes(each.path))
            if each.computed:
                if wanted:
                    item[tag] = computed(each, row[f"{level}_{each.column}"])
            elif each.optional and "Value" not in known.get(tag, {}):
                continue
            elif wanted or query.includes(each.path) or (each.matching == "uid" and each.column in uid_columns(level)):
                item[tag] = known.get(tag, {"vr": "SQ" if each.sequence else each.vr})
    if query.level == "instance":
        item[AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [row["transfer_syntax_uid"]]}
    item[SPECIFIC_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    item[INSTANCE_AVAILABILITY] = {"vr": "CS", "Value": ["ONLINE"]}
    item[RETRIEVE_URL] = {"vr": "UR", "Value": [retrieve_url(row, query.level, origin)]}
    return dict(sorted(item.items()))


def computed(attribute: Attribute, value: Any) -> Json:
    values = [each for each in str(value).split("\\") if each] if attribute.vr == "CS" else [value]
    return {"vr": attribute.vr, "Value": values} if values else {"vr": attribute.vr}


def retrieve_url(row: Mapping[str, Any], level: Level, origin: str) -> str:
    """Where the thing is retrieved: under our configured origin, never under what a Host header says."""
    parts = zip(("studies", "series", "instances"), uid_columns(level), strict=False)
    return f"{origin}/dicomweb" + "".join(f"/{name}/{row[uid]}" for name, uid in parts)
