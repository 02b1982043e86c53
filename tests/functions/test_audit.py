"""What people do is written down: who, what, where from, when, by DICOM's codes; and never written over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pyotp
import pytest
from sqlalchemy import text

from pacs.people.audit import EVENTS, MEANINGS, Action
from pacs.people.organizations import NewMember, add_member, disable_member

PASSWORD, NEW = "correct horse battery", "staple correct horse"


def rows(clinic: Any) -> list[tuple[Any, ...]]:
    found = clinic.services.database.fetch(
        text("select action, event_id, event_type, outcome, role, subject, source_ip from audit order by id")
    )
    return [tuple(row.values()) for row in found]


@pytest.fixture
def watched(clinic: Any) -> Any:
    """A clinic with one administrator more, and what was written down until then."""
    with clinic.services.database.transaction() as statements:
        clinic.member = add_member(
            statements, clinic.scope, NewMember("a@example.org", PASSWORD, "admin", manager=True)
        )
    clinic.before = len(rows(clinic))
    return clinic


def sign_in(clinic: Any, email: str = "a@example.org", password: str = PASSWORD, **form: str) -> Any:
    return clinic.client.post("/auth/token", data={"username": email, "password": password, **form})


def test_every_action_has_its_codes() -> None:
    assert set(EVENTS) == set(get_args(Action))
    document = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
    assert [each for each in EVENTS if f"`{each}`" not in document] == []
    assert all(len(event) == 6 and len(kind) in (0, 6) for event, kind in EVENTS.values())
    assert {code for codes in EVENTS.values() for code in codes if code} == set(MEANINGS)


def test_signing_in_and_out_is_written_down_and_so_is_its_refusal(watched: Any) -> None:
    refresh_token = sign_in(watched, door="admin").json()["refresh_token"]
    sign_in(watched, password="guess", door="admin")
    sign_in(watched, email="Secret typed here")
    watched.client.post("/auth/logout", data={"refresh_token": refresh_token})
    done = rows(watched)[watched.before :]
    address = done[0][6]
    assert address and {each[6] for each in done} == {address}
    assert [each[:6] for each in done[:2] + done[3:]] == [
        ("sign-in", "110114", "110122", 0, "admin", "admin"),
        ("sign-in", "110114", "110122", 4, "admin", "admin"),
        ("sign-out", "110114", "110123", 0, "admin", ""),
    ]
    assert done[2][:4] == ("sign-in", "110114", "110122", 4) and done[2][5].startswith("account ")
    assert "Secret" not in str(done)


def test_changes_of_rights_and_accounts_are_written_down(watched: Any) -> None:
    assert rows(watched)[-1][:6] == (
        *("change-rights", "110113", "110136", 0, "admin"),
        f"{watched.member}: admin manager",
    )
    headers = {"Authorization": f"Bearer {sign_in(watched).json()['access_token']}"}
    watched.client.post("/auth/password", json={"current": PASSWORD, "password": NEW}, headers=headers)
    secret = watched.client.post("/auth/totp", headers=headers).json()["secret"]
    code = pyotp.TOTP(secret).at(watched.services.clock.now())
    watched.client.post("/auth/totp/confirm", json={"code": code}, headers=headers)
    watched.client.post("/auth/totp/remove", json={"password": NEW}, headers=headers)
    watched.client.delete("/auth/sessions", headers=headers)
    disable_member(watched.services.database, watched.scope, "a@example.org", watched.services.clock.now())
    done = rows(watched)[watched.before + 1 :]
    assert [(each[0], each[2], each[5]) for each in done] == [
        ("change-account", "110137", "password"),
        ("change-account", "110137", "second factor set up"),
        ("change-account", "110137", "second factor removed"),
        ("sign-out", "110123", "everywhere"),
        ("change-rights", "110136", f"{watched.member}: disabled"),
    ]
    assert not any(word in str(done) for word in (PASSWORD, NEW, secret))


def test_a_launch_is_written_down_with_its_studies(watched: Any, sample: Callable[[str], bytes]) -> None:
    stored = watched.add(sample("CT_small.dcm"))
    body = {"studies": [stored.study]}
    assert watched.client.post("/api/launch", json=body, headers=watched.bearer()).status_code == 200
    assert rows(watched)[-1][:5] == ("launch", "110113", "110135", 0, "admin")
    [row] = watched.services.database.fetch(text("select study_instance_uid as x from audit where action = 'launch'"))
    assert row["x"] == stored.study
