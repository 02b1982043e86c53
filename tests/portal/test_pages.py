"""What pages show, to whom, and what their forms do."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from functions.entries import Route, is_page
from pacs.people.organizations import NewMember, add_branch, add_member, add_organization
from pacs.people.permissions import ALLOWED
from pacs.people.scope import MEMBER_ROLES, Scope
from tests.functions.doors import PASSWORD
from tests.portal.visits import headers, knock, scope_of, send, show

PAGES = [route for each in FUNCTIONS for route in each.routes if is_page(each, route) and route.action]
ROLES = (*MEMBER_ROLES, "importer", "enrolling", "launch", "system")


def ask(clinic: Any, route: Route, scope: Scope | None) -> Any:
    if route.method == "GET" or scope is None:
        return clinic.client.request(route.method, route.path, headers=headers(clinic, scope), follow_redirects=False)
    return send(clinic, route.path, scope)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_the_table_allows_and_nothing_else(clinic: Any, role: Any) -> None:
    scope = scope_of(clinic, role)
    for route in PAGES:
        answer = ask(clinic, route, scope)
        allowed = role in ALLOWED[route.action]  # type: ignore[index]
        if role == "enrolling" and not allowed:
            assert answer.headers["location"] == "/account"
        else:
            assert (answer.status_code != 403) == allowed, route.path
        assert answer.status_code != 500


def test_without_a_session_every_page_leads_to_the_door(clinic: Any) -> None:
    for route in PAGES:
        answer = ask(clinic, route, None)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/auth/renew?next=")
        bearer = clinic.client.request(
            route.method, route.path, headers=clinic.bearer() | {"HX-Request": "true"}, follow_redirects=False
        )
        assert (bearer.status_code, bearer.headers["hx-redirect"][:12]) == (204, "/auth/renew?")


def test_forms_of_others_do_nothing(clinic: Any) -> None:
    scope = scope_of(clinic, "admin")
    for route in (each for each in PAGES if each.method == "POST"):
        for csrf in ("", "x" * 43, clinic.services.tokens.csrf("another session")):
            answer = clinic.client.post(route.path, data={"csrf": csrf}, headers=headers(clinic, scope))
            assert answer.status_code == 403 and "data-copy" in answer.text


def test_a_scripted_form_sends_its_proof_as_a_header(clinic: Any) -> None:
    scope = scope_of(clinic, "admin")
    proof = {"X-CSRF-Token": clinic.services.tokens.csrf(scope.session_id)}
    sent = clinic.client.post("/admin/branches", data={}, headers=headers(clinic, scope, **proof))
    assert sent.status_code == 400


def test_the_dashboard_counts_what_came_today(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.services.database.fetch(
        text(
            "insert into arrivals (organization_id, sop_instance_uid, at, study_instance_uid, series_instance_uid,"
            " transfer_syntax_uid, size_bytes) values (cast(:o as uuid), '1', now(), :study, '2', '3', 4000)"
        ),
        {"o": clinic.made.organization_id, "study": stored.study},
    )
    admin = show(clinic, "/dashboard", scope_of(clinic, "admin")).text
    assert '<p class="figure">1</p><p>Studies received today' in admin and "4 kB" in admin and "Given up" in admin
    other = show(clinic, "/dashboard", scope_of(clinic, "centre", branches=())).text
    assert '<p class="figure">0</p><p>Studies received today' in other and "Given up" not in other


def test_an_error_on_an_open_page_is_a_notice_with_its_reference(clinic: Any) -> None:
    answer = show(clinic, "/worklist?from=x", scope_of(clinic, "admin"), **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-retarget"]) == (400, "#problems")
    assert f'data-copy="{answer.headers["x-request-id"]}"' in answer.text and "<html" not in answer.text


def test_members_are_added_granted_and_disabled(doors: Any) -> None:
    client = doors.client
    knock(doors, "admin", "admin@example.org")
    form = {"csrf": client.cookies["pacs_csrf"]}
    made = client.post(
        "/admin/members",
        data={**form, "email": "new@example.org", "role": "technician", "branches": doors.made.branch_id},
    )
    password = made.text.split('data-copy="')[1].split('"')[0]
    assert knock(doors, "corporate", "new@example.org", password).status_code == 303
    knock(doors, "admin", "admin@example.org")
    form = {"csrf": client.cookies["pacs_csrf"]}
    [row] = doors.services.database.fetch(
        text("select cast(id as text) as id from organization_members where email = 'new@example.org'")
    )

    def grants() -> int:
        return len(doors.services.database.fetch(text("select 1 from organization_member_branches")))

    assert grants() == 1
    client.post("/admin/members/branches", data={**form, "member": row["id"]})
    assert grants() == 0
    client.post("/admin/members/branches", data={**form, "member": row["id"], "branches": doors.made.branch_id})
    assert grants() == 1
    client.post("/admin/members/disable", data={**form, "email": "new@example.org"})
    assert knock(doors, "corporate", "new@example.org", password).status_code == 401
    assert client.post("/admin/members/disable", data={**form, "email": "admin@example.org"}).status_code == 400
    assert knock(doors, "admin", "admin@example.org").status_code == 303
    assert client.get("/admin/members?q=technician@").text.count("@example.org") >= 1


def test_other_organizations_members_and_branches_are_not_there(doors: Any) -> None:
    with doors.services.database.transaction() as statements:
        there = Scope(add_organization(statements, "Elsewhere"), "system")
        branch = add_branch(statements, there, "Hidden", "HID")
        member = add_member(statements, there, NewMember("far@elsewhere.example", PASSWORD, "centre"))
    knock(doors, "admin", "admin@example.org")
    client = doors.client
    form = {"csrf": client.cookies["pacs_csrf"]}
    for path in ("/admin/members", "/admin/branches", "/admin/audit", "/admin/gateway"):
        page = client.get(path).text
        assert "far@elsewhere" not in page and "Hidden" not in page and member not in page
    for sent in ({"member": member}, {"member": member, "branches": doors.made.branch_id}, {"branches": branch.id}):
        assert client.post("/admin/members/branches", data={**form, **sent}).status_code == 404
    assert client.post("/admin/members/disable", data={**form, "email": "far@elsewhere.example"}).status_code == 404


def test_branches_are_added(clinic: Any) -> None:
    scope = scope_of(clinic, "admin")
    assert send(clinic, "/admin/branches", scope, name="Dev", code="dev").status_code == 303
    assert "<code>DEV</code>" in show(clinic, "/admin/branches", scope).text
    assert send(clinic, "/admin/branches", scope, name="Dev", code="dev").status_code == 409


def test_failures_are_tried_again(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    [key] = [info.key for info in clinic.services.originals.scan()]
    clinic.services.database.fetch(
        text(
            "insert into failures (organization_id, stage, object_key, code, reason)"
            " values (cast(:o as uuid), 'index', :key, 'UNAVAILABLE', 'no answer')"
        ),
        {"o": clinic.made.organization_id, "key": key},
    )
    scope = scope_of(clinic, "admin")
    assert stored.sop_instance_uid in show(clinic, "/admin/gateway", scope).text
    before = clinic.services.queue.depth("index").waiting
    assert send(clinic, "/admin/gateway/retry", scope).status_code == 303
    assert clinic.services.queue.depth("index").waiting == before + 1
    assert "Nothing has failed" in show(clinic, "/admin/gateway", scope).text


def test_the_audit_is_searched_and_exported(doors: Any) -> None:
    knock(doors, "admin", "=cmd@example.org")
    knock(doors, "corporate", "centre@example.org", "wrong password")
    scope = scope_of(doors, "admin")
    page = show(doors, "/admin/audit?action=sign-in&member=centre@", scope).text
    assert "centre@example.org" in page and "Refused" in page
    assert "centre@example.org" not in show(doors, "/admin/audit?until=2020-01-01", scope).text
    assert show(doors, "/admin/audit?since=x", scope).status_code == 400
    doors.services.database.fetch(
        text(
            "insert into audit (organization_id, member_id, role, source_ip, action, event_id, event_type, outcome,"
            " subject, number_of_instances) values (cast(:o as uuid), '', 'admin', '', 'launch', '1', '2', 0,"
            " '=HYPERLINK(1)', 0)"
        ),
        {"o": doors.made.organization_id},
    )
    exported = show(doors, "/admin/audit.csv?action=launch", scope)
    assert exported.headers["content-type"].startswith("text/csv") and "'=HYPERLINK(1)" in exported.text
    assert len(exported.text.splitlines()) == 2


def test_settings_hide_how_to_come_in(clinic: Any) -> None:
    page = show(clinic, "/admin/settings", scope_of(clinic, "admin")).text
    assert "PACS_TIME_ZONE" in page and clinic.services.settings.database_dsn not in page
