"""Index and derived objects made anew from the originals, and failures tried again."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pacs.archive.failures import list_failures, record_failures
from pacs.archive.keys import InstancePath, parse_original, series_metadata
from pacs.archive.lookup import Level
from pacs.archive.rebuilding import rebuild, retry_failures
from pacs.archive.reconciling import QUEUE, request_indexing
from pacs.archive.retrieve import retrieve_metadata
from pacs.errors import InvalidInstance, NotFound, ObjectNotFound
from pacs.people.scope import Scope

Sample = Callable[[str], bytes]
COUNTS = "select (select count(*) from {}) as count"


@pytest.fixture
def system(archive: Any) -> Scope:
    return Scope(archive.organization_id, "system")


def stored(archive: Any, *bodies: bytes) -> list[InstancePath]:
    """Instances that are stored, indexed and derived."""
    for body in bodies:
        assert archive.store(body).error is None
    assert archive.index() == {} and archive.derive() == {}
    return paths(archive)


def paths(archive: Any) -> list[InstancePath]:
    return [parse_original(info.key) for info in archive.originals.scan()]


def rows(archive: Any, *tables: str) -> list[int]:
    return [archive.database.fetch(text(COUNTS.format(table)))[0]["count"] for table in tables]


def queued(archive: Any) -> list[str]:
    """The keys that the index queue was given; it is empty afterwards."""
    return [record["s3"]["object"]["key"] for body in archive.queue.sent.pop(QUEUE, []) for record in body["Records"]]


def test_what_was_derived_is_deleted_and_made_anew(archive: Any, sample: Sample) -> None:
    (path,) = stored(archive, sample("CT_small.dcm"))
    good = archive.derived.get(path.frame(1))
    archive.derived.put(path.frame(1), b"wrong")
    archive.derived.put(path.frame(2), b"of an older version")
    archive.derived.put(path.video, b"of an older version")
    assert rebuild(archive, archive.organization_id) == {"queued": 1, "deleted": 0}
    left = {info.key.split("/")[0] for info in archive.derived.scan()}
    assert left == {"metadata"} and queued(archive) == [path.original]
    assert retrieve_metadata(archive, archive.scope, Level(path.study))
    assert archive.index() == {} and archive.derive() == {}
    assert archive.derived.get(path.frame(1))[1] == good[1] and archive.derived.head(path.thumbnail)
    with pytest.raises(ObjectNotFound):
        archive.derived.head(path.frame(2))


def test_rows_without_originals_go_with_what_they_leave_empty(archive: Any, sample: Sample) -> None:
    gone, kept, _ = stored(archive, sample("CT_small.dcm"), sample("MR_small.dcm"), sample("rtplan.dcm"))
    archive.originals.delete(gone.original)
    record_failures(archive.database, "derive", {gone.original: InvalidInstance("broken")})
    assert rebuild(archive, archive.organization_id, kept.study) == {"queued": 1, "deleted": 0}
    assert rows(archive, "patients", "studies", "series", "instances") == [3, 3, 3, 3]
    assert rebuild(archive, archive.organization_id, gone.study) == {"queued": 0, "deleted": 1}
    assert rows(archive, "patients", "studies", "series", "instances", "failures") == [2, 2, 2, 2, 0]
    with pytest.raises(NotFound):
        rebuild(archive, archive.organization_id, gone.study)


def test_a_series_that_keeps_instances_is_counted_again(archive: Any, sample: Sample) -> None:
    body = sample("MR_small.dcm")
    uid = archive.store(body).sop_instance_uid
    other = uid[:-1] + str((int(uid[-1]) + 1) % 10)
    (gone, kept) = stored(archive, body, body.replace(uid.encode(), other.encode()))
    archive.originals.delete(gone.original)
    assert rebuild(archive, archive.organization_id)["deleted"] == 1
    (study,) = archive.database.fetch(text("select number_of_instances, number_of_series, size_bytes from studies"))
    assert dict(study) == {"number_of_instances": 1, "number_of_series": 1, "size_bytes": len(body)}
    assert json.loads(retrieve(archive, kept))[0]["00080018"]["Value"] == [kept.instance]


def retrieve(archive: Any, path: InstancePath) -> bytes:
    return gzip.decompress(retrieve_metadata(archive, archive.scope, Level(path.study, path.series))[0])


def test_a_store_without_originals_is_taken_for_a_fault(archive: Any, sample: Sample) -> None:
    (path,) = stored(archive, sample("CT_small.dcm"))
    archive.originals.delete(path.original)
    with pytest.raises(NotFound):
        rebuild(archive, archive.organization_id)
    assert rows(archive, "instances") == [1]


def test_a_series_stays_readable_when_one_original_breaks_while_it_is_rebuilt(archive: Any, sample: Sample) -> None:
    body = sample("MR_small.dcm")
    uid = archive.store(body).sop_instance_uid
    other = uid[:-1] + str((int(uid[-1]) + 1) % 10)
    broken, whole = stored(archive, body, body.replace(uid.encode(), other.encode()))
    archive.originals.put(broken.original, body[:300])
    rebuild(archive, archive.organization_id)
    assert set(archive.index()) == {broken.original}
    assert archive.derive() == {}
    assert len(json.loads(retrieve(archive, whole))) == 2 and archive.derived.head(whole.frame(1))


def test_one_broken_or_missing_original_does_not_keep_others_from_being_derived(archive: Any, sample: Sample) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm"):
        archive.store(sample(name))
    assert archive.index() == {}
    whole, broken, gone = paths(archive)
    known = archive.originals.head(broken.original).metadata
    archive.originals.put(broken.original, b"broken since it was indexed", metadata=known)
    archive.originals.delete(gone.original)
    assert set(archive.derive()) == {broken.original}
    (failure,) = list_failures(archive.database, archive.scope)
    assert (failure["stage"], failure["object_key"]) == ("derive", broken.original)
    assert archive.derived.head(series_metadata(*whole.series_path))


def test_what_is_tried_again_leaves_the_list_until_it_fails_anew(archive: Any, system: Scope, sample: Sample) -> None:
    (path,) = stored(archive, sample("CT_small.dcm"))
    gone = path.original.replace(path.study, "1.2.3")
    foreign = "lost+found/x.dcm"
    archive.originals.put(foreign, b"x")
    problem = InvalidInstance("broken")
    record_failures(archive.database, "transcode", {path.original: problem, gone: problem, foreign: problem})
    failures = list_failures(archive.database, system)
    assert {each["object_key"] for each in failures} == {path.original, gone, foreign}
    assert len(list_failures(archive.database, archive.scope)) == 2
    assert retry_failures(archive, failures, []) == 2
    assert sorted(queued(archive)) == sorted([path.original, foreign.replace("+", "%2B")])
    assert list_failures(archive.database, system) == []


def test_what_waits_in_the_index_queue_is_not_queued_twice(archive: Any, system: Scope, sample: Sample) -> None:
    (path,) = stored(archive, sample("CT_small.dcm"))
    record_failures(archive.database, "index", {path.original: InvalidInstance("broken")})
    request_indexing(archive, [path.original])
    (waiting,) = archive.queue.sent.pop(QUEUE)
    assert retry_failures(archive, list_failures(archive.database, system), [json.dumps(waiting)]) == 0
    assert list_failures(archive.database, system) == [] and queued(archive) == []


def test_a_missing_original_stays_listed_until_it_is_back(archive: Any, system: Scope, sample: Sample) -> None:
    (path,) = stored(archive, sample("CT_small.dcm"))
    archive.originals.delete(path.original)
    record_failures(archive.database, "reconcile", {path.original: ObjectNotFound("gone")})
    assert retry_failures(archive, list_failures(archive.database, system), []) == 0
    failures = list_failures(archive.database, system)
    assert [each["stage"] for each in failures] == ["reconcile"]
    archive.store(sample("CT_small.dcm"))
    assert retry_failures(archive, failures, []) == 1 and list_failures(archive.database, system) == []
