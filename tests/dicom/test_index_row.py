import json
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import Dataset

from pacs.dicom.attributes import ATTRIBUTES
from pacs.dicom.header import parse_header, read_header
from pacs.dicom.index_row import LONGEST_COLUMN, LONGEST_KEY, LONGEST_TEXT, index_row
from pacs.dicom.source import BytesSource

MakePart10 = Callable[..., bytes]


def row_of(part10: bytes) -> dict[str, Any]:
    row = index_row(read_header(BytesSource(part10)))
    json.dumps(row, allow_nan=False)
    return row


def test_columns_and_dicom_json_of_each_level(make_part10: MakePart10) -> None:
    row = row_of(
        make_part10(
            SpecificCharacterSet="ISO_IR 148",
            PatientName="Yılmaz^Şule=X^Y",
            PatientID="P 1",
            PatientSex="",
            StudyDate="2024.02.29",
            StudyTime="0915",
            StudyDescription="GÖĞÜS  BT",
            Modality="ct",
            SeriesNumber=3,
            InstanceNumber="7",
            Rows=512,
        )
    )
    assert row["study_instance_uid"] == row["study"]["study_instance_uid"] == "1.2.3.4"
    assert row["patient_key"] == '["", "P 1"]'
    assert row["study"]["patient_name"] == "yilmaz sule x y"
    assert row["study"]["study_date"] == "20240229"
    assert row["study"]["study_time"] == "091500.000000"
    assert row["study"]["study_description"] == "gogus bt"
    assert row["study"]["patient_sex"] is row["study"]["accession_number"] is None
    assert row["series"]["modality"] == "CT"
    assert row["series"]["series_number"] == 3
    assert row["instance"]["instance_number"] == 7
    assert row["instance"]["rows"] == 512
    assert row["study_dicom"]["00080020"] == {"vr": "DA", "Value": ["2024.02.29"]}
    assert row["study_dicom"]["00100040"] == {"vr": "CS"}
    assert row["patient_dicom"].keys() == {"00100010", "00100020", "00100040"}
    assert row["patient_dicom"]["00100010"]["Value"] == [{"Alphabetic": "Yılmaz^Şule", "Ideographic": "X^Y"}]
    assert "00100010" in row["study_dicom"]
    assert row["series_dicom"]["00080060"]["Value"] == ["ct"]


def test_every_attribute_that_is_not_counted_has_a_column(make_part10: MakePart10) -> None:
    row = row_of(make_part10())
    for level in ("study", "series", "instance"):
        assert row[level].keys() == {each.column for each in ATTRIBUTES if each.level == level and not each.computed}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240229", "20240229"),
        ("2024-02-29", "20240229"),
        ("20230229", None),
        ("20240101-20240201", None),
        ("yesterday", None),
        ("٢٠٢٤٠١٠١", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: str | None) -> None:
    assert row_with(0x0008, 0x0020, "DA", text)["study"]["study_date"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("235960", "235960.000000"),
        ("07", "070000.000000"),
        ("070907.5", "070907.500000"),
        ("070907.1234567", "070907.123456"),
        ("07:09:07", "070907.000000"),
        ("2400", None),
        ("0760", None),
        ("7", None),
        ("noon", None),
    ],
)
def test_times(text: str, expected: str | None) -> None:
    assert row_with(0x0008, 0x0030, "TM", text)["study"]["study_time"] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("12", 12), ("-3", -3), ("4.0", 4), ("x", None), ("99999999999", None), ("1\\2", 1)]
)
def test_integers(text: str, expected: int | None) -> None:
    assert row_with(0x0020, 0x0013, "IS", text)["instance"]["instance_number"] == expected


def row_with(group: int, number: int, vr: str, text: str) -> dict[str, Any]:
    value = text.encode()
    content = b"\x08\0\x05\0CS\x0a\0ISO_IR 192"
    content += b"".join(part.to_bytes(2, "little") for part in (group, number)) + vr.encode()
    return index_row(parse_header(BytesSource(content + len(value).to_bytes(2, "little") + value)))


def test_a_patient_without_id_is_known_by_the_study(make_part10: MakePart10) -> None:
    assert row_of(make_part10(PatientID=" "))["patient_key"] == "study:1.2.3.4"
    keyed = row_of(make_part10(PatientID="1", IssuerOfPatientID="Klinik"))
    assert keyed["patient_key"] == '["Klinik", "1"]'


def test_absurdly_long_values_are_cut_but_patients_stay_apart() -> None:
    rows = [row_with(0x0010, 0x0020, "LO", "9" * 60_000 + end) for end in ("a", "b")]
    assert rows[0]["patient_key"] != rows[1]["patient_key"]
    assert len(rows[0]["patient_key"]) == LONGEST_KEY
    assert len(rows[0]["study"]["patient_id"]) == LONGEST_COLUMN
    assert len(rows[0]["study_dicom"]["00100020"]["Value"][0]) == LONGEST_TEXT
    name = row_with(0x0010, 0x0010, "PN", "\\".join(["ﷺ" * 400 + "^B"] * 50))
    assert len(name["study"]["patient_name"]) == LONGEST_COLUMN
    assert len(name["patient_dicom"]["00100010"]["Value"]) <= 64


def test_several_values_are_joined_by_backslashes() -> None:
    assert row_with(0x0008, 0x1030, "LO", "Üst\\Alt")["study"]["study_description"] == "ust\\alt"


def test_attributes_in_items_keep_every_value_and_their_place(make_part10: MakePart10) -> None:
    request, other = Dataset(), Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "SPŞ 1", "R1"
    other.ScheduledProcedureStepID = "SPS2"
    row = row_of(make_part10(SpecificCharacterSet="ISO_IR 192", RequestAttributesSequence=[request, other]))
    assert row["series"]["scheduled_procedure_step_id"] == "\\sps 1\\sps2\\"
    assert row["series"]["requested_procedure_id"] == "\\r1\\\\"  # of the second item: none
    assert row["series_dicom"]["00400275"] == {
        "vr": "SQ",
        "Value": [
            {"00400009": {"vr": "SH", "Value": ["SPŞ 1"]}, "00401001": {"vr": "SH", "Value": ["R1"]}},
            {"00400009": {"vr": "SH", "Value": ["SPS2"]}},
        ],
    }
    empty = row_of(make_part10(RequestAttributesSequence=[]))
    assert (empty["series"]["requested_procedure_id"], empty["series_dicom"]["00400275"]) == (None, {"vr": "SQ"})
