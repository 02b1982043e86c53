"""What was received, and when: counted once however often its event comes, forgotten after its time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from pydicom import dcmread
from sqlalchemy import text

from pacs.archive.arrivals import prune_arrivals, received_since, record_arrivals
from tests.archive.conftest import Archive

ROWS = text("select * from arrivals order by at")


def events(archive: Archive) -> list[dict[str, Any]]:
    """What the index has told of since they were asked for last."""
    return archive.queue.sent.pop("instance-indexed", [])


def test_an_arrival_is_recorded_once_and_without_the_patient(archive: Archive, sample: Callable[[str], bytes]) -> None:
    body = sample("CT_small.dcm")
    stored = archive.store(body)
    began = archive.clock.now() - timedelta(minutes=1)
    archive.index()
    told = events(archive)
    recorded = {"instances": 1, "size_bytes": len(body)}
    assert record_arrivals(archive.database, told + told) == recorded
    archive.index()  # as after `pacs reindex`
    assert record_arrivals(archive.database, told + events(archive)) == {"instances": 0, "size_bytes": 0}
    assert received_since(archive.database, began) == recorded
    (row,) = archive.database.fetch(ROWS)
    assert {name: str(value) for name, value in row.items() if name != "at"} == {
        "organization_id": archive.organization_id,
        "study_instance_uid": stored.study,
        "series_instance_uid": stored.series,
        "sop_instance_uid": stored.sop_instance_uid,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size_bytes": str(len(body)),
    }


def test_what_is_received_with_other_bytes_has_arrived_again(archive: Archive, sample: Callable[[str], bytes]) -> None:
    archive.store(sample("CT_small.dcm"))
    archive.index()
    newer = dcmread(BytesIO(sample("CT_small.dcm")))
    newer.PatientComments = "seen"
    buffer = BytesIO()
    newer.save_as(buffer)
    archive.store(buffer.getvalue())
    archive.index()
    assert record_arrivals(archive.database, events(archive))["instances"] == 2


def test_old_arrivals_are_forgotten(archive: Archive, sample: Callable[[str], bytes]) -> None:
    archive.settings = replace(archive.settings, arrivals_days=2)
    archive.store(sample("CT_small.dcm"))
    archive.index()
    (event,) = events(archive)
    for days in (0, 1, 3, 400):
        at = datetime.fromisoformat(event["ReceivedAt"]) - timedelta(days=days)
        record_arrivals(archive.database, [event | {"ReceivedAt": at.isoformat()}])
    assert prune_arrivals(archive) == {"pruned": 2}
    assert len(archive.database.fetch(ROWS)) == 2
