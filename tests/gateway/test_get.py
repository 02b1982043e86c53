"""C-GET: what a peer is given over its own association. Source: PS3.4 §C.4.3"""

import io
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import build_role

from tests.gateway.conftest import STRANGERS, Clinic, made, part10_of
from tests.gateway.receiver import Received
from tests.gateway.test_move import CAPTURE, EXPLICIT, IMPLICIT, counts, dataset_of, sample
from tests.gateway.test_query import keys

STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.3"


def get(
    clinic: Clinic,
    asked: Dataset,
    *,
    sop_class: str = CAPTURE,
    syntax: str = EXPLICIT,
    calling: str = "WS",
    role: bool = True,
) -> tuple[Received, Dataset]:
    """What came, and the final response."""
    entity = ApplicationEntity(calling)
    entity.add_requested_context(STUDY_ROOT)
    entity.add_requested_context(sop_class, [syntax])
    received = Received()
    association = entity.associate(
        "127.0.0.1",
        clinic.port,
        ae_title="RAIPACS",
        ext_neg=[build_role(sop_class, scp_role=True)] if role else [],
        evt_handlers=[(evt.EVT_C_STORE, received.take)],
    )
    assert association.is_established
    *_, (last, _) = list(association.send_c_get(asked, STUDY_ROOT))
    association.release()
    return received, last


@pytest.fixture
def held(clinic: Clinic) -> Clinic:
    clinic.hold(*(part10_of(made("1.2.1", n)) for n in (1, 2, 3)))
    clinic.hold(part10_of(made("1.9.1")), organization_id=STRANGERS)
    return clinic


def test_a_study_comes_byte_by_byte(held: Clinic) -> None:
    received, last = get(held, keys("STUDY", StudyInstanceUID="1.2.1"))
    assert (int(last.Status), counts(last)) == (0, (3, 0, 0))
    assert received.datasets == {f"1.2.1.1.{n}": (EXPLICIT, dataset_of(part10_of(made("1.2.1", n)))) for n in (1, 2, 3)}
    assert received.originators == []
    record = held.running.record()
    assert (record["queries"], record["given"]) == ({"C-GET": 1}, {"got": 3})


def test_another_organizations_study_is_not_there_and_strangers_get_nothing(held: Clinic) -> None:
    received, last = get(held, keys("STUDY", StudyInstanceUID="1.9.1"))
    assert (int(last.Status), counts(last), received.datasets) == (0, (0, 0, 0), {})
    received, last = get(held, keys("STUDY", StudyInstanceUID="1.2.1"), calling="WHO")
    assert (last.Status, received.datasets) == (0x0124, {})


def test_who_does_not_take_the_role_of_the_scp_is_given_nothing(held: Clinic) -> None:
    received, last = get(held, keys("STUDY", StudyInstanceUID="1.2.1"), role=False)
    assert (last.Status, received.datasets) == (0xA702, {})


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_the_peer_does_not_take_as_stored_comes_decoded(clinic: Clinic, syntax: str) -> None:
    original = sample("MR_small_RLE.dcm")
    expected = dcmread(io.BytesIO(original))
    clinic.hold(original)
    asked = keys("STUDY", StudyInstanceUID=expected.StudyInstanceUID)
    received, last = get(clinic, asked, sop_class=str(expected.SOPClassUID), syntax=syntax)
    assert last.Status == 0
    taken, encoded = received.datasets[str(expected.SOPInstanceUID)]
    got = dcmread(io.BytesIO(encoded), force=True)
    got.file_meta.TransferSyntaxUID = taken  # type: ignore[assignment]
    assert (got.pixel_array == expected.pixel_array).all()


def test_getscu_gets_a_study(held: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "got"
    folder.mkdir()
    command = ["getscu", "-S", "-aet", "WS", "-aec", "RAIPACS", "-od", str(folder), "127.0.0.1", str(held.port)]
    asked = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1"]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(str(dcmread(each).SOPInstanceUID) for each in folder.iterdir()) == [
        "1.2.1.1.1",
        "1.2.1.1.2",
        "1.2.1.1.3",
    ]
