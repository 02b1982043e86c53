"""C-FIND: what findscu and pynetdicom find, and what nobody finds. Source: PS3.4 §C.4.1"""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from gateway_scp import finding, index
from tests.gateway.conftest import ELSEWHERE, STRANGERS, Clinic, Run, made, part10_of

PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
JANE: dict[str, Any] = {
    "PatientName": "Doe^Jane",
    "PatientID": "P2",
    "StudyDate": "20231224",
    "AccessionNumber": "B1",
    "Modality": "CT",
}
STUDIES = (
    made("1.2.1", PatientName="Işık^Çağrı", PatientID="P1", StudyDate="20240105", AccessionNumber="A1", Modality="CT"),
    made("1.2.2", PatientName="Işık^Çağrı", PatientID="P1", StudyDate="20240220", AccessionNumber="A2", Modality="MR"),
    made("1.2.3", **JANE),
    made("1.2.3", 2, **JANE),
    made("1.2.4", PatientName="Nobody", StudyDate="20230101"),
)
Answers = tuple[int, list[tuple[int, Dataset]], Dataset]
Ask = Callable[..., Answers]


def associate(port: int, *models: str, calling: str = "WS", syntaxes: tuple[str, ...] = (EXPLICIT,)) -> Association:
    entity = ApplicationEntity(calling)
    for model in models:
        entity.add_requested_context(model, list(syntaxes))
    association = entity.associate("127.0.0.1", port, ae_title="RAIPACS")
    assert association.is_established
    return association


def keys(level: str, **values: Any) -> Dataset:
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(asked, keyword, value)
    return asked


def ask(clinic: Clinic, asked: Dataset, *, model: str = STUDY_ROOT, **more: Any) -> Answers:
    """The final status, every match with its own, and the final command set."""
    association = associate(clinic.port, model, **more)
    *found, (last, nothing) = list(association.send_c_find(asked, model))
    association.release()
    assert nothing is None
    return int(last.Status), [(int(status.Status), match) for status, match in found if match is not None], last


def found(clinic: Clinic, asked: Dataset, keyword: str = "StudyInstanceUID", **more: Any) -> list[str]:
    status, matches, _ = ask(clinic, asked, **more)
    assert status == 0
    return sorted(str(match[keyword].value) for _, match in matches)


@pytest.fixture
def held(clinic: Clinic) -> Clinic:
    clinic.hold(*(part10_of(each) for each in STUDIES))
    clinic.hold(part10_of(made("1.9.1", PatientName="Işık^Çağrı", PatientID="P1")), organization_id=STRANGERS)
    return clinic


def test_findscu_finds_a_name_in_turkish(held: Clinic) -> None:
    command = ["findscu", "-S", "-aet", "WS", "-aec", "RAIPACS", "127.0.0.1", str(held.port)]
    asked = ["QueryRetrieveLevel=STUDY", "SpecificCharacterSet=ISO_IR 192", "PatientName=ışık*", "StudyDate", "Rows"]
    for each in asked:
        command += ["-k", each]
    done = subprocess.run(command, capture_output=True, timeout=30)
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told
    assert told.count("PatientName") == 2
    assert told.count("Işık^Çağrı") == 2
    assert "[20240105]" in told
    assert "[ISO_IR 192]" in told


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_a_match_says_what_was_asked_for_and_no_more(held: Clinic, syntax: str) -> None:
    asked = keys("STUDY", AccessionNumber="B1", PatientName="", NumberOfStudyRelatedInstances="", ModalitiesInStudy="")
    status, [(pending, match)], _ = ask(held, asked, syntaxes=(syntax,))
    assert (status, pending) == (0, 0xFF00)
    assert {element.keyword: element.value for element in match} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "AccessionNumber": "B1",
        "QueryRetrieveLevel": "STUDY",
        "RetrieveAETitle": "RAIPACS",
        "InstanceAvailability": "ONLINE",
        "ModalitiesInStudy": "CT",
        "PatientName": "Doe^Jane",
        "StudyInstanceUID": "1.2.3",
        "NumberOfStudyRelatedInstances": 2,
    }


@pytest.mark.parametrize(
    ("values", "studies"),
    [
        ({"StudyInstanceUID": ""}, ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]),
        ({"PatientID": "P1"}, ["1.2.1", "1.2.2"]),
        ({"PatientID": "P?"}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientName": "DOE*"}, ["1.2.3"]),
        ({"PatientName": "*"}, ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]),
        ({"StudyDate": "20240101-"}, ["1.2.1", "1.2.2"]),
        ({"StudyDate": "-20231231"}, ["1.2.3", "1.2.4"]),
        ({"StudyDate": "20231224-20240105"}, ["1.2.1", "1.2.3"]),
        ({"StudyInstanceUID": ["1.2.1", "1.2.4", "1.9.1"]}, ["1.2.1", "1.2.4"]),
        ({"ModalitiesInStudy": "CT"}, ["1.2.1", "1.2.3"]),
        ({"AccessionNumber": "C1"}, []),
        ({"StudyInstanceUID": "1.9.1"}, []),
    ],
)
def test_keys_match_as_the_standard_says(held: Clinic, values: dict[str, Any], studies: list[str]) -> None:
    assert found(held, keys("STUDY", **values)) == studies


def test_each_patient_is_found_once(held: Clinic) -> None:
    asked = keys("PATIENT", PatientName="", PatientID="")
    assert found(held, asked, "PatientID", model=PATIENT_ROOT) == ["", "P1", "P2"]


