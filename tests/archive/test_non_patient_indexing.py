"""Hanging protocols and the like: stored, indexed, reconciled, and never mistaken for instances of a study."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pynetdicom.presentation import NonPatientObjectPresentationContexts
from sqlalchemy import text

from pacs.archive.failures import list_failures
from pacs.archive.indexing import index_objects
from pacs.archive.keys import NonPatientPath, is_non_patient_key, parse_non_patient, parse_original
from pacs.archive.rebuilding import rebuild
from pacs.archive.reconciling import QUEUE, reconcile
from pacs.archive.storing import store_instance
from pacs.dicom.non_patient import CATEGORIES, NON_PATIENT
from pacs.errors import BadRequest, Forbidden, MissingUid, StudyMismatch
from pacs.people.scope import Scope
from tests.archive.of_no_patient import HANGING_PROTOCOL, PROTOCOL_UID, color_palette, hanging_protocol

Sample = Callable[[str], bytes]


def rows(archive: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = archive.database.fetch(
        text("select * from non_patient_instances order by sop_class_uid")
    )
    return found


def test_what_belongs_to_no_patient_is_stored_and_indexed_beside_the_studies(archive: Any, sample: Sample) -> None:
    stored = archive.store(hanging_protocol())
    assert (stored.outcome, stored.study, stored.sop_class_uid) == ("created", "", HANGING_PROTOCOL)
    archive.store(sample("CT_small.dcm"))
    key = f"{archive.organization_id}/non-patient/{HANGING_PROTOCOL}/{PROTOCOL_UID}.dcm"
    assert {key} < set(archive.keys())
    assert archive.index() == {}
    assert len(archive.queue.sent["instance-indexed"]) == 1  # nothing is derived of it
    (row,) = rows(archive)
    assert (str(row["organization_id"]), row["object_key"]) == (archive.organization_id, key)
    assert row["sha256"] == archive.originals.head(key).metadata["sha256"]
    assert str(row["branch_id"]) == archive.branch_id
    assert row["keys"]["00720002"] == "gogus"
    assert row["keys"]["0072000C.00080060"] == "\\CR\\DX\\"
    assert row["keys"]["0072000C.00082218.00080100"] == "\\51185008\\51185008\\"
    assert row["keys"]["00720014"] == 2
    assert row["dicom"]["00720002"] == {"vr": "SH", "Value": ["GÖĞÜS"]}


def test_long_values_stay_out_of_the_row(archive: Any) -> None:
    archive.store(color_palette())
    assert archive.index() == {}
    (row,) = rows(archive)
    assert row["dicom"]["00700080"]["Value"] == ["HOT_IRON"]
    assert "00282000" not in row["dicom"] and "00282000" not in row["keys"]


def test_the_same_bytes_change_nothing_and_other_bytes_win(archive: Any) -> None:
    assert [archive.store(hanging_protocol()).outcome for _ in range(2)] == ["created", "unchanged"]
    assert archive.index() == archive.index() == {}
    assert archive.store(hanging_protocol(HangingProtocolLevel="USER_GROUP")).outcome == "replaced"
    assert archive.index() == {}
    (row,) = rows(archive)
    assert row["keys"]["00720006"] == "USER_GROUP"


def test_what_cannot_be_indexed_is_listed_with_its_reason(archive: Any) -> None:
    path = NonPatientPath(archive.organization_id, HANGING_PROTOCOL, "1.2.3")
    archive.originals.put(path.original, hanging_protocol())
    failed = archive.index()
    assert list(failed) == [path.original]
    (listed,) = list_failures(archive.database, Scope(archive.organization_id, "system"))
    assert (listed["stage"], listed["object_key"]) == ("index", path.original)
    archive.originals.put(path.original, hanging_protocol("1.2.3"))
    assert archive.index() == {}
    assert list_failures(archive.database, Scope(archive.organization_id, "system")) == []


def test_an_original_that_is_gone_is_no_failure(archive: Any) -> None:
    assert (
        index_objects(archive, [NonPatientPath(archive.organization_id, HANGING_PROTOCOL, PROTOCOL_UID).original]) == {}
    )


def test_it_belongs_to_no_study_that_a_request_or_a_token_names(archive: Any) -> None:
    assert isinstance(archive.store(hanging_protocol(), study="1.2.3").error, StudyMismatch)
    narrowed = Scope(archive.organization_id, "launch", studies=("1.2.3",))
    assert isinstance(store_instance(archive, narrowed, hanging_protocol()).error, Forbidden)
    assert archive.keys() == []


def test_its_own_uid_is_needed(archive: Any) -> None:
    assert isinstance(archive.store(hanging_protocol("")).error, MissingUid)


def test_reconciliation_and_rebuilding_know_it(archive: Any, sample: Sample) -> None:
    archive.store(sample("CT_small.dcm"))
    archive.store(hanging_protocol())
    assert reconcile(archive) == {"seen": 2, "queued": 2, "missing": 0}
    assert archive.index() == {}
    archive.queue.sent.clear()
    assert reconcile(archive) == {"seen": 2, "queued": 0, "missing": 0}
    assert rebuild(archive, archive.organization_id) == {"queued": 2, "deleted": 0}
    assert len(archive.queue.sent[QUEUE]) == 2
    archive.originals.delete(NonPatientPath(archive.organization_id, HANGING_PROTOCOL, PROTOCOL_UID).original)
    assert reconcile(archive)["missing"] == 1
    assert rebuild(archive, archive.organization_id) == {"queued": 1, "deleted": 1}
    assert rows(archive) == []


@pytest.mark.parametrize(
    "key",
    [
        f"organization/non-patient/{HANGING_PROTOCOL}/1.2.dcm.gz",
        f"organization/non-patient/{HANGING_PROTOCOL}/x.dcm",
        "organization/non-patient/1.2.840.10008.5.1.4.1.1.2/1.2.dcm",
        f"organization/non-patient/{HANGING_PROTOCOL}/1/2.dcm",
        f"organization/1.2/{HANGING_PROTOCOL}/1.2.dcm",
    ],
)
def test_keys_that_no_writer_made_are_refused(key: str) -> None:
    with pytest.raises(BadRequest):
        parse_non_patient(key)


def test_a_key_is_of_one_kind() -> None:
    path = NonPatientPath("organization", HANGING_PROTOCOL, PROTOCOL_UID)
    assert parse_non_patient(path.original) == path and is_non_patient_key(path.original)
    with pytest.raises(BadRequest):
        parse_original(path.original)


def test_every_class_has_one_name() -> None:
    assert set(NON_PATIENT) == {str(each.abstract_syntax) for each in NonPatientObjectPresentationContexts}
    assert sum(map(len, CATEGORIES.values())) == len(NON_PATIENT)
