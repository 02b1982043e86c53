"""Every route of the catalogue, asked by somebody of another organization or branch, and by nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from functions.catalogue import FUNCTIONS, function
from functions.entries import Route
from pacs.people.scope import Scope
from pacs.reading.work import set_urgent
from pacs.reporting.drafts import create_draft
from pacs.reporting.templates import create_template
from pacs.worklist.subscriptions import subscribe
from pacs.worklist.workitems import create_workitem
from tests.archive.of_no_patient import hanging_protocol
from tests.worklist.steps import scheduled, state

ROUTES = [route for function in FUNCTIONS for route in function.routes]
GUARDED = [route for route in ROUTES if not route.public]
OTHER = Scope("00000000-0000-4000-8000-000000000000", "admin")
# Answers that concern the caller alone and nobody's data.
OWN = "/auth/"
STORES = (
    "/studies",
    "/dicomweb/studies",
    "/dicomweb/studies/{study}",
    "/dicomweb/workitems",
    "/dicomweb/{category}",
    "/dicomweb/{category}/{instance}",
)
LISTS = (
    "/dicomweb/studies",
    "/dicomweb/series",
    "/dicomweb/instances",
    "/dicomweb/workitems",
    "/dicomweb/{category}",
    "/api/shares",
    "/api/report-templates",
)
SUBSCRIBER = "READER"
# How the work of an organization is arranged, and one's own uploads: tests/reading asks who sees these.
ARRANGED = ("/worklist/", "/uploads")
# Answers with a list that is empty then.
EMPTY = {"GET /studies": "studies", "POST /studies/assign": "assigned"}
# What only readers do; templates are of a whole organization.
OF_READERS = ("/api/reports/", "/api/studies/{code}/reports", "/api/report-templates")
TEMPLATES = "/api/report-templates"
BODIES: dict[str, Any] = {
    "POST /api/studies/{code}/reports": {},
    "PUT /api/reports/{report}": {"version": 1, "sections": {"findings": "a"}},
    "POST /api/reports/{report}/preliminary": {"version": 1},
    "POST /api/reports/{report}/sign": {"version": 1},
    "POST /api/reports/{report}/addendum": {"version": 1, "sections": {"findings": "a"}},
    "POST " + TEMPLATES: {"name": "a"},
    "PUT " + TEMPLATES + "/{template}": {"name": "b"},
    "PUT /api/letterheads/{branch}": {"lines": "a"},
    "PUT /api/studies/{code}/patient": {"attributes": {"PatientName": "A^B"}},
    "POST /api/studies/{code}/patient": {"into": "22222222"},
}


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def address(route: Route, clinic: Any, stored: Any) -> str:
    """The route with the identifiers of the first organization's instance."""
    values = {
        "study": stored.study,
        "series": stored.series,
        "instance": stored.sop_instance_uid,
        "frames": "1",
        "frame": "1",
        "path+": "00720002" if "{category}" in route.path else "7FE00010",
        "category": "hanging-protocols",  # one has the UID of the instance, too
        "organization": clinic.made.organization_id,
        "workitem": stored.sop_instance_uid,  # for want of a better one: it is scheduled under this UID
        "ae": SUBSCRIBER,
        "session": OTHER.organization_id,
        **dict.fromkeys(("filter", "member", "pool", "upload"), OTHER.organization_id),
        "part": "1",
        "share": OTHER.organization_id,
        "code": first(clinic, "studies", "code"),
        "report": first(clinic, "reports", "id"),
        "template": first(clinic, "report_templates", "id"),
        "branch": "MERKEZ",
    }
    path = route.path
    for key, value in values.items():
        path = path.replace("{" + key + "}", value)
    assert "{" not in path, f"this test does not know every parameter of {path}"
    if path == "/viewer-data/ohif-session":
        path += f"?StudyInstanceUIDs={stored.study}"
    if path == "/wado":
        path += (
            f"?requestType=WADO&studyUID={stored.study}&seriesUID={stored.series}&objectUID={stored.sop_instance_uid}"
        )
    return path


def first(clinic: Any, table: str, column: str) -> str:
    """The name of what a test has made, or of nothing."""
    rows = clinic.services.database.fetch(text(f"select cast({column} as text) as name from {table} limit 1"))
    return str(rows[0]["name"]) if rows else OTHER.organization_id


