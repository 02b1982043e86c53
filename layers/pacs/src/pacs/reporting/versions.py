"""The versions of a report: an append-only chain, each of which holds the digest of the one before.

Whoever changes a report appends to it here, in one transaction; triggers of the database keep what was written. The
digest of a version is over the one canonical form of what it says, who wrote it and when, and over the digest before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import text

from pacs.ports import Statements
from pacs.reporting.body import Sections, digest, verification_code

Kind = Literal["draft", "preliminary", "final", "addendum"]
VERIFIED: tuple[Kind, ...] = ("final", "addendum")
Proof = Literal["session", "password", "code"]

ADD = text(
    "insert into report_versions (report_id, number, kind, member_id, author, at, sections, previous, digest) values"
    " (cast(:report_id as uuid), :number, :kind, cast(:member_id as uuid), :author, :at, cast(:sections as jsonb),"
    " :previous, :digest)"
)
SIGN = text(
    "insert into signatures (report_id, number, member_id, name, at, digest, code, proof) values"
    " (cast(:report_id as uuid), :number, cast(:member_id as uuid), :author, :at, :digest, :code, :proof)"
)
ADVANCE = text(
    "update reports set version = :number, state = :kind, updated_at = :at,"
    " member_id = coalesce(member_id, cast(:member_id as uuid)) where id = cast(:report_id as uuid)"
)
COLUMNS = (
    "v.number, v.kind, cast(v.member_id as text) as member_id, v.author, v.at, v.sections, v.previous, v.digest,"
    " coalesce(g.code, '') as code, coalesce(g.proof, '') as proof"
)
OF = text(
    f"select {COLUMNS} from report_versions v left join signatures g using (report_id, number)"  # noqa: S608
    " where v.report_id = cast(:report_id as uuid) and v.number > :after and (not :signed or g.code is not null)"
    " order by v.number limit :page"
)
# An answer of the Data API holds 1 MB: this many bodies fit.
PAGE = 20


@dataclass(frozen=True)
class Author:
    """Who writes a version; a machine has no `member_id`."""

    member_id: str | None
    name: str


@dataclass(frozen=True)
class Version:
    """One state of a report. `code` and `proof` are of its signature, and empty without one."""

    number: int
    kind: Kind
    member_id: str | None
    author: str
    at: datetime
    sections: Mapping[str, str]
    previous: str
    digest: str
    code: str = ""
    proof: str = ""

    @property
    def signed(self) -> bool:
        return bool(self.code)

    def own_digest(self, report: Mapping[str, Any]) -> str:
        """What the digest must be, from all else; `report` is the row of the report."""
        facts = {
            "report": report["id"],
            "organization": report["organization_id"],
            "study": report["study_instance_uid"],
            "language": report["language"],
            "number": self.number,
            "kind": self.kind,
            "member": self.member_id or "",
            "author": self.author,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "sections": dict(self.sections),
            "previous": self.previous,
        }
        return digest(facts)


def append(
    statements: Statements,
    report: Mapping[str, Any],
    kind: Kind,
    author: Author,
    sections: Sections,
    now: datetime,
    *,
    proof: Proof | None = None,
) -> Version:
    """Add a version to a report whose row the transaction holds; with a `proof` it is signed."""
    number, previous = report["version"] + 1, report["digest"]
    bare = Version(number, kind, author.member_id, author.name, now, sections, previous, "")
    own = bare.own_digest(report)
    values = {
        "report_id": report["id"],
        "number": number,
        "kind": kind,
        "member_id": author.member_id,
        "author": author.name,
        "at": now,
    }
    statements.fetch(ADD, {**values, "sections": dict(sections), "previous": previous, "digest": own})
    code = verification_code(own) if proof else ""
    if proof:
        statements.fetch(SIGN, {**values_of_signature(values), "digest": own, "code": code, "proof": proof})
    statements.fetch(ADVANCE, {name: values[name] for name in ("report_id", "number", "kind", "member_id", "at")})
    return Version(number, kind, author.member_id, author.name, now, sections, previous, own, code, proof or "")


def values_of_signature(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in values.items() if name != "kind"}


def versions_of(statements: Statements, report_id: str, *, after: int = 0, only_signed: bool = False) -> list[Version]:
    """The versions of a report, the first one first: all of them, those after a number, or those that are signed."""
    found: list[Version] = []
    while True:
        values = {"report_id": report_id, "after": after, "signed": only_signed, "page": PAGE}
        rows = statements.fetch(OF, values)
        found += [Version(**row) for row in rows]
        if len(rows) < PAGE:
            return found
        after = found[-1].number


def is_intact(report: Mapping[str, Any], versions: Sequence[Version]) -> bool:
    """Whether every version is what its digest says, and follows the one before."""
    before = ""
    for number, version in enumerate(versions, start=1):
        if (version.number, version.previous) != (number, before) or version.digest != version.own_digest(report):
            return False
        before = version.digest
    return True
