"""What a sender is told of the instances it sent."""

from dataclasses import dataclass

import pytest
from pydicom.dataset import Dataset

from pacs.dicomweb.stow import NOT_AS_ANNOUNCED, store_answer
from pacs.errors import (
    BadRequest,
    InvalidInstance,
    MissingUid,
    PacsError,
    SopClassMismatch,
    StoreUnavailable,
    StudyMismatch,
    UnknownTransferSyntax,
)

BASE = "https://pacs.test/dicomweb"


@dataclass(frozen=True)
class Result:
    """One instance's fate."""

    sop_instance_uid: str
    error: PacsError | None = None
    sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.2"
    study: str = "1.2"
    series: str = "1.2.3"
    warning: int = 0


def answer(*results: Result) -> tuple[int, Dataset]:
    """The status, and the answer as pydicom reads it."""
    status, document = store_answer(results, base_url=BASE)
    return status, Dataset.from_json(document)


def test_all_stored() -> None:
    status, told = answer(Result("1.2.3.4"), Result("1.2.3.5"))
    assert status == 200
    assert told.RetrieveURL == f"{BASE}/studies/1.2"
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == ["1.2.3.4", "1.2.3.5"]
    first = told.ReferencedSOPSequence[0]
    assert first.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert first.RetrieveURL == f"{BASE}/studies/1.2/series/1.2.3/instances/1.2.3.4"
    assert "FailedSOPSequence" not in told


def test_some_stored() -> None:
    status, told = answer(Result("1.2.3.4"), Result("1.2.3.5", SopClassMismatch("no")))
    assert status == 202
    assert len(told.ReferencedSOPSequence) == 1
    (failed,) = told.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.3.5", 0xA900)


def test_none_stored_nor_known() -> None:
    status, told = answer(Result("", InvalidInstance("no"), sop_class_uid=""), Result("1.2.3.5", InvalidInstance("no")))
    assert status == 409
    assert "RetrieveURL" not in told
    assert "ReferencedSOPSequence" not in told
    assert [item.FailureReason for item in told.OtherFailuresSequence] == [0xC000]
    assert [item.ReferencedSOPInstanceUID for item in told.FailedSOPSequence] == ["1.2.3.5"]


def test_instances_of_two_studies_have_no_common_url() -> None:
    _, told = answer(Result("1.2.3.4"), Result("1.2.3.5", study="1.9"))
    assert "RetrieveURL" not in told


def test_an_unknown_sop_class_is_an_empty_attribute() -> None:
    _, told = answer(Result("1.2.3.5", InvalidInstance("no"), sop_class_uid=""))
    assert told.FailedSOPSequence[0].ReferencedSOPClassUID in ("", None)


def test_nothing_sent() -> None:
    with pytest.raises(BadRequest):
        store_answer([], base_url=BASE)


def test_a_warning_is_told_with_its_instance() -> None:
    status, told = answer(Result("1.2.3.4", warning=NOT_AS_ANNOUNCED), Result("1.2.3.5"))
    assert status == 202
    warned, plain = told.ReferencedSOPSequence
    assert (warned.WarningReason, "WarningReason" in plain) == (0xB007, False)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreUnavailable("no"), 0xA700),
        (SopClassMismatch("no"), 0xA900),
        (StudyMismatch("no"), 0xA901),
        (InvalidInstance("no"), 0xC000),
        (MissingUid("no"), 0xC000),
        (UnknownTransferSyntax("no"), 0xC122),
        (PacsError("no"), 0x0110),
    ],
)
def test_every_failure_has_its_reason(error: PacsError, reason: int) -> None:
    _, told = answer(Result("1.2.3.5", error))
    assert (told.FailedSOPSequence[0].FailureReason, told.FailedSOPSequence[0][0x00000902].value) == (reason, "no")
