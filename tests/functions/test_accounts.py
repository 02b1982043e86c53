"""One's own account: password, second factor, and the link for a forgotten password."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pyotp
from sqlalchemy import text

from functions.migrate.handler import handler as migrate
from pacs.people.organizations import disable_member
from tests.functions.doors import NEW, PASSWORD, WRONG, TurnedClock, bearer, renew, token, told


def test_a_password_is_changed_by_who_knows_it_and_ends_the_other_sessions(doors: Any) -> None:
    here, there = token(doors), token(doors)

    def change(current: str, password: str) -> int:
        body = {"current": current, "password": password}
        return int(doors.client.post("/auth/password", json=body, headers=bearer(here)).status_code)

    assert change("guess", NEW) == 401
    assert change(PASSWORD, "short") == 400
    assert change(PASSWORD, NEW) == 204
    assert renew(doors, there.json()["refresh_token"]).status_code == 401
    assert renew(doors, here.json()["refresh_token"]).status_code == 200
    assert [token(doors, "admin", each).status_code for each in (PASSWORD, NEW)] == [401, 200]


def with_factor(clinic: Any, clock: TurnedClock, role: str = "admin") -> pyotp.TOTP:
    headers = bearer(token(clinic, role))
    made = clinic.client.post("/auth/totp", headers=headers).json()
    assert made["uri"].startswith("otpauth://totp/Bulut%20PACS:")
    totp = pyotp.TOTP(made["secret"])
    wrong = clinic.client.post("/auth/totp/confirm", json={"code": "000000x"}, headers=headers)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "code")
    confirmed = clinic.client.post("/auth/totp/confirm", json={"code": totp.at(clock.now())}, headers=headers)
    assert confirmed.status_code == 204
    assert clinic.client.post("/auth/totp", headers=headers).status_code == 409
    return totp


def test_the_secret_of_a_second_factor_lies_sealed_and_opens_for_its_member_alone(
    doors: Any, clock: TurnedClock
) -> None:
    totp = with_factor(doors, clock)
    database = doors.services.database
    [kept] = database.fetch(text("select totp_secret as x from organization_members where totp_secret is not null"))
    assert totp.secret not in kept["x"]
    # Somebody who can write into the database puts a secret that it knows the code of into another's row.
    database.fetch(
        text("update organization_members set totp_secret = :x, totp_since = now() where role = 'centre'"), kept
    )
    clock.pass_s(30)
    refused = token(doors, "centre", code=totp.at(clock.now()))
    assert (refused.status_code, refused.json()["code"]) == (503, "NOT_CONFIGURED")
    assert token(doors, code=totp.at(clock.now())).status_code == 200


def test_a_second_factor_is_asked_for_and_each_code_is_good_once(doors: Any, clock: TurnedClock) -> None:
    totp = with_factor(doors, clock)
    needed = token(doors)
    assert (needed.status_code, needed.json()["code"]) == (401, "SECOND_FACTOR_NEEDED")
    assert told(token(doors, "admin", "guess")) == WRONG
    assert told(token(doors, code=totp.at(clock.now()))) == WRONG  # it has confirmed the factor
    clock.pass_s(30)
    code = totp.at(clock.now())
    signed_in = token(doors, code=code)
    assert signed_in.status_code == 200
    assert doors.client.get("/auth/me", headers=bearer(signed_in)).json()["second_factor"] is True
    assert told(token(doors, code=code)) == WRONG
    clock.pass_s(300)
    assert token(doors, code=totp.at(clock.now() + timedelta(seconds=30))).status_code == 200
    assert told(token(doors, code=totp.at(clock.now() - timedelta(seconds=60)))) == WRONG


def test_a_second_factor_is_removed_with_the_password_only(doors: Any, clock: TurnedClock) -> None:
    totp = with_factor(doors, clock)
    clock.pass_s(30)
    headers = bearer(token(doors, code=totp.at(clock.now())))
    assert doors.client.post("/auth/totp/remove", json={"password": "guess"}, headers=headers).status_code == 401
    assert doors.client.post("/auth/totp/remove", json={"password": PASSWORD}, headers=headers).status_code == 204
    assert token(doors).status_code == 200


def test_an_administrator_who_owes_a_second_factor_sets_it_up_and_does_nothing_else(
    doors: Any, clock: TurnedClock
) -> None:
    doors.services.settings = replace(doors.services.settings, admin_totp_required=True)
    headers = bearer(token(doors))
    assert doors.client.get("/auth/me", headers=headers).json()["role"] == "enrolling"
    assert doors.client.get("/dicomweb/studies", headers=headers).status_code == 403
    totp = with_factor(doors, clock)
    clock.pass_s(30)
    admin = token(doors, code=totp.at(clock.now()))
    assert doors.client.get("/dicomweb/studies", headers=bearer(admin)).status_code == 200
    assert doors.client.get("/auth/me", headers=bearer(token(doors, "centre"))).json()["role"] == "centre"


# A forgotten password


def ask_for_link(clinic: Any, email: str = "admin@example.org") -> Any:
    return clinic.client.post("/auth/password/forgotten", json={"email": email})


def links(clinic: Any) -> list[str]:
    """The tokens of the links that were sent, in their order."""
    outbox = clinic.services.settings.home / "outbox"
    files = sorted(outbox.iterdir()) if outbox.exists() else []
    told = [message_from_bytes(each.read_bytes(), policy=default).get_content() for each in files]
    return [re.findall(r"http://testserver/reset\?token=(\S+)", each)[0] for each in told]


def reset(clinic: Any, link: str, password: str = NEW) -> Any:
    return clinic.client.post("/auth/password/reset", json={"token": link, "password": password})


def test_a_link_sets_a_new_password_once(doors: Any) -> None:
    session = token(doors).json()["refresh_token"]
    assert (ask_for_link(doors, "Admin@example.org").status_code, ask_for_link(doors).status_code) == (202, 202)
    [link] = links(doors)  # the second time came too soon
    assert (
        doors.services.database.fetch(text("select 1 as x from password_resets where token_hash = :l"), {"l": link})
        == []
    )
    short = reset(doors, link, "short")
    assert (short.status_code, short.json()["field"]) == (400, "password")
    assert reset(doors, link).status_code == 204
    again = reset(doors, link)
    assert (again.status_code, again.json()["field"]) == (400, "token")
    assert renew(doors, session).status_code == 401
    assert [token(doors, "admin", each).status_code for each in (PASSWORD, NEW)] == [401, 200]


def test_a_link_is_good_for_an_hour_and_the_others_go_with_it(doors: Any, clock: TurnedClock) -> None:
    for _ in range(3):
        ask_for_link(doors)
        clock.pass_s(301)
    late, first, second = links(doors)
    clock.pass_s(3600 - 2 * 301)
    assert reset(doors, late).status_code == 400
    assert reset(doors, second).status_code == 204
    assert reset(doors, first).status_code == 400
    assert reset(doors, "nonsense").status_code == 400


def test_nobody_hears_whether_there_is_such_a_member(doors: Any, clock: TurnedClock) -> None:
    disable_member(doors.services.database, doors.scope, "centre@example.org", clock.now())
    known, *unknown = (ask_for_link(doors, f"{name}@example.org") for name in ("admin", "ghost", "centre"))
    for each in unknown:
        assert (each.status_code, each.content) == (known.status_code, known.content)
    assert len(links(doors)) == 1


def test_a_link_ends_the_waiting_of_an_account(doors: Any) -> None:
    for _ in range(6):
        token(doors, "admin", "guess")
    ask_for_link(doors)
    assert reset(doors, links(doors)[0]).status_code == 204
    assert token(doors, "admin", NEW).status_code == 200


def test_a_deployment_makes_the_first_administrator_once_and_only_where_it_is_asked_for(clinic: Any) -> None:
    with clinic.services.database.transaction() as statements:  # as if nothing had ever been there
        statements.fetch(text("set local session_replication_role = replica"))
        statements.fetch(text("truncate organizations cascade"))
    asked = {"email": "first@example.org", "organization": "Klinik"}
    assert migrate({}, None)["administrator"] is None
    made = migrate(asked, None)["administrator"]
    answer = clinic.client.post("/auth/token", data={"username": made["email"], "password": made["password"]})
    assert (answer.status_code, len(made["password"]) >= 12) == (200, True)
    assert migrate(asked, None)["administrator"] is None
