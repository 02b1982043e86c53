"""What is made of a whole series: once it has arrived, never out of date, and again when it is lost."""

import gzip
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from pacs.archive.failures import list_failures, record_failures
from pacs.archive.keys import InstancePath, parse_original, series_metadata
from pacs.archive.lookup import Level
from pacs.archive.metadata import REST_S
from pacs.archive.retrieve import retrieve_metadata
from pacs.archive.trash import delete_instances
from pacs.errors import InvalidInstance, ObjectNotFound

Sample = Callable[[str], bytes]


@pytest.fixture
def slices(sample: Sample) -> Iterator[bytes]:
    """Instances of one series, one after the other."""

    def made() -> Iterator[bytes]:
        dataset = dcmread(BytesIO(sample("CT_small.dcm")))
        for number in range(1, 100):
            dataset.InstanceNumber = number
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            out = BytesIO()
            dataset.save_as(out)
            yield out.getvalue()

    return made()


def arrive(archive: Any, body: bytes) -> InstancePath:
    """Store and index one more instance; the path of it."""
    before = set(archive.keys())
    assert archive.store(body).outcome == "created" and archive.index() == {}
    (key,) = set(archive.keys()) - before
    return parse_original(key)


def shown(archive: Any, path: InstancePath) -> list[int]:
    """The instance numbers in the metadata of a series."""
    body = retrieve_metadata(archive, archive.scope, Level(path.study, path.series))[0]
    return [document["00200013"]["Value"][0] for document in json.loads(gzip.decompress(body))]


def is_made(archive: Any, path: InstancePath) -> bool:
    try:
        return bool(archive.derived.head(series_metadata(*path.series_path)))
    except ObjectNotFound:
        return False


def test_a_series_that_still_arrives_is_not_written_again_and_again(archive: Any, slices: Iterator[bytes]) -> None:
    for count in (1, 2, 3):
        path = arrive(archive, next(slices))
        assert archive.queue.sent["derive"] == [{"series": list(path.series_path)}]
        assert archive.queue.delays_s["derive"] == REST_S
        assert archive.derive(after_s=0) == {}
        assert shown(archive, path) == list(range(1, count + 1))  # put together for who asks
        assert not is_made(archive, path)
        assert archive.derived.head(path.frame(1))  # frames never wait
    archive.index()  # the same again: nothing has changed
    assert archive.derive(after_s=REST_S) == {}
    assert is_made(archive, path) and shown(archive, path) == [1, 2, 3]


def test_what_comes_later_outdates_what_was_made(archive: Any, slices: Iterator[bytes]) -> None:
    arrive(archive, next(slices))
    archive.derive()
    path = arrive(archive, next(slices))
    assert is_made(archive, path) and shown(archive, path) == [1, 2]
    delete_instances(archive, archive.scope, Level(path.study, path.series, path.instance))
    assert shown(archive, path) == [1]


def test_a_series_that_is_there_again_is_another_one(archive: Any, slices: Iterator[bytes]) -> None:
    """Its first revision has the number that the deleted one's first had."""
    path = arrive(archive, next(slices))
    archive.derive()
    made = archive.derived.get(series_metadata(*path.series_path))
    delete_instances(archive, archive.scope, Level(path.study))
    arrive(archive, next(slices))
    archive.derived.put(series_metadata(*path.series_path), made[1], metadata=made[0].metadata)  # by somebody slow
    assert shown(archive, path) == [2]


def test_what_is_lost_is_made_by_who_asks_first(archive: Any, slices: Iterator[bytes]) -> None:
    path = arrive(archive, next(slices))
    archive.derive()
    assert archive.derived.delete_prefix(series_metadata(*path.series_path)) == 1
    assert shown(archive, path) == [1] and not is_made(archive, path)  # it may still arrive
    assert shown(archive.later(60), path) == [1] and is_made(archive, path)


def test_the_middle_image_has_a_thumbnail(archive: Any, slices: Iterator[bytes], sample: Sample) -> None:
    paths = [arrive(archive, next(slices)) for _ in range(3)]
    archive.derive()
    made = [info.key for info in archive.derived.scan("thumbnails/")]
    assert made == [paths[1].thumbnail]


def test_a_failure_is_forgotten_when_its_instance_is_derived(archive: Any, slices: Iterator[bytes]) -> None:
    path = arrive(archive, next(slices))
    for stage in ("derive", "transcode"):
        record_failures(archive.database, stage, {path.original: InvalidInstance("broken")})
    assert len(list_failures(archive.database, archive.scope)) == 2
    assert archive.derive() == {}
    assert list_failures(archive.database, archive.scope) == []


def test_a_series_that_cannot_be_read_does_not_keep_another_from_being_made(
    archive: Any, slices: Iterator[bytes], sample: Sample
) -> None:
    broken = arrive(archive, next(slices))
    whole = arrive(archive, sample("MR_small.dcm"))
    known = archive.originals.head(broken.original).metadata
    archive.originals.put(broken.original, b"broken since it was indexed", metadata=known)
    archive.derived.delete_prefix(f"metadata/{broken.organization_id}/{broken.study}/")
    archive.queue.sent.pop("instance-indexed")
    assert archive.derive_series() == {broken.series_path}
    assert is_made(archive, whole) and not is_made(archive, broken)
