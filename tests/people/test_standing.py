"""What becomes of members: roles, windows and being let in again; each change is written down."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.errors import BadRequest, NotFound
from pacs.people.membership import Member, find_by_id
from pacs.people.organizations import NewMember, add_member, add_organization, disable_member
from pacs.people.scope import Scope
from pacs.people.sessions import list_sessions, open_session
from pacs.people.standing import change_role, enable_member, set_window

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMAIL = "technician@example.org"


@pytest.fixture
def scope(database: PsycopgDatabase) -> Scope:
    return Scope(add_organization(database, "Merkez"), "admin")


@pytest.fixture
def id(database: PsycopgDatabase, scope: Scope) -> str:
    """A technician who has signed in."""
    made = add_member(database, scope, NewMember(EMAIL, "correct horse battery", "technician"))
    open_session(database, made, scope.organization_id, now=NOW, ttl_s=9999, source_ip="::1", user_agent="")
    return made


def found(database: PsycopgDatabase, id: str) -> Member:
    member = find_by_id(database, id)
    assert member
    return member


def written(database: PsycopgDatabase) -> str:
    return str(database.fetch(text("select subject from audit order by id desc limit 1"))[0]["subject"])


def test_a_disabled_member_is_let_in_again(database: PsycopgDatabase, scope: Scope, id: str) -> None:
    disable_member(database, scope, EMAIL, NOW)
    assert not found(database, id).is_let_in(NOW)
    enable_member(database, scope, id)
    assert found(database, id).is_let_in(NOW) and written(database) == f"{id}: enabled"
    assert list_sessions(database, id, NOW) == []


def test_another_role_counts_from_the_next_sign_in(database: PsycopgDatabase, scope: Scope, id: str) -> None:
    change_role(database, scope, id, "centre", manager=True, now=NOW)
    assert (found(database, id).role, found(database, id).manager) == ("centre", True)
    assert written(database) == f"{id}: centre manager" and list_sessions(database, id, NOW) == []
    with pytest.raises(BadRequest):
        change_role(database, scope, id, "king", manager=False, now=NOW)
    with pytest.raises(BadRequest, match="own"):
        change_role(database, Scope(scope.organization_id, "admin", member_id=id), id, "admin", manager=True, now=NOW)


def test_an_importer_is_let_in_inside_its_window_alone(database: PsycopgDatabase, scope: Scope, id: str) -> None:
    set_window(database, scope, id, NOW + HOUR, NOW + 2 * HOUR, NOW)
    member = found(database, id)
    assert [member.is_let_in(NOW + hours * HOUR) for hours in (0, 1, 2)] == [False, True, False]
    inside = member.scope_in(scope.organization_id)
    assert inside and inside.role == "importer" and written(database).startswith(f"{id}: importer until 2026-01-05T11")
    assert list_sessions(database, id, NOW) == []
    set_window(database, scope, id, None, None, NOW)
    assert found(database, id).is_let_in(NOW) and written(database) == f"{id}: no importer"
    for begins, ends in ((NOW, None), (NOW, NOW), (NOW, NOW - HOUR)):
        with pytest.raises(BadRequest):
            set_window(database, scope, id, begins, ends, NOW)
    with pytest.raises(BadRequest, match="themselves"):
        set_window(database, Scope(scope.organization_id, "admin", member_id=id), id, None, NOW, NOW)


def test_other_organizations_members_do_not_exist(database: PsycopgDatabase, id: str) -> None:
    other = Scope(add_organization(database, "Başka"), "admin")
    with pytest.raises(NotFound):
        enable_member(database, other, id)
    with pytest.raises(NotFound):
        change_role(database, other, id, "admin", manager=True, now=NOW)
    with pytest.raises(NotFound):
        set_window(database, other, id, None, NOW + HOUR, NOW)
    assert found(database, id).role == "technician"
