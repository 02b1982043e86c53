"""Organizations, branches, members: what can be added, what is refused, and what is found again."""

import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.organizations import (
    NewMember,
    add_branch,
    add_member,
    add_organization,
    disable_member,
    find_branches,
    find_organization,
    list_branches,
    list_members,
)
from pacs.people.scope import MEMBER_ROLES, Scope

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def scope(database: PsycopgDatabase) -> Scope:
    return Scope(add_organization(database, "Görüntü A.Ş."), "system")


def test_an_organization_is_found_by_name_and_by_identifier(database: PsycopgDatabase, scope: Scope) -> None:
    assert find_organization(database, "görüntü a.ş.") == scope.organization_id
    assert find_organization(database, scope.organization_id.upper()) == scope.organization_id
    with pytest.raises(NotFound):
        find_organization(database, "Başka")
    with pytest.raises(Conflict):
        add_organization(database, " GÖRÜNTÜ a.ş. ")
    with pytest.raises(BadRequest):
        add_organization(database, "  ")


def test_a_branch_is_known_by_its_code(database: PsycopgDatabase, scope: Scope, fresh_dsn: str) -> None:
    merkez, dev = (add_branch(database, scope, name, name.upper()) for name in ("Merkez", "Dev"))
    assert list_branches(database, scope) == [merkez, dev]
    other = Scope(add_organization(database, "Ağ"), "system")
    theirs = add_branch(database, other, "Dev", "DEV")
    assert find_branches(database, scope, ["DEV", "Ağ/DEV"]) == [dev, theirs]
    for unknown in ("dev", "Ağ/MERKEZ", "Yok/DEV"):
        with pytest.raises(NotFound):
            find_branches(database, scope, [unknown])
    with pytest.raises(Conflict):
        add_branch(database, scope, "Zwei", "DEV")
    with psycopg.connect(fresh_dsn) as connection, pytest.raises(psycopg.errors.RaiseException, match="never change"):
        connection.execute("update branches set code = 'X'")


@pytest.mark.parametrize("code", ["", "dev", "DEVDEVDEV", "A B", "İZMİR", "A_B"])
def test_a_code_is_part_of_an_ae_title(database: PsycopgDatabase, scope: Scope, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        add_branch(database, scope, "Dev", code)
    assert refused.value.field == "code"


def test_members_are_listed_with_what_they_are_granted(database: PsycopgDatabase, scope: Scope) -> None:
    branches = [add_branch(database, scope, code, code) for code in ("B", "A")]
    granted = [each.id for each in branches]
    reader = NewMember("Ayse@Example.org", PASSWORD, "radiologist", "Ayşe", granted, manager=True)
    add_member(database, scope, reader)
    add_member(database, scope, NewMember("i@example.org", PASSWORD, "technician", importer=True, importer_until=NOW))
    first, second = list_members(database, scope)
    assert (first["email"], first["name"], first["role"]) == ("ayse@example.org", "Ayşe", "radiologist")
    assert (first["branches"], first["manager"], first["disabled_at"]) == (["B", "A"], True, None)
    assert (second["name"], second["branches"], second["importer_until"]) == ("i@example.org", [], NOW)
    assert list_members(database, Scope(str(uuid.uuid4()), "system")) == []


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_every_role_can_be_had(database: PsycopgDatabase, scope: Scope, role: Any) -> None:
    add_member(database, scope, NewMember("a@example.org", PASSWORD, role))
    with pytest.raises(Conflict):
        add_member(database, scope, NewMember("A@example.org", PASSWORD, role))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "a.example.org"}, "email"),
        ({"email": "a@b\n.org"}, "email"),
        ({"password": "elevenchars"}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"role": "system"}, "role"),
        ({"importer": True}, "importer"),
        ({"importer_until": NOW}, "importer"),
    ],
)
def test_what_no_member_can_be(database: PsycopgDatabase, scope: Scope, changes: dict[str, Any], field: str) -> None:
    values = {"email": "a@example.org", "password": PASSWORD, "role": "admin"} | changes
    with pytest.raises(BadRequest) as refused:
        add_member(database, scope, NewMember(**values))
    assert refused.value.field == field


def test_a_member_is_disabled_once_and_only_in_its_organization(database: PsycopgDatabase, scope: Scope) -> None:
    add_member(database, scope, NewMember("a@example.org", PASSWORD, "admin"))
    assert disable_member(database, scope, "A@example.org", NOW) == list_members(database, scope)[0]["id"]
    disable_member(database, scope, "a@example.org", datetime(2027, 1, 1, tzinfo=UTC))
    assert list_members(database, scope)[0]["disabled_at"] == NOW
    other = Scope(add_organization(database, "Ağ"), "system")
    with pytest.raises(NotFound):
        disable_member(database, other, "a@example.org", NOW)
