"""What is deleted is out of sight at once, comes back when asked for in time, and is gone for good afterwards."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from sqlalchemy import select, text

from pacs.archive.forgetting import forget_documents
from pacs.archive.keys import asked_prefix
from pacs.archive.lookup import Level
from pacs.archive.metadata import write_part
from pacs.archive.reconciling import reconcile
from pacs.archive.retrieve import retrieve_metadata
from pacs.archive.search import search
from pacs.archive.trash import delete_instances, purge_deleted, undelete_instances
from pacs.database import tables
from pacs.dicom.attributes import Level as QueryLevel
from pacs.dicomweb.query import parse_query
from pacs.errors import NotFound, PacsError
from pacs.people.scope import Scope
from tests.ai.rows import add_prereport

LEVELS: tuple[QueryLevel, ...] = ("study", "series", "instance")
Sample = Callable[[str], bytes]


class Later:
    """A clock that is days ahead."""

    def __init__(self, clock: Any, days: int) -> None:
        self.clock, self.ahead = clock, timedelta(days=days)

    def now(self) -> Any:
        return self.clock.now() + self.ahead


@pytest.fixture
def bodies(archive: Any, sample: Sample) -> list[bytes]:
    """A study of two CT series, of two instances and of one, and its derived objects."""
    made = []
    series = [generate_uid(), generate_uid()]
    for number, (uid, modality) in enumerate([(series[0], "CT"), (series[0], "CT"), (series[1], "PT")], start=1):
        dataset = dcmread(BytesIO(sample("CT_small.dcm")))
        dataset.SeriesInstanceUID, dataset.Modality, dataset.InstanceNumber = uid, modality, number
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        out = BytesIO()
        dataset.save_as(out)
        made.append(out.getvalue())
        archive.store(made[-1])
    archive.index()
    archive.derive()
    return made


def level_of(body: bytes) -> Level:
    dataset = dcmread(BytesIO(body), stop_before_pixels=True)
    return Level(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)


def found(archive: Any, level: QueryLevel) -> list[Any]:
    return search(archive.database, archive.scope, parse_query(level, [], {}), origin="https://pacs.example")


def audit(archive: Any) -> list[tuple[Any, ...]]:
    columns = ("action", "sop_instance_uid", "number_of_instances", "member_id", "role", "source_ip")
    deeds = tables.audit.c.action.in_(["delete", "undelete", "purge"])
    rows = archive.database.fetch(select(tables.audit).where(deeds).order_by(tables.audit.c.id))
    return [tuple(row[name] for name in columns) for row in rows]


def index_again(archive: Any) -> None:
    """What the queue was told of is indexed, and derived."""
    assert archive.queue.sent.pop("index")
    assert archive.index() == archive.derive() == {}


def test_a_deleted_study_is_nowhere_and_comes_back(archive: Any, bodies: list[bytes]) -> None:
    level = Level(level_of(bodies[0]).study)
    before = {name: found(archive, name) for name in LEVELS}
    metadata = retrieve_metadata(archive, archive.scope, level)[0]
    assert delete_instances(archive, archive.scope, level, source_ip="192.0.2.1") == 3
    assert [found(archive, name) for name in LEVELS] == [[], [], []]
    assert archive.keys() == [] and list(archive.derived.scan()) == []
    assert archive.database.fetch(select(tables.patients)) == []
    for again in (lambda: retrieve_metadata(archive, archive.scope, level), lambda: delete(archive, level)):
        with pytest.raises(NotFound):
            again()
    assert undelete_instances(archive, replace(archive.scope, member_id="m"), level) == 3
    index_again(archive)
    assert {name: found(archive, name) for name in LEVELS} == before
    assert retrieve_metadata(archive, archive.scope, level)[0] == metadata
    assert audit(archive) == [("delete", None, 3, "", "admin", "192.0.2.1"), ("undelete", None, 3, "m", "admin", "")]


def test_a_study_that_was_brought_back_keeps_its_code_and_its_work(archive: Any, bodies: list[bytes]) -> None:
    """It had got a new code, and was as if it had just been received."""
    level = Level(level_of(bodies[0]).study)
    work = {"state": "claimed", "urgent": "true", "created_at": "2026-01-02", "claimed_at": "2026-01-03"}
    people = ("claimed_by", "assigned_member_id", "assigned_pool_id")
    work |= dict.fromkeys(people, "5eed0000-0000-4000-8000-000000000001")
    values = ", ".join(f"{name} = '{value}'" for name, value in work.items())
    archive.database.fetch(text(f"update studies set {values}"))
    kept = text(f"select code, branch_id, {', '.join(work)} from studies")
    (before,) = archive.database.fetch(kept)
    for part in (Level(level.study, level_of(bodies[2]).series), level):
        delete(archive, part)
    assert archive.database.fetch(kept) == []
    undelete_instances(archive, archive.scope, level)
    index_again(archive)
    assert archive.database.fetch(kept) == [before]
    archive.database.fetch(text("update studies set state = 'final'"))
    delete(archive, level)
    archive.store(bodies[0])
    archive.index()
    assert archive.database.fetch(kept) == [{**before, "state": "final"}]


def delete(archive: Any, level: Level) -> int:
    return delete_instances(archive, archive.scope, level)


def test_what_is_left_of_a_series_is_counted_and_shown_without_the_deleted(archive: Any, bodies: list[bytes]) -> None:
    level = level_of(bodies[0])
    assert delete(archive, level) == 1
    (study,) = found(archive, "study")
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [2])
    documents = json.loads(
        gzip.decompress(retrieve_metadata(archive, archive.scope, Level(level.study, level.series))[0])
    )
    assert [each["00080018"]["Value"][0] for each in documents] == [level_of(bodies[1]).instance]
    assert str(level.instance) not in str([each.key for each in archive.derived.scan()])
    assert str(level_of(bodies[1]).instance) in str([each.key for each in archive.derived.scan()])


def test_a_deleted_series_takes_its_modality_along(archive: Any, bodies: list[bytes]) -> None:
    level = level_of(bodies[2])
    assert delete(archive, Level(level.study, level.series)) == 1
    (study,) = found(archive, "study")
    assert study["00080061"]["Value"] == ["CT"]
    assert str(level.series) not in str([each.key for each in archive.derived.scan()])


def test_what_is_sent_again_is_there_again(archive: Any, bodies: list[bytes]) -> None:
    level = level_of(bodies[0])
    delete(archive, Level(level.study))
    assert archive.store(bodies[0]).outcome == "created"
    archive.index()
    assert len(found(archive, "instance")) == 1
    assert undelete_instances(archive, archive.scope, Level(level.study)) == 2
    archive.clock = Later(archive.clock, 31)
    assert purge_deleted(archive) == {"purged": 0}
    index_again(archive)
    assert len(found(archive, "instance")) == 3


def test_a_late_event_does_not_bring_a_deleted_instance_back(archive: Any, bodies: list[bytes]) -> None:
    """As if the indexer had read the original just before it was deleted."""
    level = level_of(bodies[0])
    delete(archive, level)
    key = f"{archive.organization_id}/{level.study}/{level.series}/{level.instance}.dcm"
    archive.originals.restore(key)
    archive.index()
    assert len(found(archive, "instance")) == 2


def test_after_the_retention_nothing_is_left(archive: Any, bodies: list[bytes]) -> None:
    level = Level(level_of(bodies[0]).study)
    for study in (level.study, f"{level.study}.1"):  # what models were shown, and have made of it
        add_prereport(archive, archive.scope, study, "a")
    delete(archive, level)
    clock = archive.clock
    archive.clock = Later(clock, 29)
    assert purge_deleted(archive) == {"purged": 0}
    archive.clock = Later(clock, 31)
    assert purge_deleted(archive) == {"purged": 3}
    asked = {each.key.split("/")[2] for each in archive.exchange.scan("ai/")}
    rows = archive.database.fetch(
        text("select study_instance_uid from ai_report_drafts join ai_jobs using (study_instance_uid)")
    )
    assert asked == {row["study_instance_uid"] for row in rows} == {f"{level.study}.1"}
    for body in bodies:
        at = level_of(body)
        key = f"{archive.organization_id}/{at.study}/{at.series}/{at.instance}.dcm"
        assert archive.originals.versions(key) == []
    with pytest.raises(NotFound):
        undelete_instances(archive, archive.scope, level)
    assert audit(archive)[-1] == ("purge", None, 3, "", "system", "")
    assert archive.database.fetch(select(tables.deleted_studies)) == []
    assert reconcile(archive) == {"seen": 0, "queued": 0, "missing": 0}


def documents(archive: Any) -> str:
    """All that lies in the metadata parts."""
    parts = [each.key for each in archive.derived.scan("metadata/")]
    return "".join(gzip.decompress(archive.derived.get(key)[1]).decode() for key in parts)


def test_what_is_removed_for_good_leaves_the_metadata_of_the_rest(archive: Any, bodies: list[bytes]) -> None:
    gone, left = level_of(bodies[0]), level_of(bodies[1])
    delete(archive, gone)
    series = Level(gone.study, gone.series)
    assert str(gone.instance) not in gzip.decompress(retrieve_metadata(archive, archive.scope, series)[0]).decode()
    assert str(gone.instance) in documents(archive)  # it could be brought back
    archive.clock = Later(archive.clock, 31)
    asked = f"{asked_prefix(archive.organization_id, gone.study)}job/1.jpg"
    archive.exchange.put(asked, b"what a model was shown", content_type="image/jpeg")
    assert purge_deleted(archive) == {"purged": 1}
    assert [each.key for each in archive.exchange.scan("ai/")] == [asked], "the study is still there"
    assert str(gone.instance) not in documents(archive) and str(left.instance) in documents(archive)
    archive.originals.retire([f"{archive.organization_id}/{left.study}/{left.series}/{left.instance}.dcm"])
    assert str(left.instance) in gzip.decompress(retrieve_metadata(archive, archive.scope, series)[0]).decode()


def test_parts_that_nothing_names_go_when_the_index_had_its_time(archive: Any, bodies: list[bytes]) -> None:
    gone, left = level_of(bodies[0]), level_of(bodies[1])
    delete(archive, gone)
    path = (archive.organization_id, left.study, str(left.series))
    old = write_part(archive.derived, path, {str(gone.instance): b"{}"})
    forget_documents(archive, path)
    assert old in [each.key for each in archive.derived.scan()]
    archive.clock = Later(archive.clock, 1)
    forget_documents(archive, path)
    assert old not in [each.key for each in archive.derived.scan()]
    assert str(left.instance) in documents(archive)


def test_nobody_else_deletes_or_brings_back(archive: Any, bodies: list[bytes]) -> None:
    level = Level(level_of(bodies[0]).study)
    strangers = [
        Scope("00000000-0000-4000-8000-000000000000", "admin"),
        replace(archive.scope, studies=("1.2.3",)),
        replace(archive.scope, branches=("00000000-0000-4000-8000-000000000000",)),
    ]
    for scope in strangers:
        with pytest.raises(NotFound):
            delete_instances(archive, scope, level)
    assert len(found(archive, "instance")) == 3
    delete(archive, level)
    for scope in strangers:
        with pytest.raises(NotFound):
            undelete_instances(archive, scope, level)
    assert undelete_instances(archive, replace(archive.scope, branches=(archive.branch_id,)), level) == 3


@pytest.mark.parametrize("change", ["update audit set role = 'x'", "delete from audit", "truncate audit"])
def test_the_audit_cannot_be_changed(archive: Any, bodies: list[bytes], change: str) -> None:
    delete(archive, level_of(bodies[0]))
    before = audit(archive)
    with pytest.raises(PacsError):
        archive.database.fetch(text(change))
    assert audit(archive) == before
