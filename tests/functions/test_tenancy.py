"""Who is not let in anywhere, what is public, and what belongs to no branch or goes into one.

What everybody may see of whom, route by route: test_walk.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from functions.entries import is_page
from pacs.people.scope import Scope
from tests.functions.places import GUARDED, NOBODYS, body_of, name, path_of

OTHER = Scope("00000000-0000-4000-8000-000000000000", "admin")


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
    headers = {"Authorization": bearer} if bearer else {}
    for route in GUARDED:
        path, body = path_of(route, NOBODYS), body_of(route, NOBODYS)
        answer = clinic.client.request(route.method, path, headers=headers, json=body, follow_redirects=False)
        assert answer.status_code == 401, name(route)
        if route.method != "HEAD":
            assert answer.json()["code"] == "UNAUTHENTICATED", name(route)


def test_what_is_public_is_listed_here() -> None:
    """A route becomes public on purpose only."""
    # Pages ask themselves: tests/portal.
    programs = [route for each in FUNCTIONS for route in each.routes if route.public and not is_page(each, route)]
    assert {name(each) for each in programs if each.method != "OPTIONS"} == {
        "GET /dicomweb",
        "HEAD /dicomweb",
        "GET /api/jobs/ai-provider-health",  # knows its cron tokens itself: test_ai_health
        "POST /api/jobs/ai-provider-health",
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
        # Which knows keys itself: test_external.
        "GET /api/external/v1/templates",
        "POST /api/external/v1/uploads",
        "POST /api/external/v1/report",
        "GET /api/external/v1/report/{jobId}",
        "POST /api/external/v1/pacs/report",
        "GET /api/external/v1/pacs/report/{jobId}",
    }