def test_from_patient_to_image(held: Clinic) -> None:
    below = keys("STUDY", PatientID="P2", StudyInstanceUID="")
    assert found(held, below, model=PATIENT_ROOT) == ["1.2.3"]
    below = keys("SERIES", PatientID="P2", StudyInstanceUID="1.2.3", SeriesInstanceUID="", Modality="")
    assert found(held, below, "SeriesInstanceUID", model=PATIENT_ROOT) == ["1.2.3.1"]
    below = keys("IMAGE", PatientID="P2", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1", InstanceNumber="")
    assert found(held, below, "SOPInstanceUID", model=PATIENT_ROOT) == ["1.2.3.1.1", "1.2.3.1.2"]
    below.InstanceNumber = "2"
    assert found(held, below, "SOPInstanceUID", model=PATIENT_ROOT) == ["1.2.3.1.2"]


def test_keys_that_this_level_does_not_have_are_told_of_and_not_answered(held: Clinic) -> None:
    asked = keys("STUDY", AccessionNumber="B1", Modality="MR", EthnicGroup="X", RequestAttributesSequence=[])
    status, [(pending, match)], _ = ask(held, asked)
    assert (status, pending) == (0, 0xFF01)
    assert not {"Modality", "EthnicGroup", "RequestAttributesSequence"} & set(match.dir())


@pytest.mark.parametrize(
    ("asked", "model", "tag"),
    [
        (keys("PATIENT", PatientID=""), STUDY_ROOT, 0x00080052),
        (keys("FRAME"), STUDY_ROOT, 0x00080052),
        (keys("STUDY", StudyInstanceUID=""), PATIENT_ROOT, 0x00100020),
        (keys("STUDY", PatientID="P*"), PATIENT_ROOT, 0x00100020),
        (keys("SERIES", SeriesInstanceUID=""), STUDY_ROOT, 0x0020000D),
        (keys("SERIES", StudyInstanceUID=["1.2.1", "1.2.2"]), STUDY_ROOT, 0x0020000D),
        (keys("IMAGE", StudyInstanceUID="1.2.3"), STUDY_ROOT, 0x0020000E),
    ],
)
def test_an_identifier_that_skips_a_level_is_refused(clinic: Clinic, asked: Dataset, model: str, tag: int) -> None:
    status, matches, last = ask(clinic, asked, model=model)
    assert (status, matches) == (0xA900, [])
    assert last.OffendingElement == tag
    assert clinic.running.record()["failures"] == {"A900": 1}


def test_a_value_that_cannot_be_meant_is_not_processed(clinic: Clinic) -> None:
    status, matches, last = ask(clinic, keys("STUDY", StudyDate="20240101-20249999"))
    assert (status, matches) == (0xC001, [])
    assert "date" in last.ErrorComment


@pytest.mark.parametrize(("calling", "status"), [("WS", 0), ("FAR", 0), ("OTHER", 0), ("CT", 0x124), ("WHO", 0x124)])
def test_peers_see_their_own_branch_and_strangers_nothing(held: Clinic, calling: str, status: int) -> None:
    held.hold(part10_of(made("1.8.1")), branch_id=ELSEWHERE)
    held.hold(part10_of(made("1.9.2")), organization_id=STRANGERS, branch_id=ELSEWHERE)
    seen = {"WS": {"1.2.1", "1.2.2", "1.2.3", "1.2.4"}, "FAR": {"1.8.1"}, "OTHER": {"1.9.2"}}
    final, matches, _ = ask(held, keys("STUDY", StudyInstanceUID=""), calling=calling)
    assert final == status
    assert {str(match.StudyInstanceUID) for _, match in matches} == seen.get(calling, set())


def test_a_search_can_be_cancelled_and_the_association_goes_on(held: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PAGE", 1)
    association = associate(held.port, STUDY_ROOT)
    answers = association.send_c_find(keys("STUDY", StudyInstanceUID=""), STUDY_ROOT, msg_id=7)
    association.send_c_cancel(7, query_model=STUDY_ROOT)
    assert [int(status.Status) for status, _ in answers][-1] in (0xFE00, 0)
    assert len(list(association.send_c_find(keys("STUDY", PatientID="P2"), STUDY_ROOT))) == 2
    association.release()


def test_too_many_matches_are_cut_off(held: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_MATCHES", 3)
    status, matches, last = ask(held, keys("STUDY", StudyInstanceUID=""))
    assert (status, len(matches)) == (0xA700, 3)
    assert "more than 3" in last.ErrorComment


def test_more_matches_than_a_page_all_come(held: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PAGE", 2)
    assert found(held, keys("STUDY", StudyInstanceUID="")) == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]


def test_without_a_database_instances_are_stored_but_not_found(clinic: Clinic, run: Run) -> None:
    association = associate(run().port, STUDY_ROOT)
    [(last, _)] = list(association.send_c_find(keys("STUDY"), STUDY_ROOT))
    association.release()
    assert last.Status == 0xA700
    assert "PACS_DATABASE_DSN" in last.ErrorComment


def test_a_record_tells_what_was_asked_and_given(held: Clinic) -> None:
    ask(held, keys("STUDY", PatientID="P1"))
    record = held.running.record()
    assert (record["queries"], record["given"]) == ({"C-FIND": 1}, {"matches": 2})
