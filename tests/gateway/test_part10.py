"""The bytes around a dataset: in the file, and on the wire."""

from io import BytesIO

import pytest
from pydicom import dcmread
from pynetdicom.dsutils import decode

from gateway_scp import part10
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.gateway.sender import CT_IMAGE, EXPLICIT_LITTLE


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34"])  # odd and even lengths
def test_file_meta_is_what_pydicom_reads(instance: str) -> None:
    found = dcmread(BytesIO(part10.file_meta(CT_IMAGE, instance, EXPLICIT_LITTLE)))
    assert found.preamble == bytes(128)
    assert {each.keyword: each.value for each in found.file_meta} == {
        "FileMetaInformationGroupLength": found.file_meta.FileMetaInformationGroupLength,
        "FileMetaInformationVersion": b"\0\1",
        "MediaStorageSOPClassUID": CT_IMAGE,
        "MediaStorageSOPInstanceUID": instance,
        "TransferSyntaxUID": EXPLICIT_LITTLE,
        "ImplementationClassUID": IMPLEMENTATION_CLASS_UID,
        "ImplementationVersionName": IMPLEMENTATION_VERSION_NAME,
    }
    assert len(part10.file_meta(CT_IMAGE, instance, EXPLICIT_LITTLE)) == (
        132 + 12 + found.file_meta.FileMetaInformationGroupLength
    )


def test_a_response_is_what_pynetdicom_decodes() -> None:
    request = {
        part10.AFFECTED_SOP_CLASS_UID: b"1.2.3\0",
        part10.MESSAGE_ID: b"\7\0",
        part10.AFFECTED_SOP_INSTANCE_UID: b"1.2.34",
    }
    found = decode(BytesIO(part10.store_response(request, 0xA700, "x" * 99)), True, True)
    assert found.AffectedSOPClassUID == "1.2.3"
    assert found.AffectedSOPInstanceUID == "1.2.34"
    assert (found.CommandField, found.MessageIDBeingRespondedTo, found.CommandDataSetType) == (0x8001, 7, 0x0101)
    assert (found.Status, found.ErrorComment) == (0xA700, "x" * 64)
    assert "ErrorComment" not in decode(BytesIO(part10.store_response(request, 0)), True, True)


@pytest.mark.parametrize(
    "encoded",
    [
        b"\0\0\0\1",
        part10.element(part10.COMMAND_FIELD, b"\1\0")[:-1],
        b"\x08\0" + part10.element(part10.COMMAND_FIELD, b"\1\0")[2:],
    ],
)
def test_a_broken_command_set_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="command set"):
        part10.read_command(encoded)


def test_a_number_that_is_absent_or_no_number_is_refused() -> None:
    for elements in ({}, {part10.STATUS: b"\0\0\0\0"}):
        with pytest.raises(ValueError, match="command set"):
            part10.number_of(elements, part10.STATUS)
