"""Who asks, and what they may see: the first argument of every query. Made by the authorizer from a token."""

import json
from dataclasses import dataclass
from typing import Literal, get_args

MemberRole = Literal["admin", "centre", "technician", "radiologist", "accounting", "individual"]
Role = MemberRole | Literal["importer", "enrolling", "launch", "share", "share-download", "system"]
LINKED: tuple[Role, ...] = ("launch", "share", "share-download")
SHARED: tuple[Role, ...] = LINKED[1:]
KEY_PREFIX = "rapi_"  # how API keys begin, and no token does
MEMBER_ROLES: tuple[MemberRole, ...] = get_args(MemberRole)


@dataclass(frozen=True)
class Scope:
    """One tenant's view. `branches` and `studies` of None mean all of them; an empty tuple means none.

    `privacy` asks that answers carry no identifying attribute; `studies` are then those that strangers know. `role`
    "launch" is the bearer of a viewer's link, "share" and "share-download" of one for people from outside, which
    `session_id` names; "system" is the archive itself (indexer, deriver, the `pacs` command). `pacs.people.permissions`
    tells what a role, and the right of a `manager`, may do; `actions` are those of them that an API key (which
    `session_id` then names) has been given, None for everybody who has come without one.
    """

    organization_id: str
    role: Role
    branches: tuple[str, ...] | None = None
    studies: tuple[str, ...] | None = None
    privacy: bool = False
    member_id: str = ""
    manager: bool = False
    session_id: str = ""
    actions: tuple[str, ...] | None = None

    def to_json(self) -> str:
        return json.dumps(self.__dict__, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Scope":
        values = json.loads(text)
        for name in ("branches", "studies", "actions"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)
