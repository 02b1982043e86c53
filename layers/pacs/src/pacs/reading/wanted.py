"""Which studies does somebody want to see? The parameters of a list, which saved filters keep, as SQL over `studies s`.

Pure but for the words of SQL. Called by reading.worklist and reading.filters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from pacs.archive.search import like_escape
from pacs.dicom.text import fold_name
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.reading.naming import require_uuid
from pacs.reading.states import OPEN, STATES
from pacs.reading.turnaround import ROUTINE_MIN, URGENT_MIN

Assigned = Literal["", "me", "pools", "nobody"]
Order = Literal["worklist", "newest", "oldest", "patient", "date"]
ASSIGNED: tuple[Assigned, ...] = get_args(Assigned)
ORDERS: tuple[Order, ...] = get_args(Order)

MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
BRANCH = re.compile(r"[A-Z0-9]{1,8}")
DATE = re.compile(r"(\d{4})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])", re.ASCII)
PARAMETERS = frozenset(
    ("state", "urgent", "late", "modality", "branch", "assigned", "reader", "pool", "from", "to", "q", "order")
)
SWITCHES = {"true": True, "1": True, "false": False, "0": False}
MOST_VALUES, MOST_WORDS, LONGEST_TEXT = 20, 8, 128


@dataclass(frozen=True)
class Wanted:
    """What is asked for; what is empty or None asks for nothing. Dates are YYYYMMDD, both inclusive."""

    states: tuple[str, ...] = ()
    urgent: bool | None = None
    late: bool = False
    modalities: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()  # their codes
    assigned: Assigned = ""
    reader: str = ""
    pool: str = ""
    first_date: str = ""
    last_date: str = ""
    words: tuple[str, ...] = ()
    order: Order = "worklist"


def read_wanted(values: Mapping[str, Sequence[str]]) -> Wanted:
    """The parameters of a list, lists joined by commas. Raises BadRequest, naming the one at fault."""
    known = {name: [each for each in given if each] for name, given in values.items()}
    for name in known:
        if name not in PARAMETERS:
            raise BadRequest("there is no such parameter", field=name)
    return Wanted(
        states=several(known, "state", lambda each: each in STATES),
        urgent=switch(known, "urgent"),
        late=bool(switch(known, "late")),
        modalities=several(known, "modality", lambda each: MODALITY.fullmatch(each) is not None, str.upper),
        branches=several(known, "branch", lambda each: BRANCH.fullmatch(each) is not None, str.upper),
        assigned=one_of(known, "assigned", ASSIGNED, ""),
        reader=require_uuid(last(known, "reader"), "reader") if known.get("reader") else "",
        pool=require_uuid(last(known, "pool"), "pool") if known.get("pool") else "",
        first_date=date(known, "from"),
        last_date=date(known, "to"),
        words=words(known),
        order=one_of(known, "order", ORDERS, "worklist"),
    )


def last(known: Mapping[str, Sequence[str]], name: str) -> str:
    return known[name][-1] if known.get(name) else ""


def several(
    known: Mapping[str, Sequence[str]],
    name: str,
    good: Callable[[str], bool],
    spelt: Callable[[str], str] = str,
) -> tuple[str, ...]:
    values = [spelt(each.strip()) for given in known.get(name, ()) for each in given.split(",") if each.strip()]
    if len(values) > MOST_VALUES or not all(good(each) for each in values):
        raise BadRequest(f"{name} has a value that nothing has, or more than {MOST_VALUES}", field=name)
    return tuple(dict.fromkeys(values))


def switch(known: Mapping[str, Sequence[str]], name: str) -> bool | None:
    value = last(known, name).lower()
    if value and value not in SWITCHES:
        raise BadRequest(f"{name} is true or false", field=name)
    return SWITCHES[value] if value else None


def one_of(known: Mapping[str, Sequence[str]], name: str, possible: Sequence[Any], default: Any) -> Any:
    value = last(known, name) or default
    if value not in possible:
        raise BadRequest(f"{name} is one of {', '.join(filter(None, possible))}", field=name)
    return value


def date(known: Mapping[str, Sequence[str]], name: str) -> str:
    value = last(known, name)
    found = DATE.fullmatch(value)
    if value and not found:
        raise BadRequest(f"{name} is a date, YYYY-MM-DD", field=name)
    return "".join(found.groups()) if found else ""


def words(known: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The words of a free text, folded as the index keeps them."""
    text = last(known, "q")
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"q has at most {LONGEST_TEXT} characters", field="q")
    return tuple(fold_name(text).split()[:MOST_WORDS])


