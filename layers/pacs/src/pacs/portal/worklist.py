"""The worklist as people see it: the lists that a role asks for most, one's own filters, and rows with their clocks.

Called by functions/pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from pacs.people.organizations import Branch, list_branches
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal.language import marked
from pacs.portal.prereport_marks import marks_of
from pacs.ports import Database, Services
from pacs.reading.filters import list_filters
from pacs.reading.states import OPEN
from pacs.reading.wanted import PARAMETERS, Wanted, read_wanted
from pacs.reading.worklist import count_studies, list_studies

PAGE_SIZE = 50
LONGEST = 512
STILL_OPEN = ",".join(OPEN)


@dataclass(frozen=True)
class Asked:
    """What somebody asks of the list: parameters as GET /studies takes them, one text each."""

    values: dict[str, str]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        """Those of a query that a list knows; a bare address asks for what is still open."""
        if not PARAMETERS & given.keys():
            return cls({"state": STILL_OPEN})
        return cls({name: given[name][:LONGEST] for name in sorted(PARAMETERS & given.keys()) if given[name]})

    @property
    def wanted(self) -> Wanted:
        """Raises BadRequest, naming the parameter at fault."""
        return read_wanted({name: [value] for name, value in (self.values | {"order": self.order}).items()})

    @property
    def order(self) -> str:
        """What waits longest comes first among what waits; of everything the newest does."""
        narrowed = any(self[name] for name in ("state", "late", "urgent", "assigned", "reader", "pool"))
        return self["order"] or ("worklist" if narrowed else "newest")

    @property
    def address(self) -> str:
        return urlencode(self.values)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


@dataclass(frozen=True)
class View:
    """A list that can be asked for: its name, how many studies it finds, and for a saved one its identifier."""

    name: str
    asked: Asked
    count: int
    saved: str = ""


# The lists of those who read and of those who hand out work, in the order in which they look at them.
READING: tuple[tuple[str, dict[str, str]], ...] = (
    (marked("Mine"), {"assigned": "me", "state": "assigned,claimed,draft,preliminary"}),
    (marked("My pools"), {"assigned": "pools", "state": "assigned"}),
    (marked("For anybody"), {"state": "received"}),
)
ARRANGING: tuple[tuple[str, dict[str, str]], ...] = (
    (marked("Not assigned"), {"state": "received"}),
    (marked("Assigned"), {"state": "assigned"}),
    (marked("Being read"), {"state": "claimed,draft"}),
)
EVERYBODYS: tuple[tuple[str, dict[str, str]], ...] = (
    (marked("Still open"), {"state": STILL_OPEN}),
    (marked("Urgent"), {"state": STILL_OPEN, "urgent": "true"}),
    (marked("Late"), {"late": "true"}),
    (marked("Preliminary"), {"state": "preliminary"}),
    (marked("Final"), {"state": "final,addendum", "order": "newest"}),
    (marked("All"), {"order": "newest"}),
)


def views(services: Services, scope: Scope) -> tuple[list[View], list[View]]:
    """The lists of somebody's role and the ones that they have saved, each with its count."""
    own = (*(READING if may(scope, "studies.claim") else ()), *(ARRANGING if may(scope, "studies.assign") else ()))
    named = {name: Asked(values) for name, values in (*own, *EVERYBODYS)}
    counts = count_studies(services, scope, {name: asked.wanted for name, asked in named.items()})
    standing = [View(name, asked, counts[name]) for name, asked in named.items()]
    saved = list_filters(services, scope) if scope.member_id else []
    kept = [View(row["name"], asked_of_saved(row["wanted"]), row["count"], row["id"]) for row in saved]
    return standing, kept


def asked_of_saved(wanted: Mapping[str, list[str]]) -> Asked:
    return Asked({name: ",".join(values) for name, values in wanted.items()})


@dataclass(frozen=True)
class Listed:
    """A page of the list; `after` asks for the next one. `press` is of this showing: a button pressed twice is one."""

    rows: list[dict[str, Any]]
    after: str
    press: str = field(default_factory=lambda: uuid4().hex)


def list_work(services: Services, scope: Scope, asked: Asked, *, after: str = "") -> Listed:
    """A page of studies. Raises BadRequest, naming the field."""
    page = list_studies(services, scope, asked.wanted, after=after, limit=PAGE_SIZE)
    marks = marks_of(services, scope, page.items)
    rows = [row_of(each, services.clock.now()) | {"mark": marks.get(each["study_instance_uid"])} for each in page.items]
    return Listed(rows, page.after)


def row_of(study: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A study as people read it: its patient's name, its time, and how much is left of its time."""
    time = study["study_time"]
    return {
        **study,
        "patient": person_name(study.get("patient_name", "")),
        "time": f"{time[:2]}:{time[2:4]}" if len(time) >= 4 else "",
        "left": time_left(study, now),
    }


def time_left(study: Mapping[str, Any], now: datetime) -> timedelta | None:
    """Until the report is due; negative when it is late. None: there is nothing to wait for."""
    return None if study["clock"] == "done" else datetime.fromisoformat(study["due_at"]) - now


def person_name(name: str) -> str:
    """A person's name as it is read aloud: family name first, then the given ones. Source: PS3.5 §6.2.1.1"""
    return " ".join(each for each in name.split("=")[0].split("^") if each)


def seen_branches(database: Database, scope: Scope) -> list[Branch]:
    """The branches that somebody may choose among."""
    return [each for each in list_branches(database, scope) if scope.branches is None or each.id in scope.branches]
