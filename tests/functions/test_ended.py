"""What was ended is ended within seconds: at every route, for sessions and what they opened, and at what price."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from pacs.errors import DatabaseUnavailable, Unauthenticated
from pacs.people.ended import BELIEVED, ENDED, Ended
from pacs.people.keys import NewKey, create_key, revoke_key
from pacs.people.membership import find_by_email
from pacs.people.organizations import disable_member, grant_branches
from pacs.people.scope import Scope
from pacs.people.sessions import revoke_sessions
from tests.functions.doors import PASSWORD, TurnedClock, bearer, token
from tests.functions.test_privacy import instance_path

GUARDED = [route for function in FUNCTIONS for route in function.routes if not route.public]


def scope_of(clinic: Any, answer: Any) -> Scope:
    found: Scope = clinic.services.tokens.verify(answer.json()["access_token"], "session")
    return found


def test_every_route_refuses_a_session_that_was_ended_and_whoever_was_disabled(doors: Any, clock: TurnedClock) -> None:
    ended, disabled, living = token(doors), token(doors, "individual"), token(doors)
    for answer in (ended, disabled, living):
        assert doors.client.get("/dicomweb/studies", headers=bearer(answer)).status_code == 200
    doors.client.delete(f"/auth/sessions/{scope_of(doors, ended).session_id}", headers=bearer(living))
    disable_member(doors.services.database, doors.scope, "individual@example.org", clock.now())
    # A token of the member that belongs to no session ends, too.
    loose = doors.bearer(Scope(doors.made.organization_id, "admin", member_id=scope_of(doors, disabled).member_id))
    clock.pass_s(BELIEVED.total_seconds())
    passed = []
    for route in GUARDED:
        path = route.path.replace("+}", "}").replace("{study}", "1.2.3").replace("{", "").replace("}", "")
        for headers in (bearer(ended), loose):
            answer = doors.client.request(route.method, path, headers=headers, follow_redirects=False)
            # Rights are judged before, by the authorizer.
            if answer.status_code not in (401, 403):
                passed.append((route.method, path, answer.status_code))
    assert passed == []
    assert doors.client.get("/dicomweb/studies", headers=bearer(living)).status_code == 200


def test_pages_lead_whoever_was_ended_to_the_door(doors: Any, clock: TurnedClock) -> None:
    form = {"username": "admin@example.org", "password": PASSWORD, "door": "admin"}
    assert doors.client.post("/auth/door", data=form, follow_redirects=False).status_code == 303
    assert doors.client.get("/dashboard", follow_redirects=False).status_code == 200
    revoke_sessions(doors.services.database, scope_of(doors, token(doors)).member_id, clock.now())
    clock.pass_s(BELIEVED.total_seconds())
    led = doors.client.get("/dashboard")
    assert [each.status_code for each in led.history] == [303, 303]
    assert led.url.path in ("/yonetim/giris", "/admin/login")


def test_a_launch_ends_with_the_session_that_made_it_unless_it_was_to_outlive_it(
    doors: Any, clock: TurnedClock, sample: Any
) -> None:
    stored = doors.add(sample("CT_small.dcm"))
    study, frame = stored.study, f"{instance_path(stored)}/frames/1"
    for life_s, lives in ((3600, False), (9 * 3600, True)):
        session = token(doors)
        asked = {"studies": [study], "ttl_s": life_s}
        url = doors.client.post("/api/launch", json=asked, headers=bearer(session)).json()["url"]
        launch = {"Authorization": f"Bearer {url.partition('token=')[2]}"}
        assert doors.client.post("/ohif/session", headers=launch).status_code == 204
        assert doors.get(frame, **launch).status_code == 200  # made, and ready from now on
        me = doors.client.get("/auth/me", headers=launch).json()
        assert (me["role"], me["email"], me["organizations"]) == ("launch", "", [])
        doors.client.post("/auth/logout", data={"refresh_token": session.json()["refresh_token"]})
        clock.pass_s(BELIEVED.total_seconds())
        assert doors.client.post("/ohif/session", headers=launch).status_code == (204 if lives else 401)
        page = doors.client.get("/ohif", params={"token": url.partition("token=")[2]})
        metadata = doors.client.get(f"/dicomweb/studies/{study}/metadata", headers=launch)
        assert {page.status_code, metadata.status_code} == {200 if lives else 401}
        # The edge has believed this header for less than a second; in the other one it has never seen the token.
        again = {"X-Pacs-Authorization": launch["Authorization"]}
        assert doors.get(frame, **again).status_code == (200 if lives else 401)


def test_a_launch_ends_with_the_key_that_made_it(doors: Any, clock: TurnedClock, sample: Any) -> None:
    database, study = doors.services.database, doors.add(sample("CT_small.dcm")).study
    database.fetch(text("update organization_members set manager = true where email = 'admin@example.org'"))
    manager = find_by_email(database, "admin@example.org")
    assert manager
    with database.transaction() as statements:
        key = create_key(statements, doors.scope, manager, NewKey("RIS", ["launch.create"]), clock.now())
    asked = {"Authorization": f"Bearer {key.key}"}
    url = doors.client.post("/api/launch", json={"studies": [study]}, headers=asked).json()["url"]
    launch = {"Authorization": f"Bearer {url.partition('token=')[2]}"}
    assert doors.client.get(f"/dicomweb/studies/{study}/metadata", headers=launch).status_code == 200
    revoke_key(database, doors.scope, key.id, clock.now())
    clock.pass_s(BELIEVED.total_seconds())
    assert doors.client.get(f"/dicomweb/studies/{study}/metadata", headers=launch).status_code == 401


def test_of_many_calls_one_asks_and_what_no_longer_matters_is_not_told(doors: Any, clock: TurnedClock) -> None:
    asked = []

    class Counted:
        def fetch(self, statement: Any, parameters: Any = None) -> Any:
            asked.append(parameters)
            if len(asked) == 3:
                raise DatabaseUnavailable("the database does not answer")
            return doors.services.database.fetch(statement, parameters)

    services: Any = SimpleNamespace(database=Counted(), clock=clock, settings=doors.services.settings)
    ended = Ended(services)
    scope = scope_of(doors, token(doors))
    revoke_sessions(doors.services.database, scope.member_id, clock.now())
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            ended.require_living(scope)
    ended.require_living(Scope("o", "system"))
    ended.require_living(Scope("o", "share", session_id=scope.session_id))
    assert len(asked) == 1
    clock.pass_s(doors.services.settings.launch_ttl_s)
    ended.require_living(scope)  # its tokens have expired long ago
    assert len(asked) == 2
    clock.pass_s(BELIEVED.total_seconds())
    for _ in range(2):
        ended.require_living(scope)  # a database that does not answer is asked once, too
    assert len(asked) == 3


def test_who_was_never_told_lets_nobody_in(doors: Any, clock: TurnedClock) -> None:
    class Silent:
        def fetch(self, statement: Any, parameters: Any = None) -> Any:
            raise DatabaseUnavailable("the database does not answer")

    services: Any = SimpleNamespace(database=Silent(), clock=clock, settings=doors.services.settings)
    with pytest.raises(DatabaseUnavailable):
        Ended(services).require_living(Scope("o", "admin", session_id="s"))


def test_the_list_is_read_by_its_indexes(doors: Any) -> None:
    asked = ENDED.text.replace(":sessions", "now()").replace(":members", "now()")
    with doors.services.database.transaction() as statements:
        statements.fetch(text("set local enable_seqscan = off"))  # a small table is read as it is
        plan = str(statements.fetch(text("explain " + asked)))
    assert "sessions_revoked" in plan and "organization_members_disabled" in plan


def test_who_loses_a_branch_signs_in_again_and_who_gets_one_does_not(doors: Any, clock: TurnedClock) -> None:
    database, session = doors.services.database, token(doors, "centre")
    member = scope_of(doors, session).member_id
    for branches, status in (([doors.made.branch_id], 200), ([], 401)):
        with database.transaction() as statements:
            grant_branches(statements, doors.scope, member, branches, clock.now())
        clock.pass_s(BELIEVED.total_seconds())
        assert doors.client.get("/dicomweb/studies", headers=bearer(session)).status_code == status
