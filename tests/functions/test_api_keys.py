"""Calls by an API key: they pass where its scopes allow, and are refused with the status that tells why."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.keys import NewKey, create_key, revoke_key
from pacs.people.membership import find_by_id
from pacs.people.organizations import NewMember, add_member
from tests.functions.doors import PASSWORD


@pytest.fixture
def key(clinic: Any, sample: Callable[[str], bytes]) -> Any:
    """A key that may search, of a manager of the centre."""
    clinic.add(sample("CT_small.dcm"))
    new = NewMember("centre@example.org", PASSWORD, "centre", branches=(clinic.made.branch_id,), manager=True)
    with clinic.services.database.transaction() as statements:
        member = find_by_id(statements, add_member(statements, clinic.scope, new))
        assert member
        now = clinic.services.clock.now()
        return create_key(statements, clinic.scope, member, NewKey("HBYS", ["archive.search"]), now)


def status(clinic: Any, key: str, path: str = "/dicomweb/studies", scheme: str = "Bearer", **more: str) -> int:
    headers = {"Authorization": f"{scheme} {key}", **more}
    return int(clinic.client.get(path, headers=headers, follow_redirects=False).status_code)


def test_a_key_opens_the_routes_of_its_scopes(clinic: Any, key: Any) -> None:
    found = clinic.client.get("/dicomweb/studies", headers={"Authorization": f"Bearer {key.key}"})
    assert found.status_code == 200 and len(found.json()) == 1
    study = found.json()[0]["0020000D"]["Value"][0]
    assert status(clinic, key.key, scheme="bearer") == 200
    refused = (f"/dicomweb/studies/{study}/metadata", "/auth/me", "/auth/sessions", "/api/shares")
    assert [status(clinic, key.key, path) for path in refused] == [403] * 4
    assert status(clinic, key.key, "/keys") == 303  # pages are for people: to the door
    clinic.services.database.fetch(text("update studies set branch_id = null"))
    assert clinic.client.get("/dicomweb/studies", headers={"Authorization": f"Bearer {key.key}"}).json() == []


def test_a_key_is_refused_with_the_status_that_tells_why(clinic: Any, key: Any) -> None:
    database, now = clinic.services.database, clinic.services.clock.now()
    for unknown in ("rapi_", "rapi_" + "x" * 43, key.key[:-1]):
        assert status(clinic, unknown) == 401
    database.fetch(text("update organization_members set manager = false where email = 'centre@example.org'"))
    assert status(clinic, key.key) == 403
    database.fetch(text("update organization_members set manager = true"))
    assert status(clinic, key.key) == 200
    revoke_key(database, clinic.scope, key.id, now)
    assert status(clinic, key.key) == 401
