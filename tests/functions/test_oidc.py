"""Signing in by the word of an OpenID provider: whom it lets in, as whom, and whom no word helps."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import text

from pacs.people import oidc
from pacs.people.organizations import add_branch, disable_member
from tests.functions.doors import TurnedClock, renew, token
from tests.functions.provider import CLIENT, SECRET, OpenIdProvider, new_key, serving

CENTRE = {"sub": "c-1", "email": "Centre@example.org", "email_verified": True, "name": "Merkez"}
ROLES = json.dumps({"pacs-admins": "admin", "readers": "radiologist", "technicians": "technician"})
DOOR = "/auth/oidc?door=corporate&next=/worklist"


@pytest.fixture
def provider(doors: Any, clock: TurnedClock) -> Iterator[OpenIdProvider]:
    """A provider that the corporate door offers, and at its browser the member `centre`."""
    oidc.providers.clear()
    with serving(OpenIdProvider(clock, person=dict(CENTRE))) as provider:
        configure(doors, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET)
        yield provider
    oidc.providers.clear()


def configure(clinic: Any, **settings: Any) -> None:
    clinic.services.settings = replace(clinic.services.settings, **settings)


def out(clinic: Any, door: str = DOOR) -> str:
    """To the provider and back to our address, which is not opened yet."""
    left = clinic.client.get(door, follow_redirects=False)
    assert left.status_code == 303, left.text
    back = httpx2.get(left.headers["location"])
    return str(back.headers["location"])


def come(clinic: Any, door: str = DOOR) -> Any:
    return clinic.client.get(out(clinic, door), follow_redirects=False, headers={"Accept-Language": "en"})


def me(clinic: Any) -> Any:
    return clinic.client.get("/auth/me").json()


def refusals(clinic: Any) -> int:
    rows = clinic.services.database.fetch(text("select 1 as x from audit where action = 'sign-in' and outcome = 4"))
    return len(rows)


def test_a_member_comes_in_by_its_verified_address_and_is_known_by_its_name_from_then_on(
    doors: Any, provider: OpenIdProvider
) -> None:
    assert "OpenID" in doors.client.get("/corporate/login").text
    assert "/auth/oidc" not in doors.client.get("/admin/login").text
    came = come(doors)
    assert (came.status_code, came.headers["location"]) == (303, "/worklist")
    assert (me(doors)["email"], me(doors)["role"]) == ("centre@example.org", "centre")
    assert provider.person
    provider.person["email"] = "renamed@example.org"
    assert come(doors).headers["location"] == "/worklist"
    assert me(doors)["email"] == "centre@example.org"
    subjects = [
        row["subject"]
        for row in doors.services.database.fetch(
            text("select subject from audit where member_id <> '' and action <> 'change-rights' order by id")
        )
    ]
    assert subjects == ["linked to the provider", "corporate by provider", "corporate by provider"]
    assert [each["current"] for each in doors.client.get("/auth/sessions").json()].count(True) == 1
    assert renew(doors, doors.client.cookies["pacs_refresh"]).status_code == 200
    assert come(doors, "/auth/oidc?door=corporate&next=//evil.example").headers["location"] == "/dashboard"
    # What was published is read once.
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 1


def test_a_provider_that_wants_no_secret_is_asked_with_the_proof_alone(doors: Any, provider: OpenIdProvider) -> None:
    provider.secret = ""
    configure(doors, oidc_client_secret="")
    assert come(doors).status_code == 303
    configure(doors, oidc_client_secret=SECRET[:-1])
    provider.secret = SECRET
    assert come(doors).status_code == 401


STRANGERS: list[dict[str, Any] | None] = [
    None,
    {**CENTRE, "email_verified": False},
    {"sub": "c-1", "email": "centre@example.org"},
    {**CENTRE, "email": "stranger@example.org"},
    {**CENTRE, "email": "admin@example.org"},  # another door's
    {"sub": "c-1"},
]


def test_nobody_else_comes_in(doors: Any, provider: OpenIdProvider) -> None:
    for number, person in enumerate(STRANGERS):
        provider.person = person
        refused = come(doors)
        assert refused.status_code == 401 and "Ask your administrator" in refused.text, person
        assert refusals(doors) == number  # who was not let in there was not here
    assert "pacs_session" not in doors.client.cookies
    provider.person = STRANGERS[2]
    configure(doors, oidc_trust_email=True)
    assert come(doors).status_code == 303


FALSE: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"nonce": None},
    {"aud": "somebody else"},
    {"aud": [CLIENT, "x"], "azp": "x"},
    {"iss": "http://127.0.0.1:1"},
    {"exp": 1},
    {"exp": "soon"},
    {"iat": 4_000_000_000},
]


def test_a_word_that_is_not_about_this_visit_or_that_anybody_can_write_counts_nothing(
    doors: Any, provider: OpenIdProvider, clock: TurnedClock
) -> None:
    for changes in FALSE:
        provider.changes = changes
        assert come(doors).status_code == 401, changes
    clock.pass_s(60)
    provider.changes = {}
    for algorithm, key in (("HS256", SECRET.ljust(32, "x")), ("none", "")):
        provider.forge = (algorithm, key)
        assert come(doors).status_code == 401, algorithm
    assert "pacs_session" not in doors.client.cookies


def test_the_way_back_is_for_the_browser_that_left(doors: Any, provider: OpenIdProvider, clock: TurnedClock) -> None:
    client = doors.client

    def back(address: str) -> int:
        return int(client.get(address, follow_redirects=False).status_code)

    address = out(doors)
    assert back(address.replace("state=", "state=x")) == 401
    assert back(address) == 401  # the ticket was for one try
    address = out(doors)
    client.cookies.delete("pacs_oidc")
    assert back(address) == 401  # somebody else's link
    client.cookies.set("pacs_oidc", "nonsense", domain="testserver.local", path="/auth/oidc")
    assert back(address) == 401
    client.cookies.clear()
    address = out(doors)
    assert back(address.replace("iss=http", "iss=https")) == 401
    address = out(doors)
    clock.pass_s(oidc.TICKET_LIFE_S)
    assert back(address) == 401
    address = out(doors)
    code = parse_qs(urlsplit(address).query)["code"][0]
    provider.codes[code]["code_challenge"] = "of another browser"
    assert back(address) == 401
    assert "pacs_session" not in client.cookies


def test_keys_change_and_only_published_ones_count(doors: Any, provider: OpenIdProvider) -> None:
    assert come(doors).status_code == 303
    provider.rotate("second")
    assert come(doors).status_code == 303
    provider.signer = ("second", new_key())  # under the name of a key that is published
    assert come(doors).status_code == 401
    provider.signer = ("third", new_key())
    before = provider.asked.count("/keys")
    assert [come(doors).status_code for _ in range(3)] == [401] * 3
    assert provider.asked.count("/keys") == before + 1  # who invents names makes us ask once


def test_members_are_made_and_follow_their_groups_where_the_setting_says_so(
    doors: Any, provider: OpenIdProvider
) -> None:
    database = doors.services.database
    dev = add_branch(database, doors.scope, "Dev", "DEV")
    branches = json.dumps({"readers": ["MERKEZ"], "dev": ["DEV", "MERKEZ"]})
    configure(doors, oidc_create=True, oidc_roles=ROLES, oidc_branches=branches)
    provider.person = {"sub": "n-1", "email": "new@example.org", "email_verified": True, "name": "Yeni Kişi"}
    assert come(doors).status_code == 401  # none of its groups has a role
    provider.person["groups"] = ["everybody", "readers"]
    assert come(doors).status_code == 303
    found = me(doors)
    assert (found["email"], found["name"], found["role"]) == ("new@example.org", "Yeni Kişi", "radiologist")
    assert found["branches"] == [doors.made.branch_id]
    doors.client.post("/auth/forgotten", data={"email": "new@example.org"})
    assert not (doors.services.settings.home / "outbox").exists()  # it has no password, and needs none
    provider.person["groups"] = ["technicians", "dev"]
    assert come(doors).status_code == 303
    assert (me(doors)["role"], set(me(doors)["branches"])) == ("technician", {doors.made.branch_id, dev.id})
    provider.person["groups"] = []
    assert come(doors).status_code == 401
    provider.person["groups"] = ["readers"]
    disable_member(database, doors.scope, "new@example.org", doors.services.clock.now())
    assert come(doors).status_code == 401


def test_who_was_a_member_before_keeps_its_role_and_its_second_factor(doors: Any, provider: OpenIdProvider) -> None:
    configure(doors, oidc_create=True, oidc_roles=ROLES)
    assert provider.person
    provider.person["groups"] = ["pacs-admins"]
    assert come(doors).status_code == 303
    assert me(doors)["role"] == "centre"
    doors.services.database.fetch(
        text("update organization_members set totp_since = now(), totp_secret = 'x' where role = 'centre'")
    )
    asked = come(doors)
    assert asked.status_code == 401 and 'name="code"' in asked.text
    provider.person["amr"] = ["pwd", "otp"]
    assert come(doors).status_code == 303
    provider.person["sub"] = "c-2"  # another one with this address
    assert come(doors).status_code == 401


def test_a_provider_that_does_not_answer_is_told_kindly(doors: Any, provider: OpenIdProvider) -> None:
    port = provider.port
    configure(doors, oidc_issuer="http://127.0.0.1:1")
    answer = doors.client.get(DOOR, follow_redirects=False, headers={"Accept-Language": "en"})
    assert answer.status_code == 503 and "does not answer" in answer.text and 'name="password"' in answer.text
    configure(doors, oidc_issuer=f"http://127.0.0.1:{port}/")  # it calls itself something else
    assert doors.client.get(DOOR, follow_redirects=False).status_code == 503
    configure(doors, oidc_issuer="http://provider.example")
    assert doors.client.get(DOOR, follow_redirects=False).status_code == 503
    configure(doors, oidc_issuer="")
    assert doors.client.get(DOOR, follow_redirects=False).status_code == 503
    assert token(doors).status_code == 200  # everybody else comes in as before