def conditions(wanted: Wanted, scope: Scope, now: datetime, parameters: dict[str, Any], name: str = "w") -> list[str]:
    """What studies must meet, as SQL; values go into `parameters` under names that begin with `name`."""
    found = []

    def hold(suffix: str, value: Any) -> str:
        parameters[f"{name}_{suffix}"] = value
        return f":{name}_{suffix}"

    if wanted.states:
        found.append(f"s.state = any({hold('states', list(wanted.states))})")
    if wanted.urgent is not None:
        found.append("s.urgent" if wanted.urgent else "not s.urgent")
    if wanted.late:
        found.append(late(hold("now", now)))
    if wanted.modalities:
        names = [hold(f"m{number}", f"\\{each}\\") for number, each in enumerate(wanted.modalities)]
        found.append("(" + " or ".join(f"strpos(s.modalities_in_study, {each}) > 0" for each in names) + ")")
    if wanted.branches:
        codes = hold("branches", list(wanted.branches))
        found.append(
            "s.branch_id in (select id from branches"  # noqa: S608 - the name of a parameter
            " where organization_id = cast(:organization_id as uuid)"
            f" and code = any({codes}))"
        )
    if wanted.first_date:
        found.append(f"s.study_date >= {hold('first', wanted.first_date)}")
    if wanted.last_date:
        found.append(f"s.study_date <= {hold('last', wanted.last_date)}")
    for number, each in enumerate(wanted.words):
        part, beginning = f"%{like_escape(each)}%", f"{like_escape(each.upper())}%"
        found.append(word_condition(hold(f"q{number}", part), hold(f"c{number}", beginning)))
    return found + of_readers(wanted, scope, hold)


def of_readers(wanted: Wanted, scope: Scope, hold: Callable[[str, Any], str]) -> list[str]:
    """Whose studies: mine, those of my pools, nobody's, a reader's, a pool's."""
    found = []
    if wanted.assigned in ("me", "pools"):
        me = f"cast({hold('me', scope.member_id or None)} as uuid)"
        mine = f"(s.claimed_by = {me} or (s.claimed_by is null and s.assigned_member_id = {me}))"
        pools = f"s.assigned_pool_id in (select pool_id from reader_pool_members where member_id = {me})"  # noqa: S608
        found.append(mine if wanted.assigned == "me" else f"(s.claimed_by is null and {pools})")
    if wanted.assigned == "nobody":
        found.append("(s.claimed_by is null and s.assigned_member_id is null and s.assigned_pool_id is null)")
    if wanted.reader:
        reader = f"cast({hold('reader', wanted.reader)} as uuid)"
        found.append(f"coalesce(s.claimed_by, s.assigned_member_id) = {reader}")
    if wanted.pool:
        found.append(f"s.assigned_pool_id = cast({hold('pool', wanted.pool)} as uuid)")
    return found


def late(now: str) -> str:
    """Still to be done, and its time is over. The organization's clocks are looked up once."""
    of = "(select {0} from turnaround where organization_id = cast(:organization_id as uuid))"
    minutes = (
        f"case when s.urgent then coalesce({of.format('urgent_min')}, {URGENT_MIN})"
        f" else coalesce({of.format('routine_min')}, {ROUTINE_MIN}) end"
    )
    open_states = ", ".join(f"'{each}'" for each in OPEN)
    return f"(s.state in ({open_states}) and s.created_at + make_interval(mins => {minutes}) <= {now})"


def word_condition(pattern: str, code: str) -> str:
    """A word is a part of the name, the ID or the accession number, or the beginning of the code."""
    columns = ("patient_name", "patient_id", "accession_number")
    parts = [f"s.{column} like {pattern}" for column in columns]
    return "(" + " or ".join([*parts, f"s.code like {code}"]) + ")"
