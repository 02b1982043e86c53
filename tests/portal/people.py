"""People for tests that look at pages."""

from io import BytesIO
from typing import Any

import pydicom
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_branch, add_member
from pacs.people.scope import MEMBER_ROLES, Scope
from tests.functions.doors import PASSWORD
from tests.portal.visits import scope_of


def members_of_each_role(clinic: Any) -> None:
    """One of each role, named after it, who see the first branch; and a second branch, so that there is a choice."""
    with clinic.services.database.transaction() as statements:
        add_branch(statements, clinic.scope, "Kosova", "KOSOVA")
        for role in MEMBER_ROLES:
            grants = (clinic.made.branch_id,)
            add_member(statements, clinic.scope, NewMember(f"{role}@example.org", PASSWORD, role, role.title(), grants))


def member(clinic: Any, role: Any, name: str = "") -> Scope:
    """The scope of a new member who sees the first branch and is in a session."""
    name, grants = name or role.title(), (clinic.made.branch_id,)
    with clinic.services.database.transaction() as statements:
        new = NewMember(f"{name.lower()}@example.org", PASSWORD, role, name, grants)
        made = add_member(statements, clinic.scope, new)
    return scope_of(clinic, role, branches=grants, member_id=made)


def named(sample: bytes, study: str, name: str, modality: str = "CT", patient: str = "") -> bytes:
    """The sample as an instance of a study of its own, of a patient with this name."""
    dataset = pydicom.dcmread(BytesIO(sample))
    dataset.StudyInstanceUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1.1", f"{study}.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.Modality = name, patient or f"P-{name[:3]}", modality
    dataset.SpecificCharacterSet = "ISO_IR 192"
    written = BytesIO()
    dataset.save_as(written)
    return written.getvalue()


def code_of(clinic: Any, study: str) -> str:
    rows = clinic.services.database.fetch(
        text("select code from studies where study_instance_uid = :study"), {"study": study}
    )
    return str(rows[0]["code"])
