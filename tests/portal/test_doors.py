"""Coming in, staying in and going out, by the pages."""

from typing import Any

import pyotp
import pytest

from pacs.entry.portal import local_path
from pacs.people.scope import MEMBER_ROLES
from pacs.people.signing_in import LETS_IN
from pacs.portal.pages import DOOR_SIGNS
from tests.functions.doors import NEW, PASSWORD
from tests.portal.visits import knock, show, without_reference

DOOR_PATHS = [(path, sign) for sign in DOOR_SIGNS for path in (sign.turkish, sign.english)]


@pytest.mark.parametrize(("path", "sign"), DOOR_PATHS)
def test_every_door_has_two_addresses(clinic: Any, path: str, sign: Any) -> None:
    answer = show(clinic, path)
    assert answer.status_code == 200 and f'name="door" value="{sign.door}"' in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text and " style=" not in answer.text and " onclick=" not in answer.text


@pytest.mark.parametrize("sign", DOOR_SIGNS, ids=lambda each: each.door)
def test_a_wrong_door_answers_as_a_wrong_password_does(doors: Any, sign: Any) -> None:
    for role in MEMBER_ROLES:
        answer = knock(doors, sign.door, f"{role}@example.org")
        if role in LETS_IN[sign.door]:
            assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
        else:
            wrong = knock(doors, sign.door, f"{role}@example.org", "not the password")
            assert answer.status_code == wrong.status_code == 401
            assert without_reference(answer.text) == without_reference(wrong.text)
            assert "data-copy" in answer.text and "set-cookie" not in answer.headers


def test_a_member_comes_in_and_goes_out(doors: Any) -> None:
    client = doors.client
    assert knock(doors, "corporate", "technician@example.org").status_code == 303
    assert client.get("/", follow_redirects=False).headers["location"] == "/dashboard"
    assert client.get("/dashboard").status_code == 200
    assert client.post("/auth/leave", follow_redirects=False).headers["location"] == "/kurumsal/giris"
    assert client.get("/", follow_redirects=False).headers["location"] == "/auth/renew?next=/"
    assert client.get("/auth/renew?next=/", follow_redirects=False).headers["location"] == "/kurumsal/giris"


def test_a_page_goes_on_when_access_has_run_out(doors: Any, clock: Any) -> None:
    knock(doors, "admin", "admin@example.org")
    clock.pass_s(doors.services.settings.session_ttl_s + 1)
    answer = doors.client.get("/worklist?name=yil", follow_redirects=False)
    assert answer.headers["location"] == "/auth/renew?next=%2Fworklist%3Fname%3Dyil"
    assert (
        doors.client.get(answer.headers["location"], follow_redirects=False).headers["location"] == "/worklist?name=yil"
    )
    assert doors.client.get("/worklist").status_code == 200


def test_a_second_factor_is_asked_for_and_taken(doors: Any, clock: Any) -> None:
    client = doors.client
    knock(doors, "admin", "admin@example.org")
    csrf = client.cookies["pacs_csrf"]
    begun = client.post("/account/totp", data={"csrf": csrf}, headers={"Accept-Language": "en"})
    assert "<svg" in begun.text
    secret = begun.text.split('data-copy="')[1].split('"')[0]
    code = pyotp.TOTP(secret).at(clock.now())
    wrong = client.post("/account/totp/confirm", data={"csrf": csrf, "code": "000000"})
    assert wrong.status_code == 400
    done = client.post("/account/totp/confirm", data={"csrf": csrf, "code": code}, follow_redirects=False)
    assert done.headers["location"] == "/account?done=totp"
    asked = knock(doors, "admin", "admin@example.org")
    assert asked.status_code == 401 and 'name="code"' in asked.text and PASSWORD not in asked.text
    clock.pass_s(30)
    assert knock(doors, "admin", "admin@example.org", code=pyotp.TOTP(secret).at(clock.now())).status_code == 303


def test_a_forgotten_password_is_set_anew_by_the_link(doors: Any) -> None:
    client = doors.client
    told = [
        client.post("/auth/forgotten", data={"email": email}) for email in ("admin@example.org", "nobody@example.org")
    ]
    assert [each.status_code for each in told] == [200, 200]
    assert without_reference(told[0].text) == without_reference(told[1].text)
    [mail] = (doors.services.settings.home / "outbox").iterdir()
    path = next(word for word in mail.read_text().split() if "/reset?token=" in word).partition("testserver")[2]
    assert client.get(path).status_code == 200
    token = path.partition("=")[2]
    short = client.post("/auth/reset", data={"token": token, "password": "short"})
    assert short.status_code == 400
    assert client.post("/auth/reset", data={"token": token, "password": NEW}).status_code == 200
    assert client.post("/auth/reset", data={"token": token, "password": NEW}).status_code == 400
    assert knock(doors, "admin", "admin@example.org", NEW).status_code == 303


def test_other_sites_sign_nobody_in(doors: Any) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for path in ("/auth/door", "/auth/leave", "/auth/forgotten", "/auth/reset", "/preferences"):
            assert doors.client.post(path, data={"door": "admin"}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil", "", "/" + "a" * 3000],
)
def test_nobody_is_led_to_another_site(doors: Any, address: str) -> None:
    assert local_path(address) == "/"
    answer = knock(doors, "admin", "admin@example.org", next=address[:500])
    assert answer.headers["location"] == ("/dashboard" if len(address) < 500 else address[:500])


def test_a_language_and_a_theme_are_remembered(clinic: Any) -> None:
    answer = clinic.client.post("/preferences", data={"language": "fa", "next": "/login"}, follow_redirects=False)
    assert answer.headers["location"] == "/login"
    clinic.client.post("/preferences", data={"theme": "dark", "language": "xx"})
    page = clinic.client.get("/login", headers={"Accept-Language": "en"}).text
    assert '<html lang="fa" dir="rtl" data-theme="dark">' in page
