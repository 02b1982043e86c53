"""Corrected files: what is told instead, what stood there, and everything else as it was, in every transfer syntax."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pacs.dicom.correcting import Correction, corrected_document, corrected_header, corrected_part10
from pacs.dicom.header import read_header
from pacs.dicom.json import to_dicom_json
from pacs.dicom.source import BytesSource

SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
TURKISH = Correction(
    {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Şahin^Gülşah"}]},
        "00100020": {"vr": "LO", "Value": ["TR-1"]},
        "00100040": {"vr": "CS"},
    },
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "merge",
)
# Explicit, implicit, big-endian and deflated ones, compressed ones, reports, plans, what has no meta and odd VRs.
FILES = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_padded.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "examples_palette.dcm",
    "image_dfl.dcm",
    "liver_expb_1frame.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
    "badVR.dcm",
)


def elements(dataset: Dataset, path: str = "") -> Iterator[tuple[str, object]]:
    for each in dataset:
        here = f"{path}/{each.tag}"
        if each.VR == "SQ":
            for number, item in enumerate(each.value):
                yield from elements(item, f"{here}/{number}")
        else:
            yield here, each.value


@pytest.fixture(params=FILES)
def original(request: pytest.FixtureRequest) -> bytes:
    return (SAMPLES / str(request.param)).read_bytes()


def test_a_corrected_file_says_what_is_told_and_what_stood_there_and_all_else_as_before(original: bytes) -> None:
    before = pydicom.dcmread(io.BytesIO(original))
    after = pydicom.dcmread(io.BytesIO(corrected_part10(original, TURKISH)))
    assert after.PatientName == "Şahin^Gülşah"
    assert after.PatientID == "TR-1"
    assert not after.PatientSex
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.file_meta.MediaStorageSOPInstanceUID == before.SOPInstanceUID
    item = after.OriginalAttributesSequence[-1]
    assert (item.ReasonForTheAttributeModification, item.ModifyingSystem) == ("COERCE", "Bulut PACS")
    assert item.AttributeModificationDateTime == "20260102030405.000000+0000"
    was = item.ModifiedAttributesSequence[0]
    assert was.get("PatientName", "") == before.get("PatientName", "")
    assert was.get("PatientID", "") == before.get("PatientID", "")
    for dataset in (before, after):
        for name in ("PatientName", "PatientID", "PatientSex", "OriginalAttributesSequence", "SpecificCharacterSet"):
            dataset.pop(name, None)
    group_lengths = {path for path, _ in elements(before) if path.endswith("0000)")}
    assert [each for each in elements(before) if each[0] not in group_lengths] == list(elements(after))


def test_metadata_and_file_say_the_same(original: bytes) -> None:
    document = corrected_document(to_dicom_json(read_header(BytesSource(original)), bulkdata_uri=str), TURKISH)
    body = corrected_part10(original, TURKISH)
    assert document == to_dicom_json(read_header(BytesSource(body)), bulkdata_uri=str)


def test_a_deflated_file_stays_deflated() -> None:
    dataset = pydicom.dcmread(SAMPLES / "CT_small.dcm")
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file)
    after = pydicom.dcmread(io.BytesIO(corrected_part10(file.getvalue(), TURKISH)))
    assert after.PatientName == "Şahin^Gülşah"
    assert after.PixelData == dataset.PixelData


def test_the_character_set_stays_when_it_has_the_letters_and_all_texts_change_when_it_has_not() -> None:
    dataset = pydicom.dcmread(SAMPLES / "CT_small.dcm")
    dataset.SpecificCharacterSet = "ISO_IR 148"
    dataset.StudyDescription = "Göğüs"
    dataset.RequestAttributesSequence = [Dataset()]
    dataset.RequestAttributesSequence[0].RequestedProcedureDescription = "Baş"
    file = io.BytesIO()
    dataset.save_as(file)
    turkish = pydicom.dcmread(io.BytesIO(corrected_part10(file.getvalue(), TURKISH)))
    assert turkish.SpecificCharacterSet == "ISO_IR 148"
    name = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Əliyev^Vüqar", "Ideographic": "علی"}]}}
    other = corrected_part10(file.getvalue(), Correction(name, TURKISH.at, "correct"))
    azerbaijani = pydicom.dcmread(io.BytesIO(other))
    assert azerbaijani.SpecificCharacterSet == "ISO_IR 192"
    assert azerbaijani.PatientName == "Əliyev^Vüqar=علی"
    for each in (turkish, azerbaijani):
        assert each.StudyDescription == "Göğüs"
        assert each.RequestAttributesSequence[0].RequestedProcedureDescription == "Baş"
    assert azerbaijani.OriginalAttributesSequence[0].ReasonForTheAttributeModification == "CORRECT"


def test_what_is_said_already_is_left_alone() -> None:
    body = (SAMPLES / "CT_small.dcm").read_bytes()
    header = read_header(BytesSource(body))
    document = to_dicom_json(header, bulkdata_uri=str)
    said = Correction({"00100020": document["00100020"]}, TURKISH.at, "correct")
    assert corrected_header(header, said, lambda offset, length: body[offset : offset + length]) is header
    assert corrected_document(document, said) is document
