"""index_instances: what a batch leaves in patients, studies, series and instances, in whatever order it comes."""

import random
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Table, select, text

from pacs.database import tables
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dicom.attributes import Level, at_level
from pacs.errors import BadRequest
from tests.database.rows import LATER, LATEST, NOON, ORGANIZATION, Row, row

INDEX = text("select sop_instance_uid, object_key, changed from index_instances(cast(:rows as jsonb))")
BRANCH, OTHER_BRANCH = str(uuid.uuid4()), str(uuid.uuid4())


def index(database: PsycopgDatabase, *rows: Row) -> list[bool]:
    return [each["changed"] for each in database.fetch(INDEX, {"rows": list(rows)})]


def only(database: PsycopgDatabase, table: Table) -> Mapping[str, Any]:
    [found] = database.fetch(select(table))
    return found


def everything(database: PsycopgDatabase) -> dict[str, Any]:
    """All that the index says, without the times at which it was told."""
    found = {}
    for table in (tables.patients, tables.studies, tables.series, tables.instances):
        columns = [each for each in table.columns if each.name not in ("created_at", "updated_at", "revision")]
        found[table.name] = database.fetch(select(*columns).order_by(*table.primary_key.columns))
    return found


def test_one_row_comes_back_for_each_instance_in_its_order(database: PsycopgDatabase) -> None:
    rows = [row(instance=f"1.2.1.{number}") for number in (3, 1, 2)]
    answer = database.fetch(INDEX, {"rows": rows})
    assert answer == [
        {"sop_instance_uid": each["sop_instance_uid"], "object_key": each["object_key"], "changed": True}
        for each in rows
    ]


def test_an_empty_batch_is_no_error(database: PsycopgDatabase) -> None:
    assert index(database) == []


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_every_attribute_reaches_its_column(database: PsycopgDatabase, level: Level) -> None:
    stored = [each for each in at_level(level) if not each.computed]
    values = {each.column: number if each.matching == "integer" else f"v{number}" for number, each in enumerate(stored)}
    values |= {f"{level}_instance_uid": "1.2"} if level != "instance" else {"sop_instance_uid": "1.2.1.1"}
    uids = {"series": "1.2"} if level == "series" else {}
    index(database, row(**uids) | {level: values})
    table = {"study": tables.studies, "series": tables.series, "instance": tables.instances}[level]
    found = only(database, table)
    assert {name: found[name] for name in values} == values


def test_what_is_not_an_attribute_is_kept_too(database: PsycopgDatabase) -> None:
    given = row(branch_id=BRANCH)
    index(database, given)
    instance, study = only(database, tables.instances), only(database, tables.studies)
    kept = ("organization_id", "object_key", "size_bytes", "sha256", "transfer_syntax_uid", "frames", "metadata_key")
    assert {name: instance[name] for name in kept} == {name: given[name] for name in kept}
    assert instance["received_at"].isoformat() == NOON
    assert (instance["dicom"], study["dicom"]) == (given["instance_dicom"], given["study_dicom"])
    assert only(database, tables.series)["dicom"] == given["series_dicom"]
    assert (study["branch_id"], study["patient_key"]) == (BRANCH, given["patient_key"])
    patient = only(database, tables.patients)
    assert (patient["dicom"], patient["patient_name"]) == (given["patient_dicom"], "yilmaz^ayse")


def test_counts_sizes_and_modalities_are_those_of_the_study(database: PsycopgDatabase) -> None:
    index(database, row(), row(instance="1.2.1.2"), row(series="1.2.2", instance="1.2.2.1", modality="PT"))
    index(database, row(series="1.2.3", instance="1.2.3.1", modality="CT"), row(series="1.2.4", modality=None))
    study = only(database, tables.studies)
    assert (study["number_of_series"], study["number_of_instances"], study["size_bytes"]) == (4, 5, 5000)
    assert study["modalities_in_study"] == "\\CT\\PT\\"
    series = database.fetch(select(tables.series).order_by(tables.series.c.series_instance_uid))
    assert [each["number_of_instances"] for each in series] == [2, 1, 1, 1]


def test_a_study_without_modality_has_none(database: PsycopgDatabase) -> None:
    index(database, row(modality=None))
    assert only(database, tables.studies)["modalities_in_study"] == ""


def test_the_same_instance_again_changes_nothing(database: PsycopgDatabase) -> None:
    assert index(database, row()) == [True]
    before = everything(database)
    revision = only(database, tables.series)["revision"]
    assert index(database, row()) == [False]
    assert everything(database) == before
    assert only(database, tables.series)["revision"] == revision == 1


def test_metadata_written_anew_are_found_and_make_no_revision(database: PsycopgDatabase) -> None:
    index(database, row())
    assert index(database, row(metadata_key="metadata/two")) == [False]
    assert only(database, tables.instances)["metadata_key"] == "metadata/two"
    assert only(database, tables.series)["revision"] == 1


def test_other_bytes_make_a_revision(database: PsycopgDatabase) -> None:
    index(database, row())
    assert index(database, row(received_at=LATER, sha256="bb", size_bytes=3000)) == [True]
    series, study = only(database, tables.series), only(database, tables.studies)
    assert (series["revision"], series["size_bytes"], study["size_bytes"]) == (2, 3000, 3000)
    assert study["number_of_instances"] == 1


