"""What signing in leaves behind is forgotten in time, and nothing that still counts."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.expiring import prune_sign_ins
from pacs.people.limits import count_attempt, knock
from pacs.people.organizations import NewMember, add_member, add_organization
from pacs.people.scope import Scope
from pacs.people.sessions import open_session, refresh_session
from tests.functions.doors import PASSWORD, TurnedClock

TABLES = ("sessions", "refresh_tokens", "password_resets", "sign_in_attempts", "rate_limits")


@pytest.fixture
def member(database: PsycopgDatabase) -> tuple[str, str]:
    with database.transaction() as statements:
        organization = add_organization(statements, "Here")
        return organization, add_member(
            statements, Scope(organization, "system"), NewMember("a@example.org", PASSWORD, "centre")
        )


def counts(database: Any) -> list[int]:
    return [database.fetch(text(f"select count(*) as count from {table}"))[0]["count"] for table in TABLES]


def test_old_traces_go_and_living_ones_stay(database: PsycopgDatabase, member: tuple[str, str]) -> None:
    clock = TurnedClock()
    services: Any = SimpleNamespace(database=database, clock=clock)
    organization, member_id = member

    def leave_traces() -> str:
        session = open_session(database, member_id, organization, now=clock.now(), ttl_s=3600)
        database.fetch(
            text("insert into password_resets (token_hash, member_id, created_at) values (:t, cast(:m as uuid), :now)"),
            {"t": session.refresh_token, "m": member_id, "now": clock.now()},
        )
        count_attempt(database, f"{session.id}@example.org", session.id, clock.now())
        knock(database, session.id, clock.now())
        return session.refresh_token

    leave_traces()
    assert prune_sign_ins(services) == {"sessions": 0, "links": 0, "attempts": 0, "rates": 0}
    clock.pass_s(timedelta(days=31).total_seconds())
    token = leave_traces()
    assert prune_sign_ins(services) == {"sessions": 1, "links": 1, "attempts": 2, "rates": 1}
    assert counts(database) == [1, 1, 1, 2, 1]
    assert refresh_session(database, token, now=clock.now(), ttl_s=3600).member_id == member_id
