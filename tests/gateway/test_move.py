"""C-MOVE: what reaches a configured peer, and how the mover is told. Source: PS3.4 §C.4.2"""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from pacs.people.scope import Scope
from pacs.reading.patients import correct_patient
from tests.gateway.conftest import STRANGERS, Clinic, made, part10_of, wait_for
from tests.gateway.receiver import receiving
from tests.gateway.sender import ORGANIZATION
from tests.gateway.test_query import associate, keys

PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2"
IMPLICIT, EXPLICIT, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
Responses = list[tuple[Dataset, Dataset | None]]


def sample(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def dataset_of(part10: bytes) -> bytes:
    """What follows the file meta information."""
    return part10[144 + int.from_bytes(part10[140:144], "little") :]


def move(clinic: Clinic, asked: Dataset, title: str = "DEST", *, model: str = STUDY_ROOT, **more: Any) -> Responses:
    association = associate(clinic.port, model, **more)
    answers = list(association.send_c_move(asked, title, model, msg_id=9))
    association.release()
    return answers


def counts(status: Dataset) -> tuple[int, int, int]:
    return (
        int(status.NumberOfCompletedSuboperations),
        int(status.NumberOfFailedSuboperations),
        int(status.NumberOfWarningSuboperations),
    )


@pytest.fixture
def held(clinic: Clinic) -> Clinic:
    clinic.hold(*(part10_of(made("1.2.1", n, PatientID="P1")) for n in (1, 2, 3)))
    clinic.hold(part10_of(made("1.2.2", PatientID="P1")), part10_of(made("1.2.3", PatientID="p1")))
    clinic.hold(part10_of(made("1.9.1", PatientID="P1")), organization_id=STRANGERS)
    return clinic


def test_a_study_is_moved_byte_by_byte_and_every_step_is_told(held: Clinic) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port)
        *steps, (last, failed) = move(held, keys("STUDY", StudyInstanceUID="1.2.1"))
    stored = {f"1.2.1.1.{n}": (EXPLICIT, dataset_of(part10_of(made("1.2.1", n, PatientID="P1")))) for n in (1, 2, 3)}
    assert received.datasets == stored
    assert received.originators == [("WS", 9)] * 3
    assert [(int(each.Status), int(each.NumberOfRemainingSuboperations), counts(each)) for each, _ in steps] == [
        (0xFF00, 2, (1, 0, 0)),
        (0xFF00, 1, (2, 0, 0)),
    ]
    assert (int(last.Status), counts(last), failed) == (0, (3, 0, 0), None)
    assert "NumberOfRemainingSuboperations" not in last
    record = held.running.record()
    assert (record["queries"], record["given"]) == ({"C-MOVE": 1}, {"moved": 3})


@pytest.mark.parametrize(
    ("asked", "model", "arrives"),
    [
        (keys("PATIENT", PatientID="P1"), PATIENT_ROOT, {"1.2.1.1.1", "1.2.1.1.2", "1.2.1.1.3", "1.2.2.1.1"}),
        (keys("STUDY", PatientID="P1", StudyInstanceUID="1.2.2"), PATIENT_ROOT, {"1.2.2.1.1"}),
        (keys("STUDY", PatientID="P2", StudyInstanceUID="1.2.2"), PATIENT_ROOT, set()),
        (keys("STUDY", StudyInstanceUID=["1.2.2", "1.2.3"]), STUDY_ROOT, {"1.2.2.1.1", "1.2.3.1.1"}),
        (keys("SERIES", StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.1"), STUDY_ROOT, {"1.2.2.1.1"}),
        (
            keys(
                "IMAGE",
                StudyInstanceUID="1.2.1",
                SeriesInstanceUID="1.2.1.1",
                SOPInstanceUID=["1.2.1.1.1", "1.2.1.1.3"],
            ),
            STUDY_ROOT,
            {"1.2.1.1.1", "1.2.1.1.3"},
        ),
        (keys("STUDY", StudyInstanceUID="1.9.1"), STUDY_ROOT, set()),
    ],
)
def test_what_the_identifier_names_is_moved(held: Clinic, asked: Dataset, model: str, arrives: set[str]) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port)
        last, _ = move(held, asked, model=model)[-1]
    assert (int(last.Status), counts(last)) == (0, (len(arrives), 0, 0))
    assert set(received.datasets) == arrives


@pytest.mark.parametrize(("title", "organization"), [("ELSE", None), ("DEST", STRANGERS)])
def test_nobody_moves_to_an_unknown_peer_or_another_organizations(
    held: Clinic, title: str, organization: str | None
) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port, **({"organization_id": organization} if organization else {}))
        [(last, _)] = move(held, keys("STUDY", StudyInstanceUID="1.2.1"), title)
    assert last.Status == 0xA801
    assert received.datasets == {}


