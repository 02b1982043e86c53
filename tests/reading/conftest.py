"""A worklist over a fresh database: studies by plain SQL, readers with their branches, and a clock to be turned."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.organizations import Branch, NewMember, add_branch, add_member, add_organization
from pacs.people.scope import MemberRole, Scope
from pacs.ports import Database
from tests.functions.doors import PASSWORD, TurnedClock

ADD = text(
    "insert into studies (organization_id, study_instance_uid, branch_id, patient_key, patient_name, patient_id,"
    " patient_birth_date, accession_number, modalities_in_study, urgent, created_at, attributes_received_at, dicom)"
    " values (cast(:organization as uuid), :study, cast(:branch as uuid), :key, :name, :id, :born, :accession,"
    " :modalities, :urgent, :now, :now, cast(:dicom as jsonb)) returning code"
)


@dataclass
class Desk:
    """What the room needs of the services, and an organization with two branches."""

    database: Database
    organization_id: str
    branches: list[Branch]
    clock: TurnedClock = field(default_factory=TurnedClock)
    studies: int = 0

    @property
    def admin(self) -> Scope:
        return Scope(self.organization_id, "admin")

    def member(self, name: str, role: MemberRole = "radiologist", branches: list[Branch] | None = None) -> Scope:
        """Somebody who sees these branches, or the first; as they are when signed in."""
        granted = [each.id for each in (self.branches[:1] if branches is None else branches)]
        new = NewMember(f"{name}@example.org", PASSWORD, role, name, granted)
        with self.database.transaction() as statements:
            made = add_member(statements, self.admin, new)
        wide = role in ("admin", "accounting", "individual")
        return Scope(self.organization_id, role, None if wide else tuple(granted), member_id=made)

    def study(self, *, modality: str = "CT", branch: int | None = 0, urgent: bool = False, **given: str) -> str:
        """A study that has just been received; returns its code."""
        self.studies += 1
        self.clock.pass_s(1)
        id_, name = given.get("id", f"p{self.studies}"), given.get("name", "yilmaz ayse")
        dicom = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yılmaz^Ayşe"}]}}
        row = self.database.fetch(
            ADD,
            {
                "organization": self.organization_id,
                "study": f"1.2.{self.studies}",
                "branch": self.branches[branch].id if branch is not None else None,
                "key": given.get("key", id_),
                "name": name,
                "id": id_,
                "born": given.get("born", "19700101"),
                "accession": given.get("accession", f"a{self.studies}"),
                "modalities": f"\\{modality}\\",
                "urgent": urgent,
                "now": self.clock.now(),
                "dicom": dicom,
            },
        )
        return str(row[0]["code"])

    def row(self, code: str) -> dict[str, Any]:
        return dict(self.database.fetch(text("select * from studies where code = :code"), {"code": code})[0])


@pytest.fixture
def desk(database: Database) -> Any:
    organization = add_organization(database, "Merkez")
    scope = Scope(organization, "system")
    branches = [add_branch(database, scope, name, name.upper()) for name in ("Merkez", "Dev")]
    return Desk(database, organization, branches)
