"""Which members and branches does an administrator look for, and how do they stand? Asked by functions/pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pacs.dicom.text import fold
from pacs.people.organizations import Branch, list_branches, list_members
from pacs.people.scope import Scope
from pacs.ports import Statements


@dataclass(frozen=True)
class Wanted:
    """Which members are looked for; `branch` is a code."""

    q: str = ""
    role: str = ""
    branch: str = ""
    state: str = ""

    def fits(self, member: Mapping[str, Any]) -> bool:
        said = fold(f"{member['email']} {member['name']} {' '.join(member['branches'])}")
        return (
            fold(self.q) in said
            and self.role in ("", member["role"])
            and (not self.branch or self.branch in member["branches"])
            and self.state in ("", member["state"], *(("importer",) if member["importer"] else ()))
        )

    @property
    def address(self) -> str:
        return urlencode({name: value for name, value in self.__dict__.items() if value})


def search_members(statements: Statements, scope: Scope, filters: Wanted, now: datetime) -> list[dict[str, Any]]:
    """The members that are looked for, each with its `state`."""
    members = [{**each, "state": state_of(each, now)} for each in list_members(statements, scope)]
    return [each for each in members if filters.fits(each)]


def search_branches(statements: Statements, scope: Scope, words: str) -> list[Branch]:
    """The branches whose name or code holds these words."""
    known = list_branches(statements, scope)
    return [each for each in known if fold(words) in fold(f"{each.code} {each.name}")]


def state_of(member: Mapping[str, Any], now: datetime) -> str:
    """`active`, `disabled`, or for importers `closed` outside the window."""
    if member["disabled_at"] is not None:
        return "disabled"
    begins, ends = member["importer_from"], member["importer_until"]
    open_now = ends is not None and (begins is None or begins <= now) and now < ends
    return "closed" if member["importer"] and not open_now else "active"