def test_strangers_move_nothing(held: Clinic) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port)
        [(last, _)] = move(held, keys("STUDY", StudyInstanceUID="1.2.1"), calling="WHO")
    assert (last.Status, received.datasets) == (0x0124, {})


@pytest.mark.parametrize("asked", [keys("STUDY"), keys("STUDY", StudyInstanceUID="1.*"), keys("PATIENT", PatientID="")])
def test_a_move_without_its_unique_key_is_refused(held: Clinic, asked: Dataset) -> None:
    held.introduce("DEST", 1)
    [(last, _)] = move(held, asked, model=PATIENT_ROOT if asked.QueryRetrieveLevel == "PATIENT" else STUDY_ROOT)
    assert last.Status == 0xA900


def test_a_move_is_cancelled_between_two_instances(held: Clinic) -> None:
    association = associate(held.port, STUDY_ROOT)

    def cancel() -> None:
        association.send_c_cancel(9, query_model=STUDY_ROOT)
        assert wait_for(lambda: any(each.dimse.cancel_req for each in held.running.node.open))

    with receiving((CAPTURE, [EXPLICIT])) as received:
        received.at_first = cancel
        held.introduce("DEST", received.port)
        answers = association.send_c_move(keys("STUDY", StudyInstanceUID="1.2.1"), "DEST", STUDY_ROOT, msg_id=9)
        *_, (last, _) = list(answers)
    association.release()
    assert (int(last.Status), int(last.NumberOfRemainingSuboperations), counts(last)) == (0xFE00, 2, (1, 0, 0))
    assert set(received.datasets) == {"1.2.1.1.1"}


def test_what_the_peer_refuses_is_listed(held: Clinic) -> None:
    with receiving((CAPTURE, [EXPLICIT]), statuses=[0, 0xA700, 0xB000]) as received:
        held.introduce("DEST", received.port)
        last, failed = move(held, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert (int(last.Status), counts(last)) == (0xB000, (1, 1, 1))
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == "1.2.1.1.2"


def test_a_peer_that_takes_all_with_a_warning_is_told_of(held: Clinic) -> None:
    with receiving((CAPTURE, [EXPLICIT]), statuses=[0xB006, 0xB007, 0xB000]) as received:
        held.introduce("DEST", received.port)
        last, failed = move(held, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert (int(last.Status), counts(last), bool(failed)) == (0xB000, (0, 0, 3), False)
    assert held.running.record()["given"] == {"moved": 3}


def test_a_peer_that_is_not_there_fails_the_move(held: Clinic) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port)
    [(last, _)] = move(held, keys("STUDY", StudyInstanceUID="1.2.1"))
    assert last.Status == 0xA702


def test_a_lost_original_fails_alone(held: Clinic) -> None:
    held.services.originals.delete(held.running.home.originals()[0])
    with receiving((CAPTURE, [EXPLICIT])) as received:
        held.introduce("DEST", received.port)
        last, failed = move(held, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert (int(last.Status), counts(last)) == (0xB000, (2, 1, 0))
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == "1.2.1.1.1"


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "JPEG2000.dcm",
        "MR_small_implicit.dcm",
        "image_dfl.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "ExplVR_BigEnd.dcm",
        "liver_expb_1frame.dcm",
        "rtdose_expb.dcm",
    ],
)
@pytest.mark.parametrize("taken", [EXPLICIT, IMPLICIT])
def test_a_peer_that_does_not_take_the_stored_syntax_gets_it_decoded(clinic: Clinic, name: str, taken: str) -> None:
    original = sample(name)
    expected = dcmread(io.BytesIO(original))
    clinic.hold(original)
    with receiving((str(expected.SOPClassUID), [taken])) as received:
        clinic.introduce("DEST", received.port)
        last, _ = move(clinic, keys("STUDY", StudyInstanceUID=expected.StudyInstanceUID))[-1]
    assert (int(last.Status), counts(last)) == (0, (1, 0, 0))
    syntax, encoded = received.datasets[str(expected.SOPInstanceUID)]
    assert syntax == taken
    got = dcmread(io.BytesIO(encoded), force=True)
    got.file_meta.TransferSyntaxUID = taken  # type: ignore[assignment]
    assert (got.pixel_array == expected.pixel_array).all()
    assert got.PatientName == expected.PatientName


