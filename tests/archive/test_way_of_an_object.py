"""Stored, indexed, found, read: the archive's rooms one after the other on real parts."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from pacs.archive.bulkdata import open_bulkdata
from pacs.archive.failures import list_failures
from pacs.archive.frames import FrameReader, make_frame
from pacs.archive.lookup import Level, find_instance
from pacs.archive.pieces import read_pieces
from pacs.archive.reconciling import reconcile, reindex_originals
from pacs.archive.rendering import thumbnail
from pacs.archive.retrieve import retrieve_metadata
from pacs.archive.search import search
from pacs.dicom.attributes import Level as QueryLevel
from pacs.dicomweb.query import parse_query
from pacs.errors import BeingReplaced, MissingUid, NotFound, ObjectNotFound
from pacs.people.scope import Scope

Sample = Callable[[str], bytes]
STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"


def level_of(body: bytes) -> Level:
    dataset = dcmread(BytesIO(body), stop_before_pixels=True)
    return Level(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)


def changed(body: bytes, **attributes: Any) -> bytes:
    """The same file with other values of these attributes."""
    dataset = dcmread(BytesIO(body))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def found(archive: Any, level: QueryLevel, *pairs: tuple[str, str], scope: Scope | None = None) -> list[dict[str, Any]]:
    query = parse_query(level, pairs, {})
    return search(archive.database, scope or archive.scope, query, origin=archive.settings.origin)


def value(item: dict[str, Any], tag: str) -> Any:
    return item[tag]["Value"][0]


def test_an_object_is_stored_indexed_found_and_read(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    level = level_of(body)
    assert archive.store(body).outcome == "created"
    assert archive.index() == {}
    (study,) = found(archive, "study", ("PatientName", "compressed*"))
    assert value(study, STUDY_UID) == level.study
    assert value(study, "00201208") == 1
    assert study["00080061"]["Value"] == ["CT"]
    assert value(study, "00081190") == f"https://pacs.example/dicomweb/studies/{level.study}"
    (event,) = archive.queue.sent["instance-indexed"]
    assert event["FilePath"].endswith(f"{level.instance}.dcm") and event["FileSize"] == len(body)
    instance = find_instance(archive.database, archive.scope, level)
    assert read_pieces(archive.originals, [instance.span], 0, instance.size_bytes) == body


def test_the_same_bytes_change_nothing_and_other_bytes_win(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    newer = changed(body, StudyDescription="newer")
    assert [archive.store(each).outcome for each in (body, body, newer)] == ["created", "unchanged", "replaced"]
    assert len(archive.originals.versions(archive.keys()[0])) == 2
    archive.index()
    (study,) = found(archive, "study", ("includefield", "StudyDescription"))
    assert value(study, "00081030") == "newer"


def test_metadata_is_never_older_than_what_a_search_shows(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    level = level_of(body)
    archive.store(body)
    archive.index()
    assert archive.derive() == {}
    second = changed(body, SOPInstanceUID=generate_uid(), InstanceNumber=7)
    archive.store(second)
    archive.index()  # and the deriver has not run yet
    documents = json.loads(
        gzip.decompress(retrieve_metadata(archive, archive.scope, Level(level.study, level.series))[0])
    )
    assert len(documents) == len(found(archive, "instance")) == 2
    assert documents[0]["00280010"]["Value"] == [128]


def test_derived_objects_can_be_lost(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    level = level_of(body)
    archive.store(body)
    archive.index()
    archive.derive()
    before = retrieve_metadata(archive, archive.scope, level)[0]
    for prefix in ("metadata/", "frames/"):
        assert archive.derived.delete_prefix(prefix)
    assert retrieve_metadata(archive, archive.scope, level)[0] == before
    assert retrieve_metadata(archive, archive.scope, Level(level.study))


def test_frames_are_made_on_arrival_and_hold_the_pixels(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    archive.store(body)
    archive.index()
    archive.derive()
    instance = find_instance(archive.database, archive.scope, level_of(body))
    info, frame = archive.derived.get(instance.path.frame(1))
    assert dcmread(BytesIO(body)).PixelData in frame
    assert "multipart/related" in info.content_type
    assert b"Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" in frame


def test_a_large_object_is_never_read_whole(archive: Any, sample: Sample, monkeypatch: Any) -> None:
    monkeypatch.setattr("pacs.archive.deriving.IN_MEMORY_BYTES", 1000)
    body = sample("CT_small.dcm")
    archive.store(body)
    archive.index()
    whole: list[str] = []
    monkeypatch.setattr(archive.originals, "get", whole.append)
    assert archive.derive() == {}
    instance = find_instance(archive.database, archive.scope, level_of(body))
    assert read_pieces(archive.originals, [instance.span], 0, instance.size_bytes) == body
    assert dcmread(BytesIO(body)).PixelData in archive.derived.get(instance.path.frame(1))[1]
    assert whole == []


def test_a_replaced_instance_is_not_shown_with_its_old_frames(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    level = level_of(body)
    archive.store(body)
    archive.index()
    archive.derive()
    dataset = dcmread(BytesIO(body))
    newer = changed(body, PixelData=bytes(len(dataset.PixelData)))
    archive.store(newer)
    archive.index()
    archive.derive()
    instance = find_instance(archive.database, archive.scope, level)
    frame = make_frame(archive, instance, FrameReader(archive, instance), 1).body
    assert dcmread(BytesIO(newer)).PixelData in frame


def test_nobody_is_shown_old_pictures_until_new_ones_are_made(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    archive.store(body)
    archive.index()
    archive.derive()
    path = find_instance(archive.database, archive.scope, level_of(body)).path
    archive.derived.put(path.video, b"a video of the older version")
    archive.store(changed(body, PixelData=bytes(len(dcmread(BytesIO(body)).PixelData))))
    archive.index()
    for key in (path.frame(1), path.thumbnail, path.video):
        with pytest.raises(ObjectNotFound):
            archive.derived.head(key)


def test_a_thumbnail_is_a_jpeg(archive: Any, sample: Sample) -> None:
    archive.store(sample("CT_small.dcm"))
    archive.index()
    picture = thumbnail(archive, archive.scope, level_of(sample("CT_small.dcm")))
    assert picture.startswith(b"\xff\xd8")


def test_bulk_data_is_the_value(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    archive.store(body)
    archive.index()
    instance = find_instance(archive.database, archive.scope, level_of(body))
    value = open_bulkdata(archive, instance, "7FE00010")
    assert value and b"".join(value.pieces()) == dcmread(BytesIO(body)).PixelData
    for path in ("7fe00010", " 7FE00010", "7FE00010\r\n", "00080005/x/00080005", "00189999"):
        with pytest.raises(NotFound):
            open_bulkdata(archive, instance, path)


def test_search_knows_dotless_i_and_every_case(archive: Any, sample: Sample) -> None:
    body = changed(
        sample("CT_small.dcm"),
        SpecificCharacterSet="ISO_IR 148",
        PatientName="ŞIĞIRCIOĞLU^İLKNUR",
        StudyDescription="Diz",
    )
    archive.store(body)
    archive.index()
    for asked in ("sigircioglu^ilknur", "ŞIĞIRCIOĞLU*", "şığırcıoğlu^İ*", "*ILKNUR"):
        assert len(found(archive, "study", ("PatientName", asked))) == 1, asked
    assert value(found(archive, "study")[0], "00100010") == {"Alphabetic": "ŞIĞIRCIOĞLU^İLKNUR"}


@pytest.mark.parametrize(
    ("level", "pairs", "count"),
    [
        ("study", [("ModalitiesInStudy", "MR")], 1),
        ("study", [("ModalitiesInStudy", "CT,MR")], 2),
        ("study", [("StudyDate", "20040101-20041231")], 2),
        ("study", [("StudyDate", "-20030101")], 0),
        ("study", [("00100020", "1CT1")], 1),
        ("study", [("PatientID", "nobody")], 0),
        ("study", [("limit", "1")], 1),
        ("study", [("limit", "1"), ("offset", "2")], 0),
        ("series", [("Modality", "CT")], 1),
        ("series", [("Modality", "CT"), ("PatientID", "4MR1")], 0),
        ("instance", [("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4")], 1),
        ("instance", [("PatientName", "Compress*"), ("fuzzymatching", "true")], 2),
    ],
)
def test_matching(archive: Any, sample: Sample, level: QueryLevel, pairs: list[tuple[str, str]], count: int) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm"):
        archive.store(sample(name))
    archive.index()
    assert len(found(archive, level, *pairs)) == count


def test_nothing_of_another_tenant_is_there(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    archive.store(body)
    archive.index()
    level = level_of(body)
    others = [
        Scope("00000000-0000-4000-8000-000000000000", "admin"),
        replace(archive.scope, studies=("1.2.3",)),
        replace(archive.scope, studies=()),
        replace(archive.scope, branches=("00000000-0000-4000-8000-000000000000",)),
    ]
    for scope in others:
        for each in ("study", "series", "instance"):
            assert found(archive, each, scope=scope) == []
        for where in (level, Level(level.study), Level(level.study, level.series)):
            with pytest.raises(NotFound):
                retrieve_metadata(archive, scope, where)
        with pytest.raises(NotFound):
            thumbnail(archive, scope, level)
    assert found(archive, "study", scope=replace(archive.scope, studies=(level.study,), branches=(archive.branch_id,)))


def test_what_cannot_be_indexed_is_listed_with_its_reason(archive: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    archive.store(body)
    key = archive.keys()[0].rsplit("/", 1)[0] + "/1.2.3.dcm"
    archive.originals.put(key, body[:300])
    good = archive.keys()
    failed = archive.index()
    assert set(failed) == {key} and len(good) == 2
    (failure,) = list_failures(archive.database, archive.scope)
    assert (failure["stage"], failure["object_key"], failure["attempts"]) == ("index", key, 1)
    archive.index()
    assert list_failures(archive.database, archive.scope)[0]["attempts"] == 2
    archive.originals.delete(key)
    assert archive.index() == {} and len(found(archive, "instance")) == 1


def test_a_file_without_uids_is_refused(archive: Any) -> None:
    refused = archive.store(b"no DICOM at all")
    assert refused.outcome is None and refused.error is not None
    assert archive.keys() == []


def test_an_instance_of_another_study_is_refused(archive: Any, sample: Sample) -> None:
    refused = archive.store(sample("CT_small.dcm"), study="1.2.3")
    assert refused.error is not None and refused.error.field == "StudyInstanceUID"
    assert not isinstance(refused.error, MissingUid)


def test_reconciliation_queues_what_is_not_indexed_and_reports_what_is_gone(archive: Any, sample: Sample) -> None:
    archive.store(sample("CT_small.dcm"))
    archive.index()
    archive.originals.delete(archive.keys()[0])
    archive.store(sample("MR_small.dcm"))
    assert reconcile(archive) == {"seen": 1, "queued": 1, "missing": 1}
    (record,) = archive.queue.sent["index"][0]["Records"]
    assert record["s3"]["object"]["key"] == archive.keys()[0]
    assert [each["stage"] for each in list_failures(archive.database, archive.scope)] == ["reconcile"]


def test_reindexing_asks_for_every_original_of_a_study(archive: Any, sample: Sample) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm"):
        archive.store(sample(name))
    assert reindex_originals(archive, archive.organization_id) == 2
    assert reindex_originals(archive, archive.organization_id, level_of(sample("CT_small.dcm")).study) == 1
    with pytest.raises(NotFound):
        reindex_originals(archive, archive.organization_id, "1.2.3")


def test_offsets_of_an_older_version_are_never_applied_to_a_newer_one(archive: Any, sample: Sample) -> None:
    """Between storing a newer version and indexing it, a frame would be cut out of the wrong place."""
    body = sample("CT_small.dcm")
    level = level_of(body)
    archive.store(body)
    archive.index()
    archive.store(changed(body, PatientName="A^MUCH^LONGER^NAME^THAN^BEFORE"))
    instance = find_instance(archive.database, archive.scope, level)
    with pytest.raises(BeingReplaced):
        make_frame(archive, instance, FrameReader(archive, instance), 1)
    with pytest.raises(BeingReplaced):
        thumbnail(archive, archive.scope, level)
    with pytest.raises(BeingReplaced):
        read_pieces(archive.originals, [instance.span], 0, instance.size_bytes)
    assert archive.derive() == {}
    archive.index()
    instance = find_instance(archive.database, archive.scope, level)
    assert dcmread(BytesIO(body)).PixelData in make_frame(archive, instance, FrameReader(archive, instance), 1).body


def test_bytes_in_big_endian_words_are_put_in_order(archive: Any, sample: Sample) -> None:
    """Nine pixels of three bytes: the last byte stands in the pair with the padding."""
    body = sample("SC_rgb_small_odd_big_endian.dcm")
    archive.store(body)
    archive.index()
    instance = find_instance(archive.database, archive.scope, level_of(body))
    expected = dcmread(BytesIO(body)).pixel_array
    assert (FrameReader(archive, instance).pixels(1) == expected).all()
