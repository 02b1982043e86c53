"""Whoever looks at a study or fetches it is in the audit: once an hour, not once a picture; and nobody changes that."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from pacs.entry import noting
from pacs.people.audit import EVENTS, ONCE
from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from tests.functions.doors import PASSWORD, TurnedClock

NOTED = text(
    "select action, event_id, member_id, role, source_ip, subject, study_instance_uid as study from audit"
    " where action in ('view', 'download', 'share-view') order by id"
)


@pytest.fixture
def shelf(clinic: Any, clock: TurnedClock, sample: Callable[[str], bytes]) -> Any:
    """A clinic with one study, which a radiologist looks at."""
    noting.known.clear()
    clinic.stored = clinic.add(sample("CT_small.dcm"))
    clinic.derive()
    clinic.reader = Scope(clinic.made.organization_id, "radiologist", (clinic.made.branch_id,), member_id="reader")
    clinic.path = f"/studies/{clinic.stored.study}"
    clinic.instance = f"{clinic.path}/series/{clinic.stored.series}/instances/{clinic.stored.sop_instance_uid}"
    return clinic


def noted(clinic: Any) -> list[Any]:
    return [dict(row) for row in clinic.services.database.fetch(NOTED)]


VIEWS = ["{study}/metadata", "{instance}/metadata", "{study}/rendered", "{instance}/rendered", "{study}/pixeldata"]
VIEWS += ["{instance}/bulkdata/7FE00010", "{instance}/frames/1/rendered"]
OUTSIDE = (
    "/api/studies/{uid}/patient",
    "/viewer-data/studies/{uid}",
    "/viewer-data/ohif-session?StudyInstanceUIDs={uid}",
    "/wado?{query}",
)
DOWNLOADS = ["{study}", "{instance}"]
FILES = "/viewer-data/instances/{sop}", "/wado?{query}&contentType=application/dicom"


def asked(clinic: Any, address: str) -> str:
    stored = clinic.stored
    query = f"requestType=WADO&studyUID={stored.study}&seriesUID={stored.series}&objectUID={stored.sop_instance_uid}"
    path = address if address.startswith("/") else "/dicomweb" + address
    names = {"study": clinic.path, "instance": clinic.instance, "uid": stored.study, "sop": stored.sop_instance_uid}
    return path.format(query=query, **names)


def look(clinic: Any, address: str, scope: Scope | None = None, method: str = "GET") -> int:
    headers = clinic.bearer(scope or clinic.reader)
    return int(clinic.client.request(method, asked(clinic, address), headers=headers).status_code)


def test_every_way_to_see_a_study_or_to_fetch_it_leaves_its_row(shelf: Any) -> None:
    for action, ways in (("view", [*VIEWS, *OUTSIDE]), ("download", [*DOWNLOADS, *FILES])):
        for number, way in enumerate(ways):
            reader = Scope(shelf.made.organization_id, "radiologist", (shelf.made.branch_id,), member_id=way)
            assert look(shelf, way, reader) == 200, way
            [row] = noted(shelf)[-1:]
            told = {"action": action, "event_id": EVENTS[action][0], "member_id": way, "role": "radiologist"}  # type: ignore[index]
            assert row == {**told, "source_ip": "testclient", "subject": "", "study": shelf.stored.study}, number
    assert len(noted(shelf)) == len([*VIEWS, *OUTSIDE, *DOWNLOADS, *FILES])


def test_a_study_is_noted_once_an_hour_however_many_pictures_and_processes(shelf: Any, clock: TurnedClock) -> None:
    for way in VIEWS:
        look(shelf, way)
    noting.known.clear()  # another process
    look(shelf, VIEWS[0])
    assert [row["action"] for row in noted(shelf)] == ["view"]
    shelf.services.database.fetch(
        text(
            "insert into audit (at, organization_id, member_id, role, source_ip, action, event_id, event_type, outcome,"
            " subject, study_instance_uid, number_of_instances) select now() - interval '61 minutes', organization_id,"
            " 'earlier', role, source_ip, action, event_id, event_type, outcome, subject, study_instance_uid, 0"
            " from audit where action = 'view'"
        )
    )
    earlier = Scope(shelf.made.organization_id, "radiologist", (shelf.made.branch_id,), member_id="earlier")
    look(shelf, VIEWS[0], earlier)
    assert len(noted(shelf)) == 3
    clock.pass_s(ONCE.total_seconds())
    look(shelf, VIEWS[0])  # this process asks again; the database knows better, for its own hour is not over
    assert len(noted(shelf)) == 3


def test_nothing_is_noted_of_what_was_not_seen(shelf: Any) -> None:
    stranger = Scope(shelf.made.organization_id, "radiologist", (), member_id="stranger")
    assert look(shelf, "{study}/metadata", stranger) == 404
    assert look(shelf, "{study}/metadata", method="HEAD") == 200
    for way in ("{study}/thumbnail", "{instance}/frames/1", "{study}/series", "/studies"):
        look(shelf, way)
    assert noted(shelf) == []


def test_strangers_are_noted_with_their_link_and_the_true_study(shelf: Any) -> None:
    with shelf.services.database.transaction() as statements:
        maker = NewMember("r@example.org", PASSWORD, "radiologist", branches=[shelf.made.branch_id])
        member_id = add_member(statements, shelf.scope, maker)
    shelf.reader = replace(shelf.reader, member_id=member_id)
    body = {"studies": [shelf.stored.study]}
    url = shelf.client.post("/api/share", json=body, headers=shelf.bearer(shelf.reader)).json()["url"]
    secret = url.partition("s=")[2]
    assert shelf.client.get("/share", params={"s": secret}).status_code == 200
    led = shelf.client.post("/share", data={"s": secret}, follow_redirects=False).headers["location"]
    bearer = {"Authorization": f"Bearer {led.partition('token=')[2]}"}
    study = told(shelf, bearer)
    assert study != shelf.stored.study
    assert shelf.client.get(f"/dicomweb/studies/{study}/metadata", headers=bearer).status_code == 200
    rows = noted(shelf)
    assert [row["action"] for row in rows] == ["share-view", "share-view", "view"]
    share = rows[1]["subject"]
    assert [row["subject"] for row in rows] == [f"{share}: preview", share, share]
    assert {(row["study"], row["role"], row["member_id"]) for row in rows} == {(shelf.stored.study, "share", "")}


def told(clinic: Any, headers: dict[str, str]) -> str:
    """What the one study of a link is called."""
    [found] = clinic.client.get("/dicomweb/studies", headers=headers).json()
    return str(found["0020000D"]["Value"][0])


def test_no_role_of_the_database_changes_what_was_written(shelf: Any) -> None:
    look(shelf, "{study}/metadata")
    before = noted(shelf)
    clerk = f"clerk_{uuid.uuid4().hex}"
    with psycopg.connect(shelf.services.settings.database_dsn, autocommit=True) as connection:
        for role in ("", clerk):
            if role:
                connection.execute(f"create role {clerk}")
                connection.execute(f"grant all on all tables in schema public to {clerk}")
                connection.execute(f"set role {clerk}")
            for change in ("update audit set member_id = 'x'", "delete from audit", "truncate audit"):
                with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
                    connection.execute(change)
        connection.execute("reset role")
        connection.execute(f"drop owned by {clerk}")
        connection.execute(f"drop role {clerk}")
    assert noted(shelf) == before
