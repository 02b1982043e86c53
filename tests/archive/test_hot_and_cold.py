"""Which frames are ready beforehand, for how long, and that the others are made when somebody asks."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread

from pacs.archive.expiring import expire_objects
from pacs.archive.frames import FrameReader, make_frame
from pacs.archive.keys import parse_original
from pacs.archive.lookup import Instance, Level, find_instance
from pacs.errors import ObjectNotFound

Sample = Callable[[str], bytes]
DAYS = 30


def put(archive: Any, body: bytes, study_date: str) -> Instance:
    """Store, index and derive an instance of a study of that date; frames live for thirty days."""
    dataset = dcmread(BytesIO(body))
    dataset.StudyDate = study_date
    out = BytesIO()
    dataset.save_as(out)
    archive.settings = replace(archive.settings, derived_days=DAYS)
    archive.store(out.getvalue())
    assert archive.index() == {} and archive.derive() == {}
    path = parse_original(archive.keys()[0])
    return find_instance(archive.database, archive.scope, Level(path.study, path.series, path.instance))


def is_ready(archive: Any, instance: Instance) -> bool:
    try:
        return bool(archive.derived.head(instance.path.frame(1)))
    except ObjectNotFound:
        return False


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%d")


@pytest.mark.parametrize(
    ("study_date", "hot"),
    [(days_ago(0), True), (days_ago(DAYS - 1), True), (days_ago(DAYS + 1), False), ("20040119", False), ("", True)],
)
def test_frames_of_studies_of_these_days_are_ready(archive: Any, sample: Sample, study_date: str, hot: bool) -> None:
    instance = put(archive, sample("CT_small.dcm"), study_date)
    assert is_ready(archive, instance) is hot
    assert archive.derived.head(instance.path.thumbnail)  # one a series, and metadata, are always ready


def test_a_cold_frame_is_made_when_somebody_asks_and_stays(archive: Any, sample: Sample) -> None:
    instance = put(archive, sample("CT_small.dcm"), "20040119")
    frame = make_frame(archive, instance, FrameReader(archive, instance), 1)
    assert dcmread(BytesIO(sample("CT_small.dcm"))).PixelData in frame.body
    assert is_ready(archive, instance)


def test_frames_expire_and_are_made_again(archive: Any, sample: Sample) -> None:
    instance = put(archive, sample("CT_small.dcm"), days_ago(1))
    assert expire_objects(archive) == {"expired": 0}
    old = time.time() - (DAYS + 1) * 24 * 3600
    for key in (instance.path.frame(1), instance.path.thumbnail):
        os.utime(archive.derived.stretches(key, 0, 1)[0][0], (old, old))
    assert expire_objects(archive) == {"expired": 2}
    assert not is_ready(archive, instance)
    make_frame(archive, instance, FrameReader(archive, instance), 1)
    assert expire_objects(archive) == {"expired": 0} and is_ready(archive, instance)


def test_without_a_limit_nothing_expires(archive: Any, sample: Sample) -> None:
    instance = put(archive, sample("CT_small.dcm"), days_ago(1))
    archive.settings = replace(archive.settings, derived_days=0)
    os.utime(archive.derived.stretches(instance.path.frame(1), 0, 1)[0][0], (0, 0))
    assert expire_objects(archive) == {"expired": 0} and is_ready(archive, instance)


def test_answers_that_were_not_fetched_go_after_a_day(archive: Any, sample: Sample) -> None:
    instance = put(archive, sample("CT_small.dcm"), days_ago(1))
    for key in ("responses/old", "responses/new"):
        archive.exchange.compose(key, [instance.span], originals=archive.originals, content_type="a/b")
    (link, _, _), (newer, _, _) = (
        archive.exchange.stretches(key, 0, 1)[0] for key in ("responses/old", "responses/new")
    )
    old = time.time() - 25 * 3600
    os.utime(link.parents[3] / "objects/responses/old", (old, old))
    assert expire_objects(archive) == {"expired": 1}
    assert not link.exists() and newer.exists()
    assert archive.originals.head(instance.object_key)


def test_recordings_and_results_of_jobs_go_after_their_time(archive: Any) -> None:
    kept = ("audio/o/1", "reports/o/1/result.json", "config/modalities.json")
    for key in kept:
        archive.exchange.put(key, b"{}")
    assert expire_objects(archive) == {"expired": 0}
    archive.settings = replace(archive.settings, exchange_days=3)
    old = time.time() - 4 * 24 * 3600
    for key in kept:
        os.utime(archive.exchange.stretches(key, 0, 1)[0][0], (old, old))
    assert expire_objects(archive) == {"expired": 2}
    assert [info.key for info in archive.exchange.scan()] == ["config/modalities.json"]
