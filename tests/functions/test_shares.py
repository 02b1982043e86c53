"""Links for people from outside: made by members, opened by whoever has one, and ended at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_member, disable_member
from pacs.people.scope import Scope
from tests.functions.doors import PASSWORD, TurnedClock


@pytest.fixture
def shared(clinic: Any, clock: TurnedClock, sample: Callable[[str], bytes]) -> Any:
    """A clinic with one study, which can be shared."""
    clinic.study = clinic.add(sample("CT_small.dcm")).study
    clinic.derive()
    return clinic


def share(clinic: Any, *, scope: Scope | None = None, **asked: Any) -> Any:
    body = {"studies": [clinic.study], **asked}
    return clinic.client.post("/api/share", headers=clinic.bearer(scope), json=body)


def visit(clinic: Any, made: Any, **form: str) -> Any:
    return clinic.client.post("/share", data={"s": made.json()["token"], **form}, follow_redirects=False)


def token_of(answer: Any) -> str:
    assert answer.status_code == 303
    return str(parse_qs(urlsplit(answer.headers["location"]).query)["token"][0])


def asked(clinic: Any, token: str, path: str = "/studies") -> Any:
    return clinic.client.get(f"/dicomweb{path}", headers={"Authorization": f"Bearer {token}"})


def page(clinic: Any, made: Any, **query: str) -> Any:
    return clinic.client.get("/share", params={"s": made.json()["token"], **query})


def moment(clinic: Any, **later: float) -> str:
    return str((clinic.services.clock.now() + timedelta(**later)).isoformat())


def test_a_link_opens_the_viewer_and_hides_who_it_is(shared: Any) -> None:
    made = share(shared)
    assert made.status_code == 201
    assert made.json()["url"].startswith("http://testserver/share?s=")
    assert made.json()["qr"].startswith("<svg")
    assert "data:image/jpeg;base64," in page(shared, made).text
    token = token_of(visit(shared, made))
    [study] = asked(shared, token).json()
    assert study["0020000D"]["Value"] != [shared.study]
    assert "Value" not in study["00100010"]
    assert shared.client.get("/ohif/config", params={"token": token}).json()["privacy"] is True


def test_a_link_without_privacy_tells_who_it_is(shared: Any) -> None:
    token = token_of(visit(shared, share(shared, privacy=False)))
    [study] = asked(shared, token).json()
    assert study["0020000D"]["Value"] == [shared.study]
    assert study["00100010"]["Value"]


@pytest.mark.parametrize("privacy", [True, False])
def test_who_may_not_download_gets_no_file_but_all_pictures(shared: Any, privacy: bool) -> None:
    token = token_of(visit(shared, share(shared, privacy=privacy)))
    [study] = asked(shared, token).json()
    path = "/studies/" + study["0020000D"]["Value"][0]
    assert asked(shared, token, path).status_code == 403
    assert asked(shared, token, f"{path}/rendered").status_code == 200
    assert asked(shared, token, f"{path}/metadata").status_code == 200
    may = token_of(visit(shared, share(shared, privacy=privacy, may_download=True)))
    assert asked(shared, may, path).status_code == 200
    for each in (token, may):
        headers = {"Authorization": f"Bearer {each}", "Content-Type": "application/dicom"}
        assert shared.client.post("/dicomweb/studies", headers=headers, content=b"x").status_code == 403


def test_a_revoked_link_ends_at_once_what_it_opened_within_seconds(shared: Any, clock: TurnedClock) -> None:
    made = share(shared, privacy=False)
    token = token_of(visit(shared, made))
    assert asked(shared, token).status_code == 200
    gone = shared.client.delete(f"/api/shares/{made.json()['id']}", headers=shared.bearer())
    assert gone.status_code == 204
    assert visit(shared, made).status_code == 410
    clock.pass_s(6)
    for path in ("/studies", f"/studies/{shared.study}/metadata", f"/studies/{shared.study}/rendered"):
        assert asked(shared, token, path).status_code == 401
    assert shared.client.get("/ohif/config", params={"token": token}).status_code == 401
    session = shared.client.post("/ohif/session", headers={"Authorization": f"Bearer {token}"})
    assert session.status_code == 401
    assert page(shared, made).status_code == 410


def test_frames_that_lie_ready_end_with_the_link_too(shared: Any, clock: TurnedClock) -> None:
    made = share(shared, privacy=False)
    token = token_of(visit(shared, made))
    [row] = asked(shared, token, "/instances").json()
    uids = [row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
    path = "/studies/{}/series/{}/instances/{}/frames/1".format(*uids)
    assert asked(shared, token, path).status_code == 200
    shared.client.delete(f"/api/shares/{made.json()['id']}", headers=shared.bearer())
    clock.pass_s(6)
    assert asked(shared, token, path).status_code == 401


def test_a_link_opens_between_its_times_and_no_oftener_than_allowed(shared: Any, clock: TurnedClock) -> None:
    made = share(shared, not_before=moment(shared, hours=1), expires_at=moment(shared, hours=3), maximum_views=2)
    token = made.json()["token"]
    assert page(shared, made).status_code == visit(shared, made).status_code == 410
    clock.pass_s(3601)
    opened = token_of(visit(shared, made))
    assert shared.client.get(f"/api/share/{token}").json()["views_left"] == 1
    visit(shared, made)
    assert visit(shared, made).status_code == 410
    assert shared.client.get(f"/api/share/{token}").json()["state"] == "used"
    assert asked(shared, opened).status_code == 200
    clock.pass_s(7200)
    assert asked(shared, opened).status_code == 401
    assert shared.client.get(f"/api/share/{token}").json()["state"] == "expired"


def test_an_extended_link_opens_again(shared: Any, clock: TurnedClock) -> None:
    made = share(shared, expires_at=moment(shared, hours=1), maximum_views=1)
    visit(shared, made)
    clock.pass_s(7200)
    longer = {"expires_at": moment(shared, days=1), "maximum_views": 2}
    path = f"/api/shares/{made.json()['id']}"
    assert shared.client.patch(path, headers=shared.bearer(), json=longer).status_code == 204
    assert visit(shared, made).status_code == 303
    assert visit(shared, made).status_code == 410
    shared.client.delete(path, headers=shared.bearer())
    assert shared.client.patch(path, headers=shared.bearer(), json=longer).status_code == 404


def test_a_pin_stands_before_everything(shared: Any) -> None:
    made = share(shared, pin="4711")
    shown = page(shared, made).text
    assert 'name="pin"' in shown and "data:image" not in shown
    assert visit(shared, made).status_code == 401
    assert visit(shared, made, pin="4712").status_code == 401
    assert visit(shared, made, pin="4711").status_code == 303
    assert shared.client.get(f"/api/share/{made.json()['token']}").json()["views_left"] is None


def test_guessing_a_pin_takes_ever_longer_and_ends(shared: Any, clock: TurnedClock) -> None:
    made = share(shared, pin="4711")
    statuses = [visit(shared, made, pin=f"{guess:04}").status_code for guess in range(6)]
    assert statuses == [401, 401, 401, 429, 429, 429]
    assert visit(shared, made, pin="4711").status_code == 429, "the right one waits, too"
    guesses = 3
    while guesses < 10:
        clock.pass_s(600)
        assert visit(shared, made, pin="0000").status_code in (401, 410)
        guesses += 1
    clock.pass_s(600)
    assert visit(shared, made, pin="4711").status_code == 410
    assert shared.client.get(f"/api/share/{made.json()['token']}").json()["state"] == "locked"
    later = {"expires_at": moment(shared, days=1)}
    shared.client.patch(f"/api/shares/{made.json()['id']}", headers=shared.bearer(), json=later)
    assert visit(shared, made, pin="4711").status_code == 303


def test_every_view_is_written_down(shared: Any) -> None:
    made = share(shared, pin="4711")
    visit(shared, made, pin="0000")
    visit(shared, made, pin="4711")
    rows = shared.services.database.fetch(
        text("select action, outcome, subject, study_instance_uid from audit where action like 'share%' order by id")
    )
    id = made.json()["id"]
    assert [tuple(row.values()) for row in rows] == [
        ("share", 0, id, shared.study),
        ("share-view", 4, id, None),
        ("share-view", 0, id, shared.study),
    ]


def test_a_link_has_no_more_rights_than_its_maker(shared: Any) -> None:
    stranger = Scope(shared.made.organization_id, "radiologist", branches=())
    assert share(shared, scope=stranger).status_code == 404
    with shared.services.database.transaction() as statements:
        new = NewMember("r@example.org", PASSWORD, "radiologist", branches=[shared.made.branch_id])
        member = add_member(statements, shared.scope, new)
    reader = Scope(shared.made.organization_id, "radiologist", branches=(shared.made.branch_id,), member_id=member)
    made = share(shared, scope=reader)
    token_of(visit(shared, made))
    [listed] = shared.client.get("/api/shares", headers=shared.bearer(reader)).json()
    assert (listed["id"], listed["views"]) == (made.json()["id"], 1)
    assert len(shared.client.get("/api/shares", headers=shared.bearer()).json()) == 1, "administrators see all"
    other = Scope(shared.made.organization_id, "radiologist", branches=(shared.made.branch_id,))
    assert shared.client.get("/api/shares", headers=shared.bearer(other)).json() == []
    assert shared.client.delete(f"/api/shares/{listed['id']}", headers=shared.bearer(other)).status_code == 404
    with shared.services.database.transaction() as statements:
        disable_member(statements, shared.scope, "r@example.org", shared.services.clock.now())
    assert visit(shared, made).status_code == 410


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("studies", []),
        ("studies", ["x"]),
        ("report", "a report"),
        ("report", "00000000-0000-4000-8000-000000000000"),
        ("pin", "12"),
        ("maximum_views", 0),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "2099-01-01T00:00:00Z"),
        ("note", "x" * 201),
        ("unknown", 1),
    ],
)
def test_a_wrong_request_names_the_field(shared: Any, field: str, wrong: Any) -> None:
    answer = share(shared, **{field: wrong})
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(("language", "direction"), [("tr", "ltr"), ("en", "ltr"), ("fa", "rtl"), ("ru", "ltr")])
def test_the_page_speaks_four_languages(shared: Any, language: str, direction: str) -> None:
    made = share(shared)
    shown = page(shared, made, lang=language)
    assert f'<html lang="{language}" dir="{direction}">' in shown.text
    preferred = shared.client.get(
        "/share", params={"s": made.json()["token"]}, headers={"Accept-Language": f"xx, {language}-XX;q=0.8"}
    )
    assert f'lang="{language}"' in preferred.text.split(">")[1]
    assert "script-src 'nonce-" in shown.headers["content-security-policy"]


def test_nobody_guesses_a_link(shared: Any) -> None:
    assert shared.client.get("/share", params={"s": "nothing"}).status_code == 404
    assert shared.client.get("/api/share/nothing").status_code == 404
    assert shared.client.post("/share", data={"s": "<script>alert(1)</script>"}).status_code == 404
    assert "<script>alert" not in shared.client.get("/share", params={"s": "<script>alert(1)</script>"}).text
    statuses = {shared.client.get("/api/share/nothing").status_code for _ in range(60)}
    assert statuses == {404, 429}
