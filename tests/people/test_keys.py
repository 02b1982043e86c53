"""API keys: who has them, what they may do, and when they end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated
from pacs.people.keys import (
    GRANTABLE,
    KEY,
    MadeKey,
    NewKey,
    create_key,
    list_keys,
    revoke_key,
    rotate_key,
    scope_of_key,
    usage_by_day,
)
from pacs.people.membership import Member, find_by_id
from pacs.people.organizations import NewMember, add_member, add_organization, disable_member
from pacs.people.permissions import ACTIONS, may
from pacs.people.scope import MemberRole, Scope

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
SEARCH = NewKey("HBYS", ["archive.search"])
PASSWORD = "correct horse battery"


@pytest.fixture
def scope(database: PsycopgDatabase) -> Scope:
    return Scope(add_organization(database, "Merkez"), "system")


def member(database: PsycopgDatabase, scope: Scope, role: MemberRole = "admin", **more: Any) -> Member:
    new = NewMember(f"{role}{len(more)}@example.org", PASSWORD, role, **more)
    found = find_by_id(database, add_member(database, scope, new))
    assert found
    return found


@pytest.fixture
def manager(database: PsycopgDatabase, scope: Scope) -> Member:
    return member(database, scope, manager=True)


@pytest.fixture
def made(database: PsycopgDatabase, scope: Scope, manager: Member) -> MadeKey:
    return create_key(database, scope, manager, SEARCH, NOW)


def test_a_key_does_what_it_was_given_and_nothing_else(
    database: PsycopgDatabase, manager: Member, made: MadeKey
) -> None:
    assert KEY.fullmatch(made.key)
    scope = scope_of_key(database, made.key, NOW)
    assert (scope.organization_id, scope.member_id, scope.session_id) == (manager.organization_id, manager.id, made.id)
    assert [action for action in ACTIONS if may(scope, action)] == ["archive.search"]
    assert Scope.from_json(scope.to_json()) == scope
    kept = str(database.fetch(text("select * from api_keys")))
    assert made.key not in kept and made.key[:11] in kept


def test_no_key_is_given_rights_over_people(database: PsycopgDatabase, scope: Scope, manager: Member) -> None:
    assert not [each for each in GRANTABLE if each.startswith(("account.", "organization.", "audit.", "api_keys."))]
    for scopes in ([], ["api_keys.manage"], ["archive.search", "nonsense"]):
        with pytest.raises(BadRequest, match="scopes"):
            create_key(database, scope, manager, replace(SEARCH, scopes=scopes), NOW)
    for wrong in (replace(SEARCH, name=" "), replace(SEARCH, expires_at=NOW)):
        with pytest.raises(BadRequest):
            create_key(database, scope, manager, wrong, NOW)
    accountant = member(database, scope, "accounting", manager=True)
    with pytest.raises(BadRequest, match=r"itself may not archive\.search"):
        create_key(database, scope, accountant, SEARCH, NOW)


def test_only_managers_of_an_organization_have_keys(database: PsycopgDatabase, scope: Scope, manager: Member) -> None:
    window = {"importer": True, "importer_until": NOW + DAY}
    nobodies = [
        member(database, scope),
        member(database, scope, "individual", manager=True),
        member(database, scope, "technician", manager=True, **window),
        replace(manager, disabled_at=NOW),
        replace(manager, organization_id=scope.organization_id.replace("-", "0")),
    ]
    for nobody in nobodies:
        with pytest.raises(Forbidden):
            create_key(database, scope, nobody, SEARCH, NOW)


def test_a_key_of_somebody_who_may_have_none_any_more_is_refused(
    database: PsycopgDatabase, scope: Scope, manager: Member, made: MadeKey
) -> None:
    database.fetch(text("update organization_members set manager = false"))
    assert not any(may(scope_of_key(database, made.key, NOW), action) for action in ACTIONS)
    database.fetch(text("update organization_members set manager = true"))
    disable_member(database, scope, manager.email, NOW)
    assert not any(may(scope_of_key(database, made.key, NOW), action) for action in ACTIONS)
    assert [row["usable"] for row in list_keys(database, scope, NOW)] == [False]


@pytest.mark.parametrize("key", ["", "rapi_", "rapi_" + "x" * 43, "rapi_x y", "RAPI_" + "x" * 43])
def test_what_is_no_key_of_ours_is_not_known(database: PsycopgDatabase, made: MadeKey, key: str) -> None:
    with pytest.raises(Unauthenticated):
        scope_of_key(database, key, NOW)


def test_a_revoked_key_ends_at_once_and_an_expired_one_in_time(
    database: PsycopgDatabase, scope: Scope, manager: Member, made: MadeKey
) -> None:
    revoke_key(database, scope, made.id, NOW)
    revoke_key(database, scope, made.id, NOW)
    short = create_key(database, scope, manager, replace(SEARCH, expires_at=NOW + DAY), NOW)
    scope_of_key(database, short.key, NOW + DAY - timedelta(seconds=1))
    for key, moment in ((made.key, NOW), (short.key, NOW + DAY)):
        with pytest.raises(Unauthenticated):
            scope_of_key(database, key, moment)
    assert {row["state"] for row in list_keys(database, scope, NOW + DAY)} == {"revoked", "expired"}


def test_a_rotated_key_lives_on_for_the_overlap(
    database: PsycopgDatabase, scope: Scope, manager: Member, made: MadeKey
) -> None:
    short = create_key(database, scope, manager, NewKey("short", ["archive.search"], NOW + 10 * DAY), NOW)
    following = rotate_key(database, scope, short.id, DAY, NOW + 2 * DAY)
    assert scope_of_key(database, short.key, NOW + 2 * DAY).actions == ("archive.search",)
    assert scope_of_key(database, following.key, NOW + 11 * DAY).actions == ("archive.search",)
    for key, moment in ((short.key, NOW + 3 * DAY), (following.key, NOW + 12 * DAY)):
        with pytest.raises(Unauthenticated):
            scope_of_key(database, key, moment)
    with pytest.raises(Conflict):
        rotate_key(database, scope, short.id, DAY, NOW + 2 * DAY)
    with pytest.raises(BadRequest):
        rotate_key(database, scope, made.id, 31 * DAY, NOW)
    by_id = {row["id"]: row for row in list_keys(database, scope, NOW + 2 * DAY)}
    assert by_id[short.id]["replaced_by"] == following.id and by_id[following.id]["name"] == "short"


def test_nobody_gets_another_members_key_by_rotating_it(
    database: PsycopgDatabase, scope: Scope, manager: Member, made: MadeKey
) -> None:
    centre = Scope(scope.organization_id, "centre", branches=(), member_id=scope.organization_id, manager=True)
    with pytest.raises(Forbidden):
        rotate_key(database, centre, made.id, DAY, NOW)
    own = replace(centre, member_id=manager.id)
    assert rotate_key(database, own, made.id, DAY, NOW).key != made.key
    revoke_key(database, centre, made.id, NOW)


def test_other_organizations_keys_do_not_exist(database: PsycopgDatabase, made: MadeKey) -> None:
    other = Scope(add_organization(database, "Başka"), "admin")
    assert list_keys(database, other, NOW) == [] and usage_by_day(database, other, NOW) == []
    with pytest.raises(NotFound):
        revoke_key(database, other, made.id, NOW)
    with pytest.raises(NotFound):
        rotate_key(database, other, made.id, DAY, NOW)


def test_every_call_is_counted_by_key_and_day(database: PsycopgDatabase, scope: Scope, made: MadeKey) -> None:
    for moment in (NOW - 40 * DAY, NOW - DAY, NOW, NOW):
        scope_of_key(database, made.key, moment)
    [row] = list_keys(database, scope, NOW, member_id="")
    assert (row["calls"], row["last_used_at"], row["email"]) == (3, NOW, "admin1@example.org")
    assert [tuple(each.values()) for each in usage_by_day(database, scope, NOW)] == [
        ("2026-01-04", 1),
        ("2026-01-05", 2),
    ]
    assert list_keys(database, scope, NOW, member_id=scope.organization_id) == []


def test_what_becomes_of_a_key_is_written_down(database: PsycopgDatabase, scope: Scope, made: MadeKey) -> None:
    following = rotate_key(database, scope, made.id, DAY, NOW)
    revoke_key(database, scope, following.id, NOW)
    rows = database.fetch(text("select subject from audit where action = 'change-key' order by id"))
    assert [row["subject"] for row in rows] == [
        f"{made.id}: created archive.search",
        f"{made.id}: rotated to {following.id}",
        f"{following.id}: revoked",
    ]
    assert made.key not in str(database.fetch(text("select * from audit")))
