"""A practice over a fresh archive: a study that arrived, a reader who claimed it, and others around them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import MemberRole, Scope
from pacs.reading.work import claim
from pacs.reporting.drafts import create_draft
from pacs.reporting.signing import Again, sign_report
from tests.archive.conftest import Archive, archive, sample  # noqa: F401 - fixtures
from tests.functions.doors import PASSWORD

FINDINGS = "<p>Sağ akciğerde <b>pnömotoraks yok</b>.</p>"


@dataclass
class Outbox:
    sent: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, to: str, subject: str, text: str, *, html: str = "") -> None:
        self.sent.append((to, subject, text))


@dataclass
class Practice:
    """The archive, the code of its study, and its people."""

    archive: Archive
    code: str
    study: str
    mailer: Outbox = field(default_factory=Outbox)
    people: dict[str, Scope] = field(default_factory=dict)

    def member(self, name: str, role: MemberRole, branches: list[str] | None = None) -> Scope:
        """Somebody who sees these branches, or the one of the study."""
        if name not in self.people:
            granted = [self.archive.branch_id] if branches is None else branches
            new = NewMember(f"{name}@example.org", PASSWORD, role, f"Dr. {name.title()} Işık", granted)
            with self.archive.database.transaction() as statements:
                made = add_member(statements, self.archive.scope, new)
            wide = role in ("admin", "accounting", "individual")
            scope = Scope(self.archive.organization_id, role, None if wide else tuple(granted), member_id=made)
            self.people[name] = scope
        return self.people[name]

    @property
    def reader(self) -> Scope:
        """The radiologist who has claimed the study."""
        return self.people["ayse"]

    def draft(self, **given: Any) -> dict[str, Any]:
        return create_draft(self.archive, self.reader, self.code, **{"sections": {"findings": FINDINGS}, **given})

    def sign(self, report: dict[str, Any], scope: Scope | None = None, again: Again | None = None) -> dict[str, Any]:
        return sign_report(self.archive, scope or self.reader, report["id"], report["version"], again or Again())


@pytest.fixture
def practice(archive: Archive, sample: Callable[[str], bytes]) -> Practice:  # noqa: F811
    stored = archive.store(sample("CT_small.dcm"))
    archive.index()
    [row] = archive.database.fetch(text("select code from studies"))
    made = Practice(archive, row["code"], stored.study)
    made.member("ayse", "radiologist")
    claim(archive, made.reader, made.code)
    return made
