"""The page of API keys: for managers alone, each key shown once."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.keys import KEY
from pacs.people.scope import Scope
from tests.functions.doors import PASSWORD
from tests.portal.visits import scope_of, send, show

SHOWN = re.compile(r'data-copy="(rapi_[^"]*)"')


@pytest.fixture
def manager(clinic: Any) -> Scope:
    """The first administrator, who is a manager."""
    [row] = clinic.services.database.fetch(text("select cast(id as text) as id from organization_members"))
    return scope_of(clinic, "admin", member_id=row["id"], manager=True)


def keys(clinic: Any) -> Any:
    return clinic.services.database.fetch(text("select cast(id as text) as id from api_keys order by created_at"))


def test_a_manager_makes_rotates_and_revokes_keys(clinic: Any, manager: Scope) -> None:
    form = {"name": "HBYS", "scopes": ["archive.search", "studies.read"], "until": "2099-12-31"}
    answer = send(clinic, "/keys", manager, **form)
    [first] = SHOWN.findall(answer.text)
    assert KEY.fullmatch(first) and answer.headers["cache-control"] == "no-store"
    page = show(clinic, "/keys", manager).text
    assert first not in page and first[:11] in page and "HBYS" in page and "archive.search" in page
    [row] = keys(clinic)
    [second] = SHOWN.findall(send(clinic, "/keys/rotate", manager, key=row["id"], overlap="24").text)
    assert second != first and "Replaced" in show(clinic, "/keys", manager).text
    assert send(clinic, "/keys/revoke", manager, key=row["id"]).headers["location"] == "/keys"
    assert "Revoked" in show(clinic, "/keys", manager).text
    bearer = {"Authorization": f"Bearer {second}"}
    assert clinic.client.get("/dicomweb/studies", headers=bearer).status_code == 200
    assert '"values": [0,' in show(clinic, "/keys", manager).text.replace("&#34;", '"')


def test_what_makes_no_key(clinic: Any, manager: Scope) -> None:
    good = {"name": "a", "scopes": "archive.search"}
    for wrong in ({"name": ""}, {"scopes": "api_keys.manage"}, {"scopes": ""}, {"until": "x"}, {"until": "2020-01-01"}):
        assert send(clinic, "/keys", manager, **(good | wrong)).status_code == 400
    stranger = scope_of(clinic, "admin", manager=True)
    assert send(clinic, "/keys", stranger, **good).status_code == 403
    nobodys = clinic.made.organization_id
    assert send(clinic, "/keys/rotate", manager, key=nobodys, overlap="7").status_code == 400
    assert send(clinic, "/keys/rotate", manager, key=nobodys, overlap="24").status_code == 404
    assert send(clinic, "/keys/revoke", manager, key=nobodys).status_code == 404
    assert keys(clinic) == []


def test_nobody_else_sees_the_page(clinic: Any, manager: Scope) -> None:
    assert PASSWORD and show(clinic, "/keys", scope_of(clinic, "admin")).status_code == 403
    assert 'href="/keys"' not in show(clinic, "/dashboard", scope_of(clinic, "admin")).text
    assert 'href="/keys"' in show(clinic, "/dashboard", manager).text