def test_a_stored_syntax_that_the_peer_takes_is_sent_as_it_is(clinic: Clinic) -> None:
    original = sample("MR_small_RLE.dcm")
    expected = dcmread(io.BytesIO(original))
    clinic.hold(original)
    with receiving((str(expected.SOPClassUID), [EXPLICIT, RLE])) as received:
        clinic.introduce("DEST", received.port)
        move(clinic, keys("STUDY", StudyInstanceUID=expected.StudyInstanceUID))
    assert received.datasets == {str(expected.SOPInstanceUID): (RLE, dataset_of(original))}


def test_what_the_peer_cannot_take_at_all_fails(clinic: Clinic) -> None:
    clinic.hold(part10_of(made("1.2.1")))
    with receiving(("1.2.840.10008.5.1.4.1.1.2", [EXPLICIT])) as received:
        clinic.introduce("DEST", received.port)
        last, _ = move(clinic, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert last.Status == 0xA702


def test_movescu_moves_to_storescp(held: Clinic, tmp_path: Path) -> None:
    with receiving((CAPTURE, [EXPLICIT])) as spare:
        port = spare.port
    received = tmp_path / "received"
    received.mkdir()
    receiver = subprocess.Popen(["storescp", "-aet", "DEST", "-od", str(received), str(port)])
    try:
        assert wait_for(
            lambda: subprocess.run(["echoscu", "127.0.0.1", str(port)], capture_output=True).returncode == 0
        )
        held.introduce("DEST", port)
        command = ["movescu", "-S", "-aet", "WS", "-aec", "RAIPACS", "-aem", "DEST", "127.0.0.1", str(held.port)]
        asked = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1"]
        done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    finally:
        receiver.kill()
        receiver.wait()
    assert sorted(str(dcmread(each).SOPInstanceUID) for each in received.iterdir()) == [
        "1.2.1.1.1",
        "1.2.1.1.2",
        "1.2.1.1.3",
    ]


@pytest.mark.parametrize("taken", [RLE, EXPLICIT])
def test_a_corrected_study_is_found_and_moved_under_the_name_that_is_told(clinic: Clinic, taken: str) -> None:
    original = sample("MR_small_RLE.dcm")
    expected = dcmread(io.BytesIO(original))
    clinic.hold(original)
    new = {"PatientName": "Yılmaz^Gülşah", "PatientID": "TR-7"}
    correct_patient(clinic.services, Scope(ORGANIZATION, "admin"), str(expected.StudyInstanceUID), new)
    with receiving((str(expected.SOPClassUID), [taken])) as received:
        clinic.introduce("DEST", received.port)
        move(clinic, keys("STUDY", PatientID="TR-7", StudyInstanceUID=expected.StudyInstanceUID), model=PATIENT_ROOT)
    syntax, encoded = received.datasets[str(expected.SOPInstanceUID)]
    got = dcmread(io.BytesIO(encoded), force=True)
    got.file_meta.TransferSyntaxUID = syntax  # type: ignore[assignment]
    assert (syntax, str(got.PatientName), got.PatientID) == (taken, *new.values())
    assert got.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == expected.PatientID
    assert (got.pixel_array == expected.pixel_array).all()
