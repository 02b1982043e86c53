"""The table of permissions, row by row, and who a member is where."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.membership import Member, find_by_email, find_by_id
from pacs.people.organizations import NewMember, add_branch, add_member, add_organization
from pacs.people.permissions import ACTIONS, ALLOWED, Action, Holder, may
from pacs.people.scope import MEMBER_ROLES, MemberRole, Role, Scope

HOLDERS = (*MEMBER_ROLES, "importer", "enrolling", "launch", "share", "share-download", "system")
# Written down a second time, so that nobody is let in by a slip.
EXPECTED = {
    "account.read": "admin centre technician radiologist accounting individual importer enrolling launch system",
    "account.manage": "admin centre technician radiologist accounting individual importer",
    "account.enrol": "admin centre technician radiologist accounting individual importer enrolling",
    "archive.search": "admin centre technician radiologist individual launch share share-download system",
    "archive.retrieve": "admin centre technician radiologist individual launch share share-download system",
    "archive.download": "admin centre technician radiologist individual launch share-download system",
    "archive.store": "admin centre technician radiologist individual importer launch system",
    "archive.delete": "admin centre",
    "worklist.read": "admin centre technician radiologist individual launch system",
    "worklist.change": "admin centre technician radiologist individual system",
    "studies.read": "admin centre technician radiologist individual system",
    "studies.upload": "admin centre technician radiologist individual importer system",
    "studies.assign": "admin centre technician individual system",
    "studies.claim": "radiologist individual",
    "studies.release": "admin centre technician radiologist individual system",
    "studies.arrange": "admin centre individual",
    "patients.correct": "admin centre individual",
    "launch.create": "admin centre technician radiologist individual system",
    "share.create": "admin centre technician radiologist individual system",
    "reports.read": "admin centre technician radiologist individual system",
    "reports.drafts": "admin radiologist individual system",
    "reports.write": "radiologist individual",
    "reports.sign": "radiologist individual",
    "reports.send": "admin radiologist individual",
    "reports.dictate": "",
    "dictations.write": "radiologist individual",
    "ai.read": "admin radiologist individual",
    "ai.ask": "radiologist individual",
    "ai.manage": "admin individual",
    "templates.read": "admin radiologist individual",
    "templates.change": "admin radiologist individual",
    "letterheads.change": "admin centre individual",
    "organization.read": "admin",
    "organization.manage": "admin",
    "audit.read": "admin",
    "api_keys.manage": "",
    "credits.read": "admin accounting individual",
    "credits.change": "admin accounting",
}
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_row_of_the_table(action: Action) -> None:
    assert [role for role in HOLDERS if may(Scope("o", role), action)] == EXPECTED[action].split()  # type: ignore[arg-type]


def test_every_role_and_action_is_in_the_table() -> None:
    known = {holder for part in get_args(Holder) for holder in (get_args(part) or (part,))}
    named = {each for holders in ALLOWED.values() for each in holders}
    roles = {role for part in get_args(Role) for role in (get_args(part) or (part,))}
    assert roles == set(HOLDERS)
    assert named <= roles | {"manager"} and known >= named
    assert set(ALLOWED) == set(ACTIONS) == set(EXPECTED)


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_a_managers_right_adds_api_keys_with_report_jobs_and_what_becomes_of_them(role: MemberRole) -> None:
    plain, manager = Scope("o", role), Scope("o", role, manager=True)
    added = {each for each in ACTIONS if may(manager, each)}
    ours = {"api_keys.manage", "credits.read", "organization.read", "reports.dictate"}
    assert added == {each for each in ACTIONS if may(plain, each)} | ours


@pytest.mark.parametrize("action", ["", "archive", "archive.Search", "everything"])
def test_an_unknown_action_is_allowed_to_nobody(action: str) -> None:
    assert not any(may(Scope("o", role, manager=True), action) for role in MEMBER_ROLES)


MEMBER = Member(
    id="m",
    organization_id="home",
    email="a@example.org",
    name="A",
    role="radiologist",
    manager=True,
    importer=False,
    importer_from=None,
    importer_until=None,
    password_hash="",
    totp_secret=None,
    totp_since=None,
    disabled_at=None,
    grants=(("home", "b2"), ("away", "c1"), ("home", "b1")),
)


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_what_each_role_sees_at_home_and_away(role: MemberRole) -> None:
    member = replace(MEMBER, role=role)
    home, away = member.scope_in("home"), member.scope_in("away")
    everything = role in ("admin", "accounting", "individual")
    in_company = role != "individual"
    assert home == Scope("home", role, None if everything else ("b2", "b1"), member_id="m", manager=in_company)
    reads = role in ("radiologist", "individual")
    assert away == (Scope("away", "radiologist", ("c1",), member_id="m") if reads else None)
    assert member.organizations == (["home", "away"] if reads else ["home"])
    assert member.scope_in("elsewhere") is None


def test_without_a_grant_nothing_is_seen() -> None:
    scope = replace(MEMBER, grants=()).scope_in("home")
    assert scope and scope.branches == ()


def test_an_importer_uploads_inside_its_window_only() -> None:
    importer = replace(MEMBER, importer=True, importer_from=NOW, importer_until=NOW + timedelta(hours=1))
    scope = importer.scope_in("home")
    assert scope and [each for each in ACTIONS if may(scope, each)] == [
        "account.read",
        "account.manage",
        "account.enrol",
        "archive.store",
        "studies.upload",
    ]
    inside = {minutes: importer.is_let_in(NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 59, 60)}
    assert inside == {-1: False, 0: True, 59: True, 60: False}
    assert not replace(importer, importer_until=None).is_let_in(NOW)
    assert not replace(MEMBER, disabled_at=NOW).is_let_in(NOW)


def test_a_member_is_found_with_its_grants_in_their_order(database: PsycopgDatabase) -> None:
    home, away = (Scope(add_organization(database, name), "system") for name in ("Ev", "Ağ"))
    branches = [
        add_branch(database, home, "B", "B"),
        add_branch(database, away, "C", "C"),
        add_branch(database, home, "A", "A"),
    ]
    granted = [each.id for each in branches]
    made = add_member(database, home, NewMember("a@example.org", "correct horse battery", "radiologist", "", granted))
    member = find_by_email(database, " A@Example.org ")
    assert member == find_by_id(database, made)
    assert member and member.grants == tuple((each.organization_id, each.id) for each in branches)
    assert member.branches_in(home.organization_id) == (granted[0], granted[2])
    assert find_by_email(database, "b@example.org") is None