def test_an_older_version_that_comes_late_does_not_win(database: PsycopgDatabase) -> None:
    index(database, row(received_at=LATER, sha256="new"))
    assert index(database, row(received_at=NOON, sha256="old")) == [False]
    assert only(database, tables.instances)["sha256"] == "new"


def test_a_version_between_two_equal_ones_does_not_win(database: PsycopgDatabase) -> None:
    index(database, row(received_at=NOON, sha256="same"))
    assert index(database, row(received_at=LATEST, sha256="same")) == [False]
    assert index(database, row(received_at=LATER, sha256="other")) == [False]
    assert only(database, tables.instances)["sha256"] == "same"


def test_of_duplicates_in_a_batch_the_newest_wins(database: PsycopgDatabase) -> None:
    changed = index(
        database, row(received_at=LATER, sha256="new"), row(received_at=NOON, sha256="old"), row(instance="1.2.1.2")
    )
    assert changed == [True, False, True]
    found = database.fetch(select(tables.instances).order_by(tables.instances.c.sop_instance_uid))
    assert [each["sha256"] for each in found] == ["new", "aa"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_of_conflicting_attributes_the_newest_win(
    database: PsycopgDatabase, order: tuple[int, int], together: bool
) -> None:
    older = row(instance="1.2.1.1", name="old^name", modality="CT", received_at=NOON)
    newer = row(instance="1.2.1.2", name="new^name", modality="MR", received_at=LATER)
    rows = [(older, newer)[place] for place in order]
    for batch in [rows] if together else [[each] for each in rows]:
        index(database, *batch)
    study, series = only(database, tables.studies), only(database, tables.series)
    assert (study["patient_name"], study["patient_key"]) == ("new^name", "key of new^name")
    assert (series["modality"], study["modalities_in_study"]) == ("MR", "\\MR\\")
    assert study["attributes_received_at"].isoformat() == LATER


def test_a_study_keeps_the_first_known_branch(database: PsycopgDatabase) -> None:
    index(database, row())
    assert only(database, tables.studies)["branch_id"] is None
    index(
        database,
        row(instance="1.2.1.3", branch_id=OTHER_BRANCH, received_at=LATER),
        row(instance="1.2.1.2", branch_id=BRANCH),
    )
    assert only(database, tables.studies)["branch_id"] == BRANCH
    index(database, row(instance="1.2.1.4", branch_id=OTHER_BRANCH, received_at=LATEST))
    assert only(database, tables.studies)["branch_id"] == BRANCH


def test_organizations_do_not_meet(database: PsycopgDatabase) -> None:
    index(database, row(), row(organization_id=str(uuid.uuid4())))
    studies = database.fetch(select(tables.studies))
    assert [each["number_of_instances"] for each in studies] == [1, 1]


def test_one_impossible_row_refuses_the_batch_and_leaves_no_trace(database: PsycopgDatabase) -> None:
    with pytest.raises(BadRequest):
        index(database, row(), row(instance="1.2.1.2", object_key=None))
    assert database.fetch(select(tables.studies)) == []


def shuffled_batches(rows: Sequence[Row], size: int, seed: int) -> list[list[Row]]:
    mixed = random.Random(seed).sample(list(rows), len(rows))
    return [mixed[at : at + size] for at in range(0, len(mixed), size)]


def test_batches_at_once_end_like_batches_one_by_one(database: PsycopgDatabase) -> None:
    """Three studies of one patient, each instance in two versions and each version twice, in eight threads."""
    rows = [
        row(
            f"1.{study}",
            f"1.{study}.{series}",
            f"1.{study}.{series}.{number}",
            received_at=at,
            sha256=at,
            modality=("CT", "MR")[series % 2],
        )
        for study in range(3)
        for series in range(3)
        for number in range(20)
        for at in (NOON, LATER)
    ]
    batches = shuffled_batches([*rows, *rows], 17, seed=1)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda batch: index(database, *batch), batches))
    studies = database.fetch(select(tables.studies))
    assert [each["number_of_instances"] for each in studies] == [60, 60, 60]
    assert {each["modalities_in_study"] for each in studies} == {"\\CT\\MR\\"}
    series = database.fetch(select(tables.series))
    assert [each["number_of_instances"] for each in series] == [20] * 9
    assert {each["sha256"] for each in database.fetch(select(tables.instances))} == {LATER}
    changes = sum(sum(each) for each in answers)
    assert 180 <= changes <= 360
    before = everything(database)
    assert not any(index(database, *rows))
    assert everything(database) == before


def test_the_lists_of_studies_are_read_from_an_index(database: PsycopgDatabase) -> None:
    index(database, *(row(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1") for number in range(300)))
    database.fetch(text("analyze studies"))
    newest = (
        "select study_instance_uid from studies where organization_id = cast(:organization as uuid)"
        " order by study_date desc nulls last, study_time desc nulls last, study_instance_uid limit 25"
    )
    plan = database.fetch(text("explain " + newest), {"organization": ORGANIZATION})
    assert "studies_newest" in str(plan)
