"""The gateway's page: how the door is, who was there, what failed; and the page of what is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pacs.archive.connections import record_connections
from pacs.bootstrap import local_queue
from pacs.dicom.presence import NODES
from tests.archive.test_connections import row
from tests.portal.visits import scope_of, send, show

PAGE = "/admin/gateway"
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def admin(clinic: Any) -> Any:
    return scope_of(clinic, "admin")


def test_the_door_is_seen_to_be_well_with_its_associations(clinic: Any, admin: Any) -> None:
    assert "Silent" in show(clinic, PAGE, admin).text
    ours = {"began_at": "2026-01-05T09:00:00+00:00", "calling_ae": "CT1", "called_ae": "RAIPACS", "peer": "10.0.0.7"}
    here = {**ours, "organization_id": clinic.made.organization_id, "instances": 3, "bytes": 4000}
    there = {**here, "organization_id": ELSEWHERE, "calling_ae": "FAR"}
    node = {"node": "a", "tls": True, "ill": "", "started_at": ours["began_at"], "open": [here, there]}
    put = clinic.services.exchange.put
    put(f"{NODES}a.json", json.dumps(node).encode())
    put(f"{NODES}b.json", json.dumps({**node, "ill": "left"}).encode())
    page = show(clinic, PAGE, admin).text
    assert "Well" in page and "TLS" in page and "CT1" in page and "FAR" not in page
    put(f"{NODES}a.json", json.dumps({**node, "ill": "no room for the object"}).encode())
    assert "no room for the object" in show(clinic, PAGE, admin).text


def test_connections_are_found_by_title_and_result(clinic: Any, admin: Any) -> None:
    where = {"organization_id": clinic.made.organization_id, "branch_id": clinic.made.branch_id}
    refused = {"outcome": "rejected", "reason": "called AE title not recognised"}
    rows = [row(clinic.made, "a", **where), row(clinic.made, "b", **where, **refused, calling_ae="MR9")]
    record_connections(clinic.services.database, [*rows, row(clinic.made, "c", organization_id=ELSEWHERE)])
    page = show(clinic, PAGE, admin).text
    assert page.count("<code>CT1</code>") == 1 and "called AE title not recognised" in page and "1.2" in page
    assert "MR9" not in show(clinic, f"{PAGE}?title=ct1", admin).text
    assert "CT1" not in show(clinic, f"{PAGE}?outcome=rejected", admin).text


def test_what_failed_is_tried_again_one_by_one(clinic: Any, admin: Any, sample: Callable[[str], bytes]) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm"):
        clinic.add(sample(name))
    keys = [info.key for info in clinic.services.originals.scan()]
    clinic.services.database.fetch(
        text(
            "insert into failures (organization_id, stage, object_key, code, reason)"
            " select cast(:o as uuid), 'index', unnest(cast(:keys as text[])), 'UNAVAILABLE', 'no answer'"
        ),
        {"o": clinic.made.organization_id, "keys": keys},
    )
    before = clinic.services.queue.depth("index").waiting
    assert send(clinic, f"{PAGE}/retry", admin, stage="index", object=keys[0]).headers["location"] == PAGE
    page = show(clinic, PAGE, admin).text
    assert keys[0] not in page and keys[1] in page
    assert clinic.services.queue.depth("index").waiting == before + 1
    assert send(clinic, f"{PAGE}/retry", admin, stage="index", object=keys[0]).status_code == 404
    assert send(clinic, f"{PAGE}/retry", scope_of(clinic, "admin", manager=True)).status_code == 303
    assert "Nothing has failed" in show(clinic, PAGE, admin).text


def test_what_a_queue_gave_up_is_listed_and_put_back_to_work(clinic: Any, admin: Any) -> None:
    key = f"{clinic.made.organization_id}/1.2/1.3/1.4.dcm"
    theirs = f"{ELSEWHERE}/1.2/1.3/1.9.dcm"
    bodies = [{"FilePath": key}, {"FilePath": theirs}, {"series": [clinic.made.organization_id, "1.2", "1.77"]}]
    bodies += [{"organization": clinic.made.organization_id, "job": "our-job"}]
    bodies += [{"organization": ELSEWHERE, "job": "their-job"}]
    clinic.services.queue.send("derive", [json.dumps(each) for each in bodies])
    queue = local_queue(clinic.services.settings)
    for _ in range(2):
        received = queue.receive("derive", limit=9, visibility_s=60, wait_s=0, max_receives=1)
        queue.release([each.message_id for each in received])
    queue.close()
    page = show(clinic, PAGE, admin).text
    assert key in page and "/1.2/1.77/" in page and theirs not in page
    assert "/our-job" in page and "their-job" not in page
    assert send(clinic, f"{PAGE}/redrive", admin, queue="derive").headers["location"] == PAGE
    depth = clinic.services.queue.depth("derive")
    assert (depth.waiting, depth.dead) == (5, 0) and key not in show(clinic, PAGE, admin).text
    assert send(clinic, f"{PAGE}/redrive", admin, queue="ai").status_code == 303
    assert send(clinic, f"{PAGE}/redrive", admin, queue="machine").status_code == 404


def test_what_is_kept_is_told_by_branch_and_modality(clinic: Any, admin: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.services.database.fetch(
        text(
            "insert into arrivals (organization_id, sop_instance_uid, at, study_instance_uid, series_instance_uid,"
            " transfer_syntax_uid, size_bytes) values (cast(:o as uuid), '1', now(), :study, '2', '3', 4000)"
        ),
        {"o": clinic.made.organization_id, "study": stored.study},
    )
    page = show(clinic, f"{PAGE}/storage", admin).text
    assert "<td>Merkez</td><td>CT</td><td>1</td><td>1</td><td>39.2 kB</td>" in page
    assert '<th scope="row">Patients</th><td>1</td>' in page and "data-chart" in page
    other = scope_of(clinic, "admin").__class__(ELSEWHERE, "admin", session_id=admin.session_id)
    assert "<td>CT</td>" not in show(clinic, f"{PAGE}/storage", other).text
