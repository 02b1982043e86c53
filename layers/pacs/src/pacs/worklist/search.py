"""Searching the worklist: a query string and a scope become one statement. Called by functions/workitems.

Source: PS3.18 §11.9, PS3.4 §CC.2.8
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import text

from pacs.dicom.attributes import Attribute
from pacs.dicomweb.matching import Filter, like_pattern, make_filter
from pacs.dicomweb.query import tellable
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.ports import Database
from pacs.worklist.keys import BY_TAGS, SHORT, TAGS, Key
from pacs.worklist.moments import span
from pacs.worklist.payload import Json
from pacs.worklist.scoping import scope_conditions, shown

DEFAULT_LIMIT = 200
MAX_LIMIT = 500  # an answer of the RDS Data API holds 1 MB
LIKENESS = 0.4  # as a search for studies has it
MAX_OFFSET = 2**31 - 1
CONTROLS = ("limit", "offset", "includefield", "fuzzymatching", "accept", "charset")
TAG = re.compile(r"[0-9A-Fa-f]{8}")
# What every answer carries of a workitem; what was performed and read is large, and comes when asked for.
RETURNED = (
    *("00080005", "00080016", "00080018", "0020000D", "00080050"),
    *("00741000", "00741200", "00741202", "00741204", "00404005", "00404010", "00404011", "00404041", "00741002"),
    *("00404018", "00404025", "00404026", "00404027", "00404034", "00400400", "0040A370"),
    *("00100010", "00100020", "00100021", "00100030", "00100040", "00380010", "00380014", "00741224"),
)
OTHERS = {
    "UnifiedProcedureStepPerformedProcedureSequence": "00741216",
    "InputInformationSequence": "00404021",
    "ScheduledProcessingParametersSequence": "00741210",
    "ReplacedProcedureStepSequence": "00741224",
    "ProcedureStepProgressInformationSequence": "00741002",
    "CommentsOnTheScheduledProcedureStep": "00400400",
}
NOT_MATCHED = "The following attributes are not supported for matching and were ignored: {}."


@dataclass
class WorklistQuery:
    """A parsed search. Several values of one key are alternatives; keys are joined by and."""

    keys: dict[Key, list[str]] = field(default_factory=dict)
    include: set[str] = field(default_factory=set)
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    fuzzy: bool = False
    ignored: list[str] = field(default_factory=list)

    @property
    def warning(self) -> str:
        return NOT_MATCHED.format(", ".join(self.ignored)) if self.ignored else ""


def parse_worklist_query(pairs: Sequence[tuple[str, str]]) -> WorklistQuery:
    """A search out of decoded query pairs. Raises BadRequest, whose field is the parameter."""
    query = WorklistQuery()
    for name, value in pairs:
        if name == "includefield":
            query.include |= {tag_of(each.strip()) for each in value.split(",") if each.strip()}
        elif name in ("limit", "offset"):
            setattr(query, name, whole_number(name, value))
        elif name == "fuzzymatching":
            query.fuzzy = switch(name, value)
        elif name not in CONTROLS:
            sort_in(query, name, value)
    query.limit = min(query.limit, MAX_LIMIT)
    return query


def sort_in(query: WorklistQuery, name: str, value: str) -> None:
    """A key where it belongs; what is no key is ignored and told of."""
    steps = [TAGS.get(step, step.upper() if TAG.fullmatch(step) else "") for step in name.split(".")]
    path = ".".join(steps)
    key = BY_TAGS.get(SHORT.get(path, path))
    if key:
        query.keys.setdefault(key, []).append(value)
    else:
        query.ignored.append(tellable(name))


def tag_of(name: str) -> str:
    """A tag, or `all`. Of a path into a sequence, the sequence."""
    first = name.split(".")[0]
    found = "all" if first == "all" else TAGS.get(first) or OTHERS.get(first)
    if found:
        return found
    if TAG.fullmatch(first):
        return first.upper()
    raise BadRequest("includefield names no attribute of a workitem", field="includefield")


def whole_number(name: str, value: str) -> int:
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) <= MAX_OFFSET):
        raise BadRequest(f"{name} must be a whole number that is not negative", field=name)
    return int(digits)


def switch(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false", field=name)
    return value.lower() == "true"


def search_workitems(database: Database, scope: Scope, query: WorklistQuery) -> list[Json]:
    """The matches that this scope may see, those due first first."""
    parameters: dict[str, Any] = {"limit": query.limit, "offset": query.offset}
    conditions = scope_conditions(scope, parameters)
    for number, (key, values) in enumerate(query.keys.items()):
        conditions += condition(key, values, f"k{number}", parameters, fuzzy=query.fuzzy)
    kept = "w.dicom"
    if "all" not in query.include:
        kept = (
            "(select jsonb_object_agg(d.key, d.value) from jsonb_each(w.dicom) d where d.key = any(:returned)) as dicom"
        )
        parameters["returned"] = sorted({*RETURNED, *query.include})
    statement = (
        f"select {kept} from workitems w where {' and '.join(conditions)}"  # noqa: S608 - columns of our table of keys
        " order by w.scheduled_procedure_step_start_at nulls last, w.workitem_uid limit :limit offset :offset"
    )
    return [shown(scope, row["dicom"]) for row in database.fetch(text(statement), parameters)]


def condition(key: Key, values: list[str], name: str, parameters: dict[str, Any], *, fuzzy: bool) -> list[str]:
    """One key as SQL, or nothing when every value matches."""
    if any(value.strip() in ("", "*") for value in values):
        return []
    if key.matching == "moment":
        return [moment_condition(key, values, name, parameters)]
    attribute = Attribute(key.path, key.tags, "", "1", "study", key.column, matching_of(key))
    made = make_filter(attribute, [(key.path, value) for value in values], fuzzy=fuzzy)
    return [filter_condition(key, made, name, parameters)] if made else []


def matching_of(key: Key) -> Literal["uid", "code", "text", "name", "date"]:
    assert key.matching != "moment"
    return key.matching


def filter_condition(key: Key, made: Filter, name: str, parameters: dict[str, Any]) -> str:
    column = f"w.{key.column}"
    names = [f"{name}_{index}" for index in range(len(made.values))]
    if made.kind == "range":
        bounds = [each for each in zip((">=", "<="), names, made.values, strict=True) if each[2] != ""]
        parameters.update({each[1]: each[2] for each in bounds})
        return "(" + " and ".join(f"{column} {operator} :{each}" for operator, each, _ in bounds) + ")"
    if made.kind == "words":
        return words_condition(column, names, made, parameters)
    patterned = made.kind == "wildcard"
    for each, value in zip(names, made.values, strict=True):
        if key.several:
            inner = str(value) if patterned else like_pattern(str(value))
            parameters[each] = rf"%\\{inner}\\%"
        else:
            parameters[each] = value
    operator = "like" if patterned or key.several else "="
    return "(" + " or ".join(f"{column} {operator} :{each}" for each in names) + ")"


def words_condition(column: str, names: list[str], made: Filter, parameters: dict[str, Any]) -> str:
    """Each word is a part of the name, or much like one of its words."""
    parts = []
    for name, word in zip(names, made.values, strict=True):
        parameters |= {name: word, f"{name}_part": f"%{like_pattern(str(word))}%"}
        parts.append(f"({column} like :{name}_part or strict_word_similarity(:{name}, {column}) >= {LIKENESS})")
    return "(" + " and ".join(parts) + ")"


def moment_condition(key: Key, values: list[str], name: str, parameters: dict[str, Any]) -> str:
    alternatives = []
    for index, value in enumerate(values):
        parts = []
        for operator, bound in zip((">=", "<="), span(value, key.path), strict=True):
            if bound is not None:
                each = f"{name}_{index}_{'from' if operator == '>=' else 'to'}"
                parts.append(f"w.{key.column} {operator} :{each}")
                parameters[each] = bound
        alternatives.append("(" + " and ".join(parts) + ")")
    return "(" + " or ".join(alternatives) + ")"
