"""Links on their page: everybody keeps their own, administrators keep all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pacs.viewing.shares import NewShare, create_share, find_share
from tests.portal.visits import scope_of, send, show


@pytest.fixture
def shared(clinic: Any, sample: Callable[[str], bytes]) -> tuple[str, str, str]:
    """The identifier and the secret of a link that the first member made, and the code of its study."""
    stored = clinic.add(sample("CT_small.dcm"))
    [row] = clinic.services.database.fetch(
        text("select s.code, cast(m.id as text) as member from studies s cross join organization_members m")
    )
    maker = scope_of(clinic, "admin", member_id=row["member"])
    new = NewShare((stored.study,), maximum_views=3, pin="1234", note="Dr. <Öz>")
    id, secret = create_share(clinic.services.database, maker, new, clinic.services.clock.now())
    return id, secret, str(row["code"])


def test_links_are_listed_extended_and_revoked(clinic: Any, shared: tuple[str, str, str]) -> None:
    id, secret, code = shared
    admin = scope_of(clinic, "admin")
    page = show(clinic, "/shares", admin).text
    assert code in page and "admin@localhost" in page and "Dr. &lt;Öz&gt;" in page and "PIN" in page and "0 / 3" in page
    assert secret not in page and code not in show(clinic, "/shares?state=revoked", admin).text
    until = (clinic.services.clock.now() + timedelta(days=30)).date().isoformat()
    assert send(clinic, "/shares/extend", admin, share=id, until=until).headers["location"] == "/shares"
    assert find_share(clinic.services.database, secret).maximum_views is None
    for wrong in ({"until": "x"}, {"until": until, "views": "many"}, {"until": "2020-01-01"}):
        assert send(clinic, "/shares/extend", admin, share=id, **wrong).status_code == 400
    assert send(clinic, "/shares/revoke", admin, share=id).headers["location"] == "/shares"
    assert find_share(clinic.services.database, secret).state(clinic.services.clock.now()) == "revoked"
    assert code in show(clinic, "/shares?state=revoked", admin).text
    rows = clinic.services.database.fetch(text("select subject from audit where action = 'share-change' order by id"))
    assert [row["subject"] for row in rows] == [f"{id}: extended", f"{id}: revoked"]


def test_others_links_are_not_there(clinic: Any, shared: tuple[str, str, str]) -> None:
    id, _, code = shared
    other = scope_of(clinic, "radiologist", branches=(clinic.made.branch_id,), member_id=clinic.made.branch_id)
    assert code not in show(clinic, "/shares", other).text
    assert send(clinic, "/shares/revoke", other, share=id).status_code == 404
    assert send(clinic, "/shares/extend", other, share=id, until="2099-01-01").status_code in (400, 404)
