"""The doors: who comes in, who does not and hears what, and how a session goes on and ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_branch, add_member, add_organization, disable_member
from pacs.people.scope import MEMBER_ROLES, Scope
from pacs.people.signing_in import DOORS, LETS_IN
from tests.functions.doors import PASSWORD, WRONG, TurnedClock, bearer, renew, token, told


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_each_door_lets_in_its_roles_and_answers_others_like_a_wrong_password(doors: Any, role: str) -> None:
    answers = {door: token(doors, role, door=door) for door in DOORS}
    assert {door for door, answer in answers.items() if answer.status_code == 200} == {
        door for door in DOORS if role in LETS_IN[door]
    }
    refused = token(doors, role, "something else")
    assert (refused.status_code, told(refused)) == (401, WRONG)
    for answer in answers.values():
        if answer.status_code != 200:
            assert (answer.status_code, told(answer), set(answer.headers)) == (401, WRONG, set(refused.headers))
    assert token(doors, role).status_code == 200
    assert token(doors, role, door="back").status_code == 400


def test_who_am_i(doors: Any) -> None:
    signed_in = token(doors, "Admin", door="admin").json()
    assert (signed_in["token_type"], signed_in["expires_in"]) == ("bearer", 900)
    me = doors.client.get("/auth/me", headers={"Authorization": f"Bearer {signed_in['access_token']}"}).json()
    assert (me["email"], me["role"], me["branches"], me["manager"]) == ("admin@example.org", "admin", None, False)
    [organization] = me["organizations"]
    assert (organization["name"], [each["code"] for each in organization["branches"]]) == ("Merkez", ["MERKEZ"])
    nobody = doors.client.get("/auth/me", headers=doors.bearer()).json()
    assert (nobody["role"], nobody["email"], nobody["organizations"]) == ("admin", "", [])


def test_unknown_and_disabled_members_hear_the_same(doors: Any, clock: TurnedClock) -> None:
    disable_member(doors.services.database, doors.scope, "centre@example.org", clock.now())
    for role in ("nobody", "centre"):
        answer = token(doors, role)
        assert (answer.status_code, told(answer)) == (401, WRONG)


def test_a_reader_of_a_network_chooses_where_to_work(doors: Any) -> None:
    database = doors.services.database
    away = Scope(add_organization(database, "Ağ"), "system")
    branch = add_branch(database, away, "Kosova", "KOSOVA")
    other = add_branch(database, away, "Dev", "DEV")
    with database.transaction() as statements:
        reader = NewMember("reader@example.org", PASSWORD, "radiologist", "R", [doors.made.branch_id, branch.id])
        add_member(statements, doors.scope, reader)
    home = doors.client.get("/auth/me", headers=bearer(token(doors, "reader"))).json()
    assert [each["name"] for each in home["organizations"]] == ["Merkez", "Ağ"]
    assert home["branches"] == [doors.made.branch_id]
    there = token(doors, "reader", organization=away.organization_id)
    me = doors.client.get("/auth/me", headers=bearer(there)).json()
    assert (me["organization_id"], me["role"], me["branches"]) == (away.organization_id, "radiologist", [branch.id])
    assert other.id not in str(me)
    renewed = renew(doors, there.json()["refresh_token"])
    assert doors.client.get("/auth/me", headers=bearer(renewed)).json()["organization_id"] == away.organization_id
    assert told(token(doors, "centre", organization=away.organization_id)) == WRONG


def test_an_importer_comes_in_while_its_window_is_open(doors: Any, clock: TurnedClock) -> None:
    until = clock.now() + timedelta(minutes=5)
    with doors.services.database.transaction() as statements:
        importer = NewMember("importer@example.org", PASSWORD, "technician", importer=True, importer_until=until)
        add_member(statements, doors.scope, importer)
    signed_in = token(doors, "importer")
    assert signed_in.json()["expires_in"] == 300
    assert doors.client.get("/dicomweb/studies", headers=bearer(signed_in)).status_code == 403
    assert doors.client.post("/dicomweb/studies", headers=bearer(signed_in)).status_code == 415
    clock.pass_s(300)
    assert told(token(doors, "importer")) == WRONG
    assert renew(doors, signed_in.json()["refresh_token"]).status_code == 401


def test_a_session_goes_on_with_each_refresh_token_once(doors: Any, clock: TurnedClock) -> None:
    first = token(doors).json()["refresh_token"]
    clock.pass_s(901)
    second = renew(doors, first)
    assert doors.client.get("/dicomweb/studies", headers=bearer(second)).status_code == 200
    third = renew(doors, second.json()["refresh_token"]).json()["refresh_token"]
    clock.pass_s(10)
    assert renew(doors, first).status_code == 401  # it was stolen, or its successors were
    assert renew(doors, third).status_code == 401
    assert renew(doors, "nonsense").status_code == 401
    assert (
        doors.services.database.fetch(text("select token_hash from refresh_tokens where token_hash like '%=%'")) == []
    )


def test_tabs_that_renew_at_once_go_on_with_the_same_token(doors: Any, clock: TurnedClock) -> None:
    used = token(doors).json()["refresh_token"]
    with ThreadPoolExecutor(6) as many:
        answers = list(many.map(lambda _: renew(doors, used), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    [following] = {answer.json()["refresh_token"] for answer in answers}
    clock.pass_s(9)
    assert renew(doors, used).json()["refresh_token"] == following  # a tab that was slow
    third = renew(doors, following).json()["refresh_token"]
    clock.pass_s(1)
    assert renew(doors, used).status_code == 401  # no tab is as slow as that
    assert renew(doors, third).status_code == 401


def test_nothing_is_kept_of_which_a_refresh_token_could_be_made(doors: Any) -> None:
    first = token(doors).json()["refresh_token"]
    second = renew(doors, first).json()["refresh_token"]
    kept = doors.services.database.fetch(text("select token_hash, salt from refresh_tokens"))
    assert len(kept) == 2
    assert not any(each in str(kept) for each in (first, second))
    [salt] = [row["salt"] for row in kept if row["salt"]]
    assert renew(doors, salt).status_code == 401


def test_an_idle_session_ends_and_a_used_one_does_not(doors: Any, clock: TurnedClock) -> None:
    idle, used = token(doors).json()["refresh_token"], token(doors).json()["refresh_token"]
    clock.pass_s(11 * 3600)
    used = renew(doors, used).json()["refresh_token"]
    clock.pass_s(3600)
    assert renew(doors, idle).status_code == 401
    assert renew(doors, used).status_code == 200


def test_rights_that_were_taken_back_do_not_survive_the_next_refresh(doors: Any, clock: TurnedClock) -> None:
    manager = token(doors, "centre").json()["refresh_token"]
    doors.services.database.fetch(text("update organization_members set role = 'technician' where role = 'centre'"))
    renewed = renew(doors, manager)
    assert doors.client.get("/auth/me", headers=bearer(renewed)).json()["role"] == "technician"
    disable_member(doors.services.database, doors.scope, "centre@example.org", clock.now())
    assert renew(doors, renewed.json()["refresh_token"]).status_code == 401


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(doors: Any) -> None:
    here, there, third = token(doors), token(doors), token(doors)
    stranger = token(doors, "centre")
    listed = doors.client.get("/auth/sessions", headers=bearer(here)).json()
    assert len(listed) == 3 and [each["current"] for each in listed].count(True) == 1
    current = next(each for each in listed if each["current"])
    assert set(current) >= {"id", "source_ip", "user_agent", "created_at", "used_at", "expires_at"}
    path = f"/auth/sessions/{current['id']}"
    assert doors.client.delete(path, headers=bearer(stranger)).status_code == 404
    assert doors.client.delete(path, headers=bearer(there)).status_code == 204
    assert doors.client.delete(path, headers=bearer(there)).status_code == 404
    assert renew(doors, here.json()["refresh_token"]).status_code == 401
    assert doors.client.delete("/auth/sessions", headers=bearer(there)).json() == {"ended": 2}
    for each in (there, third):
        assert renew(doors, each.json()["refresh_token"]).status_code == 401
    assert renew(doors, stranger.json()["refresh_token"]).status_code == 200


def test_logging_out_ends_the_session(doors: Any) -> None:
    refresh_token = token(doors).json()["refresh_token"]
    for _ in range(2):
        assert doors.client.post("/auth/logout", data={"refresh_token": refresh_token}).status_code == 204
    assert renew(doors, refresh_token).status_code == 401


# Browsers


def enter(clinic: Any, **headers: str) -> Any:
    form = {"username": "admin@example.org", "password": PASSWORD, "door": "admin"}
    return clinic.client.post("/auth/session", data=form, headers=headers)


def test_a_browser_gets_cookies_that_its_scripts_cannot_read(doors: Any) -> None:
    answer = enter(doors)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (204, b"", "no-store")
    cookies = {each.partition("=")[0]: each.lower() for each in answer.headers.get_list("set-cookie")}
    assert set(cookies) == {"pacs_session", "pacs_refresh", "pacs_csrf"}
    assert all("samesite=lax" in each for each in cookies.values())
    assert ["httponly" in cookies[name] for name in ("pacs_session", "pacs_refresh", "pacs_csrf")] == [
        True,
        True,
        False,
    ]
    assert "path=/auth" in cookies["pacs_refresh"]
    assert doors.client.get("/dicomweb/studies").status_code == 200


def test_a_cookie_alone_changes_nothing(doors: Any) -> None:
    enter(doors)
    csrf = doors.client.cookies["pacs_csrf"]
    other = doors.services.tokens.csrf("another session")
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other}, {"X-CSRF-Token": csrf[:-1]}):
        refused = doors.client.post("/dicomweb/studies", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
        assert doors.client.post("/auth/session/refresh", headers=headers).status_code == 403
    assert doors.client.post("/dicomweb/studies", headers={"X-CSRF-Token": csrf}).status_code == 415


def test_a_browser_goes_on_and_logs_out(doors: Any, clock: TurnedClock) -> None:
    enter(doors)
    csrf = {"X-CSRF-Token": doors.client.cookies["pacs_csrf"]}
    before = doors.client.cookies["pacs_session"]
    clock.pass_s(60)
    assert doors.client.post("/auth/session/refresh", headers=csrf).status_code == 204
    assert doors.client.cookies["pacs_session"] != before
    assert doors.client.cookies["pacs_csrf"] == csrf["X-CSRF-Token"]
    kept = doors.client.cookies["pacs_refresh"]
    assert doors.client.post("/auth/logout").status_code == 204
    assert not doors.client.cookies
    assert doors.client.get("/dicomweb/studies").status_code == 401
    assert renew(doors, kept).status_code == 401
    assert doors.client.post("/auth/session/refresh", headers=csrf).status_code == 401


def test_a_session_is_never_one_that_was_there_before(doors: Any) -> None:
    enter(doors)
    planted = dict(doors.client.cookies)
    enter(doors)
    assert all(doors.client.cookies[name] != planted[name] for name in planted)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere"}, 204),
        ({"Origin": "http://testserver"}, 204),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://elsewhere"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_no_other_site_signs_a_browser_in(doors: Any, headers: dict[str, str], status: int) -> None:
    assert enter(doors, **headers).status_code == status


# Guessing


def test_an_account_waits_longer_after_each_failure_and_is_as_new_after_a_success(
    doors: Any, clock: TurnedClock
) -> None:
    for _ in range(5):
        assert token(doors, "admin", "guess").status_code == 401
    waits = []
    for _ in range(4):
        blocked = token(doors)
        assert (blocked.status_code, blocked.json()["code"]) == (429, "TOO_MANY_REQUESTS")
        waits.append(int(blocked.headers["retry-after"]))
        clock.pass_s(waits[-1])
        assert token(doors, "admin", "guess").status_code == 401
    assert waits == [2, 4, 8, 16]
    assert token(doors, "centre").status_code == 200  # others are not concerned
    clock.pass_s(3600)
    assert token(doors).status_code == 200
    assert [token(doors, "admin", "guess").status_code for _ in range(4)] == [401] * 4


def test_guessing_at_an_account_that_does_not_exist_is_answered_alike(doors: Any) -> None:
    assert [token(doors, "ghost", "guess").status_code for _ in range(6)] == [401] * 5 + [429]


def test_an_address_that_guesses_everywhere_waits_too(doors: Any, clock: TurnedClock) -> None:
    statuses = []
    for number in range(23):
        statuses.append(token(doors, f"member{number}", "guess").status_code)
    assert statuses == [401] * 21 + [429] * 2
    clock.pass_s(2)
    assert token(doors).status_code == 200


def test_many_guesses_at_once_count_as_many(doors: Any) -> None:
    with ThreadPoolExecutor(8) as many:
        statuses = [answer.status_code for answer in many.map(lambda _: token(doors, "admin", "guess"), range(12))]
    assert (statuses.count(401), statuses.count(429)) == (5, 7)


def test_an_address_may_knock_so_often_in_a_minute(doors: Any, clock: TurnedClock) -> None:
    statuses = [renew(doors, "x").status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]
    clock.pass_s(1)
    assert [renew(doors, "x").status_code for _ in range(2)] == [401, 429]
