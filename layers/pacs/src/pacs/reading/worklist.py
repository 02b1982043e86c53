"""Lists of studies, page by page, and how many there are of each kind. Called by functions/studies and the portal.

A page begins behind the last study of the one before, so that what arrives meanwhile moves nothing.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reading.studies import COLUMNS, FROM, study_of
from pacs.reading.wanted import Order, Wanted, conditions

DEFAULT_LIMIT, MOST = 50, 200
COUNTED = 1000  # more than so many are told as so many
MOST_COUNTS = 50


@dataclass(frozen=True)
class Sorting:
    """The keys of an order, with their types; all of them go up, or all of them down. The last one is unique."""

    keys: tuple[tuple[str, str], ...]
    descending: bool = False


UID = ("s.study_instance_uid", "text")
RECEIVED = ("s.created_at", "timestamptz")
ORDERINGS: dict[Order, Sorting] = {
    "worklist": Sorting((("(not s.urgent)", "boolean"), RECEIVED, UID)),
    "oldest": Sorting((RECEIVED, UID)),
    "newest": Sorting((RECEIVED, UID), descending=True),
    "patient": Sorting((("coalesce(s.patient_name, '')", "text"), UID)),
    "date": Sorting(
        (("coalesce(s.study_date, '')", "text"), ("coalesce(s.study_time, '')", "text"), UID), descending=True
    ),
}


@dataclass(frozen=True)
class Page:
    """Studies in their order. `after` asks for the next page; empty: this is the last one."""

    items: list[dict[str, Any]]
    after: str = ""


def list_studies(
    services: Services, scope: Scope, wanted: Wanted, *, after: str = "", limit: int = DEFAULT_LIMIT
) -> Page:
    """One page of the studies that are wanted and that the scope covers. Raises BadRequest."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit is 1 to {MOST}", field="limit")
    sorting, now = ORDERINGS[wanted.order], services.clock.now()
    parameters: dict[str, Any] = {"limit": limit + 1}
    where = [*scope_conditions(scope, parameters), *conditions(wanted, scope, now, parameters)]
    if after:
        where.append(behind(sorting, read_after(after, wanted.order), parameters))
    down = " desc" * sorting.descending
    order = ", ".join(f"{key}{down}" for key, _ in sorting.keys)
    # What is shown besides is looked up for the rows of the page alone.
    page = f"select s.* from studies s where {' and '.join(where)} order by {order} limit :limit"  # noqa: S608
    marks = ", ".join(f"cast({key} as text) as key{number}" for number, (key, _) in enumerate(sorting.keys))
    found = FROM.replace("studies s", f"({page}) s", 1)
    rows = services.database.fetch(text(f"select {COLUMNS}, {marks} from {found} order by {order}"), parameters)  # noqa: S608
    items = [study_of(row, scope, now) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items)
    keys = [rows[limit - 1][f"key{number}"] for number in range(len(sorting.keys))]
    return Page(items, write_after(wanted.order, keys))


def behind(sorting: Sorting, keys: list[str], parameters: dict[str, Any]) -> str:
    """What comes after a study in an order: one comparison of rows, for which an index can be used."""
    parameters |= {f"after{number}": key for number, key in enumerate(keys)}
    marks = ", ".join(f"cast(:after{number} as {kind})" for number, (_, kind) in enumerate(sorting.keys))
    return f"({', '.join(key for key, _ in sorting.keys)}) {'<' if sorting.descending else '>'} ({marks})"


def write_after(order: Order, keys: list[str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, *keys])).decode().rstrip("=")


def read_after(after: str, order: Order) -> list[str]:
    """The keys of the last study of a page. Raises BadRequest for what is no mark of ours in this order."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(after.encode() + b"=" * (-len(after) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadRequest("after is no mark of a page", field="after") from error
    wanted = [order, *ORDERINGS[order].keys]
    if not isinstance(found, list) or len(found) != len(wanted) or found[0] != order:
        raise BadRequest("after is no mark of a page in this order", field="after")
    if not all(isinstance(each, str) and "\0" not in each for each in found):
        raise BadRequest("after is no mark of a page", field="after")
    return found[1:]


def count_studies(services: Services, scope: Scope, wanted: Mapping[str, Wanted]) -> dict[str, int]:
    """How many there are of each of these, in one statement; at most COUNTED, which means as many or more."""
    if not wanted:
        return {}
    if len(wanted) > MOST_COUNTS:
        raise BadRequest(f"at most {MOST_COUNTS} lists are counted at once", field="filters")
    parameters: dict[str, Any] = {}
    covered, now = scope_conditions(scope, parameters), services.clock.now()
    columns = []
    for number, each in enumerate(wanted.values()):
        where = [*covered, *conditions(each, scope, now, parameters, f"f{number}")]
        counted = f"select from studies s where {' and '.join(where)} limit {COUNTED}"
        columns.append(f"(select count(*) from ({counted}) x) as n{number}")  # noqa: S608
    row = services.database.fetch(text("select " + ", ".join(columns)), parameters)[0]
    return {name: row[f"n{number}"] for number, name in enumerate(wanted)}