def code_of(clinic: Any, study: str) -> str:
    """The code of a study; one that nothing has where there is no such study."""
    rows = clinic.services.database.fetch(
        text("select code from studies where study_instance_uid = :study"), {"study": study}
    )
    return str(rows[0]["code"]) if rows else "22222222"


def body_of_work(clinic: Any, route: Route, stored: Any) -> Any:
    if route.path == "/studies/assign":
        return {"codes": [code_of(clinic, stored.study)]}
    return {"urgent": True} if route.path.endswith("/urgent") else {}


def ask(clinic: Any, route: Route, stored: Any, headers: dict[str, str]) -> Any:
    body: Any = {"studies": [stored.study]} if route.path in ("/api/launch", "/api/share") else None
    if route.method == "PATCH" and "{share}" in route.path:
        body = {"expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    if name(route) in BODIES:
        body = BODIES[name(route)]
    if "{workitem}" in route.path and route.method != "GET":
        body = state("IN PROGRESS") if route.path.endswith("/state") else {}
    if route.path.startswith("/studies/") and route.method != "GET":
        body = body_of_work(clinic, route, stored)
    return clinic.client.request(
        route.method, address(route, clinic, stored), headers=headers, json=body, follow_redirects=False
    )


def surround(clinic: Any, stored: Any) -> None:
    """A hanging protocol and a workitem under the UID of an instance, with somebody who is told of it; a report of its
    study, and a template."""
    clinic.add(hanging_protocol(stored.sop_instance_uid))
    create_workitem(clinic.services, clinic.scope, scheduled(stored.study), stored.sop_instance_uid)
    subscribe(clinic.services.database, clinic.scope, stored.sop_instance_uid, SUBSCRIBER, deletion_lock=False)
    create_draft(clinic.services, clinic.scope, first(clinic, "studies", "code"), machine="model")
    create_template(clinic.services.database, clinic.scope, "Toraks", {})
    set_urgent(clinic.services, clinic.scope, [code_of(clinic, stored.study)], True)  # which its history tells


def strangers(clinic: Any) -> list[Scope]:
    """Another organization, another branch, and one who is granted no branch."""
    ours = clinic.made.organization_id
    return [OTHER, Scope(ours, "centre", branches=(OTHER.organization_id,)), Scope(ours, "centre", branches=())]


@contextmanager
def of(route: Route) -> Iterator[None]:
    """What fails within names the route."""
    try:
        yield
    except AssertionError as error:
        error.add_note(name(route))
        raise


# Those that only read share one archive.
READING = [route for route in GUARDED if route.method in ("GET", "HEAD")]
ALONE = [[route] for route in GUARDED if route not in READING]


@pytest.mark.parametrize("routes", [READING, *ALONE], ids=lambda each: name(each[0]) if len(each) == 1 else "reading")
def test_strangers_find_nothing(clinic: Any, sample: Callable[[str], bytes], routes: list[Route]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.derive()
    surround(clinic, stored)
    for stranger in strangers(clinic):
        reader = replace(stranger, role="radiologist")
        for route in routes:
            with of(route):
                finds_nothing(clinic, route, stored, reader if route.path.startswith(OF_READERS) else stranger)


def finds_nothing(clinic: Any, route: Route, stored: Any, stranger: Scope) -> None:
    if route.action == "studies.claim":
        stranger = replace(stranger, role="radiologist")  # nobody else claims anything
    answer = ask(clinic, route, stored, clinic.bearer(stranger))
    if route.method == "HEAD":
        told = ask(clinic, replace(route, method="GET"), stored, clinic.bearer(stranger))
        assert (answer.status_code, answer.content) == (told.status_code, b"")
        assert answer.headers.get("content-length") == told.headers.get("content-length")
    elif route.path.startswith(TEMPLATES) and stranger.organization_id == clinic.made.organization_id:
        assert answer.status_code < 300 or answer.status_code in (404, 409)  # they are everybody's of the organization
    elif name(route) == "POST " + TEMPLATES:
        assert answer.status_code == 201  # one of their own
    elif route.path == "/auth/me":
        assert answer.json()["organization_id"] == stranger.organization_id
    elif route.path.startswith((OWN, *ARRANGED)):
        assert answer.status_code in (200, 201, 204, 400, 404)  # this token is no member's
    elif name(route) in EMPTY:
        assert answer.json()[EMPTY[name(route)]] == []
    elif route.method == "POST" and route.path in STORES:
        assert answer.status_code == 415  # storing goes into one's own organization; this body is no DICOM
    elif route.path in LISTS or route.path.endswith(("/series", "/instances")):
        assert (answer.status_code, answer.json()) == (200, [])
    elif route.path.endswith("/events") and answer.status_code == 200:
        # The AE is the organization's; what it is told of is not.
        assert stranger.organization_id == clinic.made.organization_id and answer.json()["events"] == []
    else:
        assert answer.status_code == 404
    assert stored.sop_instance_uid.encode() not in answer.content


FOUND = [each for each in GUARDED if each.method == "GET" and not each.path.startswith((OWN, *ARRANGED, "/api/shares"))]


def test_somebody_of_the_branch_finds_it(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.derive()
    surround(clinic, stored)
    reader = Scope(clinic.made.organization_id, "radiologist", branches=(OTHER.organization_id, clinic.made.branch_id))
    for route in FOUND:
        answer = ask(clinic, route, stored, clinic.bearer(reader))
        with of(route):
            assert answer.status_code == 200
            assert answer.content not in (b"", b"[]")


def test_a_study_of_no_branch_is_seen_by_the_whole_organization_only(
    clinic: Any, sample: Callable[[str], bytes]
) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.services.database.fetch(text("update studies set branch_id = null"))
    member = Scope(clinic.made.organization_id, "centre", branches=(clinic.made.branch_id,))
    assert clinic.get("/studies", scope=member).json() == []
    assert clinic.get(f"/studies/{stored.study}", scope=member).status_code == 404
    assert len(clinic.get("/studies").json()) == 1


def test_uploads_go_to_the_first_branch_and_into_no_hidden_study(clinic: Any, sample: Callable[[str], bytes]) -> None:
    body, ours = sample("CT_small.dcm"), clinic.made.organization_id

    def store(branches: tuple[str, ...]) -> Any:
        headers = clinic.bearer(Scope(ours, "technician", branches)) | {"Content-Type": "application/dicom"}
        return clinic.client.post("/dicomweb/studies", headers=headers, content=body)

    assert store(()).status_code == 403
    assert store((clinic.made.branch_id, OTHER.organization_id)).status_code == 200
    clinic.index()
    [row] = clinic.services.database.fetch(text("select cast(branch_id as text) as branch from studies"))
    assert row["branch"] == clinic.made.branch_id
    refused = store((OTHER.organization_id,))
    assert (refused.status_code, refused.json()["00081198"]["Value"][0]["00081197"]["Value"]) == (409, [0x0124])
    assert store((OTHER.organization_id, clinic.made.branch_id)).status_code == 200


@pytest.mark.parametrize("bearer", ["", "Bearer x.y.z", "Basic YTpi"])
def test_nobody_gets_in(clinic: Any, bearer: str) -> None:
    class Nothing:
        study = series = sop_instance_uid = "1.2.3"

    for route in GUARDED:
        answer = ask(clinic, route, Nothing, {"Authorization": bearer} if bearer else {})
        with of(route):
            assert answer.status_code == 401
            if route.method != "HEAD":
                assert answer.json()["code"] == "UNAUTHENTICATED"


def test_what_is_public_is_listed_here() -> None:
    """A route becomes public on purpose only."""
    pages = function("pages").routes  # those ask themselves: tests/portal
    assert {name(each) for each in ROUTES if each.public and each.method != "OPTIONS" and each not in pages} == {
        "GET /dicomweb",
        "HEAD /dicomweb",
        "GET /ohif",
        "HEAD /ohif",
        "GET /ohif/config",
        "POST /ohif/session",
        "GET /api/share/{token}",
        "GET /share",
        "POST /share",
        "GET /share/report",
        "GET /share/report.pdf",
        "POST /auth/token",
        "POST /auth/session",
        "POST /auth/session/refresh",
        "POST /auth/logout",
        "POST /auth/password/forgotten",
        "POST /auth/password/reset",
    }
