"""C-STORE of what belongs to no patient: hanging protocols, palettes, templates, and what is only like them."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.presentation import NonPatientObjectPresentationContexts

from gateway_scp import contexts
from pacs.archive.keys import NonPatientPath, parse_non_patient
from tests.archive.of_no_patient import HANGING_PROTOCOL, PROTOCOL_UID, hanging_protocol
from tests.gateway.conftest import Home, Running
from tests.gateway.sender import CT_IMAGE, EXPLICIT_LITTLE, ORGANIZATION, Instance, encoded

PRIVATE_CLASS = "1.2.826.0.1.3680043.99.1"
KEY = NonPatientPath(ORGANIZATION, HANGING_PROTOCOL, PROTOCOL_UID).original


def protocol(**changes: Any) -> Dataset:
    return dcmread(BytesIO(hanging_protocol(**changes)))


def statuses(node: Running, *instances: Dataset) -> list[int]:
    """What pynetdicom, as the sender, is told of each."""
    ae = AE()
    for each in instances:
        ae.add_requested_context(each.SOPClassUID, EXPLICIT_LITTLE)
    association = ae.associate("127.0.0.1", node.port)
    assert association.is_established
    answers = [association.send_c_store(each).Status for each in instances]
    association.release()
    return answers


def test_every_such_class_is_taken() -> None:
    known = [str(each.abstract_syntax) for each in NonPatientObjectPresentationContexts]
    assert [uid for uid in known if not contexts.supported(uid)] == []


def test_a_hanging_protocol_and_a_private_class_are_stored_in_one_association(
    node: Running, home: Home, ct: Instance
) -> None:
    private = dcmread(ct.path)
    private.SOPClassUID = private.file_meta.MediaStorageSOPClassUID = UID(PRIVATE_CLASS)
    assert statuses(node, protocol(), private) == [0, 0]
    assert home.originals() == sorted((KEY, ct.key))
    assert parse_non_patient(KEY).instance == PROTOCOL_UID
    info, body = home.stores.originals.get(KEY)
    assert body.endswith(encoded(protocol()))
    assert info.metadata["sop_class_uid"] == HANGING_PROTOCOL
    assert info.metadata["branch_id"] == "main"
    assert info.metadata["sha256"] == hashlib.sha256(body).hexdigest()


def test_other_bytes_replace_it_and_the_older_stays_as_a_version(node: Running, home: Home) -> None:
    assert statuses(node, protocol(), protocol(), protocol(HangingProtocolLevel="USER_GROUP")) == [0, 0, 0]
    assert len(home.stores.originals.versions(KEY)) == 2
    assert node.record()["outcomes"] == {"created": 1, "unchanged": 1, "replaced": 1}


def test_a_study_in_it_counts_for_nothing(node: Running, home: Home) -> None:
    assert statuses(node, protocol(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4")) == [0]
    assert home.originals() == [KEY]


@pytest.mark.parametrize(
    ("sop_class", "announced", "status"),
    [
        (HANGING_PROTOCOL, (HANGING_PROTOCOL, "1.2.3"), 0xA900),
        (HANGING_PROTOCOL, (CT_IMAGE, PROTOCOL_UID), 0xA900),
        (CT_IMAGE, (CT_IMAGE, PROTOCOL_UID), 0xC000),  # whatever belongs to a patient has a study
        (PRIVATE_CLASS, (PRIVATE_CLASS, PROTOCOL_UID), 0xC000),
    ],
)
def test_what_cannot_be_kept_is_refused(
    node: Running, home: Home, sop_class: str, announced: tuple[str, str], status: int
) -> None:
    dataset = encoded(protocol(SOPClassUID=sop_class))
    with node.sender(contexts=[(announced[0], [EXPLICIT_LITTLE])]) as sender:
        assert sender.store(dataset, *announced)[0] == status
    assert home.originals() == []


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_it_is_kept_in_the_syntax_it_comes_in(node: Running, home: Home, syntax: str) -> None:
    data = encoded(protocol(), implicit=syntax == "1.2.840.10008.1.2", big=syntax.endswith(".2.2"))
    with node.sender(contexts=[(HANGING_PROTOCOL, [syntax])]) as sender:
        assert sender.store(data, HANGING_PROTOCOL, PROTOCOL_UID) == (0, "")
    info, body = home.stores.originals.get(KEY)
    assert (info.metadata["transfer_syntax_uid"], body.endswith(data)) == (syntax, True)
