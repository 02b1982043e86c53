"""The pages of members and branches: who is found, given other rights, and importers kept to their window."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.functions.doors import bearer, token
from tests.portal.visits import scope_of, send, show

PAGE, BRANCHES = "/admin/members", "/admin/branches"


@pytest.fixture
def admin(doors: Any) -> Any:
    return scope_of(doors, "admin")


def id_of(doors: Any, role: str) -> str:
    [row] = doors.services.database.fetch(
        text("select cast(id as text) as id from organization_members where email = :email"),
        {"email": f"{role}@example.org"},
    )
    return str(row["id"])


def test_members_are_found_by_name_role_branch_and_state(doors: Any, admin: Any) -> None:
    send(doors, f"{PAGE}/disable", admin, email="accounting@example.org")
    send(doors, f"{PAGE}/branches", admin, member=id_of(doors, "centre"), branches=[doors.made.branch_id])
    send(doors, f"{PAGE}/importer", admin, member=id_of(doors, "technician"), until="2025-12-31T00:00")

    def found(query: str) -> list[str]:
        page = show(doors, f"{PAGE}?{query}", admin).text
        return [role for role in ("centre", "technician", "radiologist", "accounting") if f"<bdi>{role}@" in page]

    assert found("") == ["centre", "technician", "radiologist", "accounting"]
    assert (found("q=RADIO"), found("role=centre"), found("branch=MERKEZ")) == (["radiologist"], ["centre"], ["centre"])
    assert (found("state=disabled"), found("state=importer")) == (["accounting"], ["technician"])
    assert found("state=closed") == ["technician"] and found("state=active") == ["centre", "radiologist"]
    assert found("role=centre&state=disabled") == []


def test_members_and_branches_are_found_whatever_the_case_of_turkish_letters(doors: Any, admin: Any) -> None:
    for name, code in (("Işıklı İstanbul", "IST"), ("Dev", "DEV")):
        send(doors, BRANCHES, admin, name=name, code=code)
    send(doors, PAGE, admin, email="new@example.org", name="Çiğdem İNCİ", role="centre")

    def found(word: str) -> list[str]:
        page = show(doors, f"{BRANCHES}?q={word}", admin)
        assert 'hx-push-url="true"' in page.text and f'value="{word}"' in page.text
        return re.findall(r"<th scope=\"row\"><code>(\w+)</code>", page.text)

    assert found("") == ["MERKEZ", "IST", "DEV"]
    assert found("isikli istanbul") == found("IŞIKLI") == found("ist") == ["IST"]
    assert found("dev") == ["DEV"] and found("nowhere") == []
    assert "Nothing matches." in show(doors, f"{BRANCHES}?q=nowhere", admin).text
    assert "<bdi>new@" in show(doors, f"{PAGE}?q=cigdem+inci", admin).text
    assert "&lt;b&gt;" in show(doors, f"{BRANCHES}?q=<b>", admin).text
    assert show(doors, f"{BRANCHES}?q={'x' * 201}", admin).status_code == 400


def test_a_disabled_member_comes_in_again(doors: Any, admin: Any) -> None:
    send(doors, f"{PAGE}/disable", admin, email="centre@example.org")
    assert token(doors, "centre").status_code == 401
    assert send(doors, f"{PAGE}/enable", admin, member=id_of(doors, "centre")).headers["location"] == PAGE
    assert token(doors, "centre").status_code == 200
    [row] = doors.services.database.fetch(text("select subject, source_ip from audit where subject like '%: enabled'"))
    assert row["subject"].startswith(id_of(doors, "centre")) and row["source_ip"] == "testclient"


def test_another_role_ends_what_the_one_before_allowed(doors: Any, admin: Any, clock: Any) -> None:
    before = bearer(token(doors, "technician"))
    changed = send(doors, f"{PAGE}/role", admin, member=id_of(doors, "technician"), role="accounting", manager="1")
    assert changed.headers["location"] == PAGE
    clock.pass_s(6)
    assert doors.client.get("/auth/me", headers=before).status_code == 401
    me = doors.client.get("/auth/me", headers=bearer(token(doors, "technician"))).json()
    assert (me["role"], me["manager"]) == ("accounting", True)
    assert send(doors, f"{PAGE}/role", admin, member=id_of(doors, "technician"), role="king").status_code == 400
    nobody = doors.made.organization_id
    for path, form in (("role", {"role": "admin"}), ("enable", {}), ("importer", {"until": "2030-01-01T00:00"})):
        assert send(doors, f"{PAGE}/{path}", admin, member=nobody, **form).status_code == 404


def test_an_importer_uploads_inside_its_window_and_nothing_else(
    doors: Any, admin: Any, clock: Any, sample: Callable[[str], bytes]
) -> None:
    member = id_of(doors, "technician")
    send(doors, f"{PAGE}/branches", admin, member=member, branches=[doors.made.branch_id])
    # The clock says 12:00 in Istanbul.
    send(doors, f"{PAGE}/importer", admin, member=member, **{"from": "2026-01-05T13:00", "until": "2026-01-05T14:00"})
    assert token(doors, "technician").status_code == 401
    clock.pass_s(3600)
    headers = bearer(token(doors, "technician")) | {"Content-Type": "application/dicom"}

    def store() -> int:
        body = sample("CT_small.dcm")
        return int(doors.client.post("/dicomweb/studies", headers=headers, content=body).status_code)

    assert store() == 200
    assert doors.client.get("/dicomweb/studies", headers=headers).status_code == 403
    send(doors, f"{PAGE}/importer", admin, member=member, until="2026-01-05T13:20")
    clock.pass_s(6)
    assert store() == 401  # the window was changed under it
    headers = bearer(token(doors, "technician")) | {"Content-Type": "application/dicom"}
    assert store() == 200
    clock.pass_s(timedelta(minutes=20).total_seconds())
    assert (store(), token(doors, "technician").status_code) == (401, 401)
    send(doors, f"{PAGE}/importer", admin, member=member)
    assert token(doors, "technician").status_code == 200
    wrong = {"from": "2026-01-05T14:00", "until": "2026-01-05T13:00"}
    assert send(doors, f"{PAGE}/importer", admin, member=member, **wrong).status_code == 400
    assert send(doors, f"{PAGE}/importer", admin, member=member, until="tomorrow").status_code == 400
