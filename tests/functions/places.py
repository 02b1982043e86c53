"""Three places with the same things in each: one's own branch, another branch, another organization. And who asks.

Whoever adds a route tells here what stands for its parameters, and a body that it can do something with.
"""

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pydicom
from pydicom.uid import generate_uid
from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from functions.entries import Route
from pacs.archive.deriving import derive_instances
from pacs.archive.storing import store_instance
from pacs.people.membership import find_by_email
from pacs.people.organizations import NewMember, add_branch, add_member, add_organization, grant_branches
from pacs.people.scope import LINKED, MEMBER_ROLES, SHARED, Role, Scope
from pacs.people.sessions import open_session
from pacs.reading.filters import save_filter
from pacs.reading.readers import add_pool
from pacs.reading.uploads import begin_upload
from pacs.reading.work import assign, set_urgent
from pacs.reporting.drafts import create_draft
from pacs.reporting.templates import create_template
from pacs.viewing.shares import NewShare, create_share
from pacs.worklist.subscriptions import subscribe
from pacs.worklist.workitems import create_workitem
from tests.ai.rows import add_prereport
from tests.archive.of_no_patient import hanging_protocol
from tests.dictation.rows import add_dictation
from tests.functions.doors import PASSWORD
from tests.worklist.steps import scheduled, state

ROUTES = [route for function in FUNCTIONS for route in function.routes]
GUARDED = [route for route in ROUTES if not route.public]
ROLES: tuple[Role, ...] = (*MEMBER_ROLES, "importer", "enrolling", *LINKED, "system")
WIDE: tuple[Role, ...] = ("admin", "accounting", "individual", "system")  # of no single branch
SUBSCRIBER = "READER"
NOTHING = "00000000-0000-4000-8000-000000000000"
# What is nowhere.
NOBODYS = {
    **dict.fromkeys(("study", "series", "instance", "protocol", "workitem"), "1.2.3"),
    **dict.fromkeys(("filter", "member", "organization", "pool", "report", "session"), NOTHING),
    **dict.fromkeys(("dictation", "draft", "job", "share", "template", "upload"), NOTHING),
    "format": "txt",
    **dict.fromkeys(("frames", "frame", "number"), "1"),
    "path+": "7FE00010",
    "ae": SUBSCRIBER,
    "code": "22222222",
    "branch": "NOWHERE",
}
TEMPLATES = "/api/report-templates"
BODIES: dict[str, Any] = {
    "POST /api/studies/{code}/reports": {},
    "PUT /api/reports/{report}": {"version": 1, "sections": {"findings": "a"}},
    "POST /api/reports/{report}/preliminary": {"version": 1},
    "POST /api/reports/{report}/sign": {"version": 1},
    "POST /api/reports/{report}/addendum": {"version": 1, "sections": {"findings": "a"}},
    "POST " + TEMPLATES: {"name": "a"},
    "PUT " + TEMPLATES + "/{template}": {"name": "b"},
    "PUT /api/dictations/{dictation}": {"version": 1, "sections": {}},
    "PUT /api/letterheads/{branch}": {"lines": "a"},
    "PUT /api/studies/{code}/patient": {"attributes": {"PatientName": "A^B"}},
    "POST /api/studies/{code}/patient": {"into": "22222222"},
}


@dataclass(frozen=True)
class Place:
    """What stands for each parameter of a path, and what no answer to a stranger may say."""

    organization_id: str
    branch_id: str
    values: dict[str, str]
    secrets: tuple[bytes, ...] = field(default=())


def store_study(clinic: Any, sample: bytes, scope: Scope, branch_id: str, patient: str) -> dict[str, str]:
    """A study and a hanging protocol of a branch, under names of their own."""
    dataset, services = pydicom.dcmread(BytesIO(sample)), clinic.services
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = f"{patient}^Hasta", f"ID-{patient}", patient[:16]
    target, protocol = BytesIO(), generate_uid()
    dataset.save_as(target)
    stored = store_instance(services, scope, target.getvalue(), branch_id=branch_id)
    held = store_instance(services, scope, hanging_protocol(protocol), branch_id=branch_id)
    assert (stored.error, held.error) == (None, None)
    clinic.index()
    keys = [info.key for info in services.originals.scan() if stored.sop_instance_uid in info.key]
    assert derive_instances(services, [{"FilePath": key} for key in keys]) == {}
    [row] = services.database.fetch(
        text("select code from studies where study_instance_uid = :study"), {"study": stored.study}
    )
    names = {"study": stored.study, "series": stored.series, "instance": stored.sop_instance_uid}
    return {**names, "protocol": protocol, "code": str(row["code"])}


def plant(clinic: Any, sample: bytes, scope: Scope, branch: tuple[str, str], patient: str) -> Place:
    """A study of a branch (its id and code) with everything that can belong to one.

    `scope` is that of an administrator who has made it all.
    """
    services, stored = clinic.services, store_study(clinic, sample, scope, branch[0], patient)
    study, code, workitem = stored["study"], stored["code"], generate_uid()
    create_workitem(services, scope, scheduled(study), workitem)
    subscribe(services.database, scope, workitem, SUBSCRIBER, deletion_lock=False)
    set_urgent(services, scope, [code], True)  # which its history tells
    share, _ = create_share(services.database, scope, NewShare((study,), note=patient), services.clock.now())
    upload = begin_upload(services, scope, name=f"{patient}.dcm", size_bytes=4, typed={})
    made = {
        **stored,
        **add_prereport(services, scope, study, patient),
        "workitem": workitem,
        "report": str(create_draft(services, scope, code, machine=f"model of {patient}")["id"]),
        "share": share,
        "upload": str(upload["id"]),
        "filter": save_filter(services, scope, patient, {}),
        "dictation": add_dictation(services.database, scope, patient, services.clock.now()),
    }
    secrets = tuple(each.encode() for each in (patient, *made.values()))
    values = NOBODYS | made | {"organization": scope.organization_id, "branch": branch[1]}
    return Place(scope.organization_id, branch[0], values, secrets)


