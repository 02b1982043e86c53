"""What people's sessions and the audit ask of the database, over both drivers: each statement by its own effect."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.database.engine import EngineDatabase
from pacs.errors import TooManyRequests, Unauthenticated
from pacs.people import limits
from pacs.people.audit import Deed, record, record_once
from pacs.people.ended import Ended
from pacs.people.membership import find_by_subject
from pacs.people.organizations import (
    NewMember,
    add_branch,
    add_member,
    add_organization,
    disable_member,
    grant_branches,
)
from pacs.people.provided import LINK
from pacs.people.scope import Scope
from pacs.people.sessions import open_session, refresh_session, revoke_sessions
from pacs.settings import Settings
from tests.functions.doors import PASSWORD, TurnedClock

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_sessions_go_on_and_end(database: EngineDatabase) -> None:
    scope = Scope(add_organization(database, "Merkez"), "system")
    branch = add_branch(database, scope, "Merkez", "MERKEZ")
    with database.transaction() as statements:
        member = NewMember("a@example.org", PASSWORD, "centre", branches=[branch.id])
        member_id = add_member(statements, scope, member)
    clock = TurnedClock()
    services: Any = SimpleNamespace(database=database, clock=clock, settings=Settings())

    first = open_session(database, member_id, scope.organization_id, now=NOW, ttl_s=3600)
    second, again = (refresh_session(database, first.refresh_token, now=NOW, ttl_s=3600) for _ in range(2))
    assert second.refresh_token == again.refresh_token != first.refresh_token
    with pytest.raises(Unauthenticated):
        refresh_session(database, first.refresh_token, now=NOW + timedelta(seconds=10), ttl_s=3600)
    signed_in = Scope(scope.organization_id, "centre", member_id=member_id, session_id=first.id)
    with pytest.raises(Unauthenticated):
        Ended(services).require_living(signed_in)  # its token came a second time

    other = open_session(database, member_id, scope.organization_id, now=NOW, ttl_s=3600)
    with database.transaction() as statements:
        grant_branches(statements, scope, member_id, [], NOW)
    assert revoke_sessions(database, member_id, NOW) == 0
    with pytest.raises(Unauthenticated):
        Ended(services).require_living(Scope(scope.organization_id, "centre", session_id=other.id))
    database.fetch(LINK, {"id": member_id, "subject": "https://provider.example s-1", "provided": True})
    found = find_by_subject(database, "https://provider.example s-1")
    assert found and found.provided and found.id == member_id
    with database.transaction() as statements:
        disable_member(statements, scope, "a@example.org", NOW)
    with pytest.raises(Unauthenticated):
        Ended(services).require_living(Scope(scope.organization_id, "launch", member_id=member_id))


def test_what_is_done_often_is_written_down_once(database: EngineDatabase) -> None:
    scope = Scope(add_organization(database, "Merkez"), "radiologist", member_id="m")
    for deed in (Deed("view", "1.2"), Deed("view", "1.2"), Deed("download", "1.2"), Deed("read-audit")) * 2:
        record_once(database, scope, deed, source_ip="192.0.2.1")
    record_once(database, scope, Deed("view", "1.2"), source_ip="192.0.2.2")
    record(database, scope, Deed("view", "1.2"), source_ip="192.0.2.2")
    rows = database.fetch(text("select action, source_ip from audit where member_id = 'm' order by id"))
    assert [tuple(row.values()) for row in rows] == [
        *((action, "192.0.2.1") for action in ("view", "download", "read-audit")),
        *(("view", "192.0.2.2"),) * 2,
    ]


def test_doors_count_who_knocks(database: EngineDatabase) -> None:
    for _ in range(limits.PER_MINUTE):
        limits.knock(database, "address", NOW)
    with pytest.raises(TooManyRequests):
        limits.knock(database, "address", NOW)
    for _ in range(limits.FREE_OF_ACCOUNT + 1):
        limits.count_attempt(database, "a@example.org", "192.0.2.1", NOW)
    with pytest.raises(TooManyRequests) as refused:
        limits.count_attempt(database, "a@example.org", "192.0.2.1", NOW)
    assert refused.value.retry_after_s == 2
    limits.forgive(database, "a@example.org", "192.0.2.1", NOW)
    limits.count_attempt(database, "a@example.org", "192.0.2.1", NOW)