def plant_organization(clinic: Any, place: Place, scope: Scope, email: str) -> Place:
    """What an organization has of its own, whatever the branch: templates, pools, members."""
    services, name = clinic.services, email.partition("@")[0]
    with services.database.transaction() as statements:
        member = add_member(statements, scope, NewMember(email, PASSWORD, "radiologist", name=name))
        session = open_session(statements, member, scope.organization_id, now=services.clock.now(), ttl_s=600)
    values = {
        "template": str(create_template(services.database, scope, name, {})["id"]),
        "pool": add_pool(services.database, scope, name, [member]),
        "member": member,
        "session": session.id,
    }
    secrets = (name.encode(), *(each.encode() for each in values.values()))
    return replace(place, values=place.values | values, secrets=place.secrets + secrets)


@dataclass
class World:
    """A clinic with its own place; the others come when somebody has looked at it alone."""

    clinic: Any
    sample: bytes
    own: Place
    members: dict[str, str]

    def scope(self, role: Role) -> Scope:
        """Somebody of the own branch, or of the organization when its roles are; who has a link was sent the study."""
        member = self.members.get(role, self.members["technician"])
        studies = (self.own.values["study"],) if role in LINKED else None
        session = self.own.values["share"] if role in SHARED else str(uuid.uuid5(uuid.NAMESPACE_OID, role))
        if role in LINKED or role == "system":
            member = ""
        branches = None if role in WIDE else (self.own.branch_id,)
        return Scope(self.own.organization_id, role, branches, studies, member_id=member, session_id=session)

    def bearer(self, role: Role) -> dict[str, str]:
        headers: dict[str, str] = self.clinic.bearer(self.scope(role), "launch" if role in LINKED else "session")
        return headers

    def another_branch(self) -> Place:
        """One whose study waits for a reader of both branches."""
        clinic, ours = self.clinic, maker(self.clinic, self.own.organization_id, "kiyidaki@example.org")
        reader = self.members["radiologist"]
        with clinic.services.database.transaction() as statements:
            branch = add_branch(statements, ours, "Kıyı", "KIYI")
            grant_branches(statements, ours, reader, [self.own.branch_id, branch.id], clinic.services.clock.now())
        place = plant(clinic, self.sample, ours, (branch.id, "KIYI"), "KOMSU")
        assert assign(clinic.services, ours, [place.values["code"]], member_id=reader)
        return place

    def another_organization(self) -> Place:
        with self.clinic.services.database.transaction() as statements:
            organization_id = add_organization(statements, "Yabancı")
            branch = add_branch(statements, Scope(organization_id, "admin"), "Uzak", "UZAK")
        scope = maker(self.clinic, organization_id, "yabanci@example.org")
        place = plant(self.clinic, self.sample, scope, (branch.id, "UZAK"), "YABANCI")
        place = plant_organization(self.clinic, place, scope, "uzaktaki@example.org")
        return place


def maker(clinic: Any, organization_id: str, email: str) -> Scope:
    """An administrator, new there."""
    scope = Scope(organization_id, "admin")
    with clinic.services.database.transaction() as statements:
        return replace(scope, member_id=add_member(statements, scope, NewMember(email, PASSWORD, "admin")))


def begin(clinic: Any, sample: bytes) -> World:
    scope = maker(clinic, clinic.made.organization_id, "kendisi@example.org")
    own = plant(clinic, sample, scope, (clinic.made.branch_id, "MERKEZ"), "KENDI")
    own = plant_organization(clinic, own, scope, "yakindaki@example.org")
    found = {role: find_by_email(clinic.services.database, f"{role}@example.org") for role in MEMBER_ROLES}
    return World(clinic, sample, own, {role: member.id for role, member in found.items() if member})


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, values: dict[str, str]) -> str:
    """The address of a route with these values."""
    path = route.path
    if "{category}" in path:
        values = values | {
            "category": "hanging-protocols",
            "instance": values["protocol"],
            "path+": "00720002",
        }
    for key, value in values.items():
        path = path.replace("{" + key + "}", value)
    assert "{" not in path, f"tests/functions/places.py does not know every parameter of {path}"
    if path == "/viewer-data/ohif-session":
        path += f"?StudyInstanceUIDs={values['study']}"
    if path == "/wado":
        names = {"studyUID": "study", "seriesUID": "series", "objectUID": "instance"}
        path += "?requestType=WADO&" + "&".join(f"{name}={values[key]}" for name, key in names.items())
    return path


def body_of(route: Route, values: dict[str, str]) -> Any:
    """A body that its route can do something with, where it takes one."""
    bodies: dict[str, Any] = {
        **BODIES,
        "POST /api/launch": {"studies": [values["study"]]},
        "POST /api/share": {"studies": [values["study"]]},
        "PATCH /api/shares/{share}": {"expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()},
        "POST /studies/assign": {"codes": [values["code"]]},
        "PUT /studies/{code}/urgent": {"urgent": True},
        "POST /uploads/{upload}/parts": {"numbers": [1]},
        "PUT /worklist/readers/{member}": {"modalities": []},
        "PUT /worklist/pools/{pool}": {"name": "a"},
    }
    if "{workitem}" in route.path:
        return state("IN PROGRESS") if route.path.endswith("/state") else {}
    taken = route.method in ("POST", "PUT", "PATCH") and route.action != "archive.store"
    return bodies.get(name(route), {} if taken else None)
