"""What is left of a dataset for strangers, and what its UIDs are called."""

from typing import Any

import pytest
from pydicom.datadict import dictionary_has_tag

from pacs.dicom.alias import Alias
from pacs.dicom.basic_profile import EMPTIED, REMOVED, REPLACED
from pacs.dicom.codestream_comments import without_comments
from pacs.dicom.deidentify import declared, deidentified, survives
from pacs.dicom.uids import is_uid
from pacs.errors import UndecodablePixels

ALIAS = Alias(bytes(32))
JPEG, JPEG_2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def left(tag: str, vr: str, *values: Any) -> Any:
    return deidentified({tag: {"vr": vr, "Value": list(values)}}, ALIAS, str).get(tag)


def test_no_attribute_is_dealt_with_twice() -> None:
    assert not REMOVED & EMPTIED and not REMOVED & REPLACED and not EMPTIED & REPLACED
    assert sum(dictionary_has_tag(int(tag, 16)) for tag in REMOVED | EMPTIED | REPLACED) > 500


@pytest.mark.parametrize(
    ("tag", "vr", "value", "kept"),
    [
        ("00100010", "PN", {"Alphabetic": "Yilmaz^Ayse"}, {"vr": "PN"}),
        ("00080020", "DA", "20260101", {"vr": "DA"}),
        ("00081030", "LO", "Thorax", None),
        ("00180050", "DS", 1.25, {"vr": "DS", "Value": [1.25]}),
        ("00180050", "DS", 12345678901, None),
        ("00180050", "DS", "Yilmaz", None),
        ("00280010", "US", 512, {"vr": "US", "Value": [512]}),
        ("00080060", "CS", "CT", {"vr": "CS", "Value": ["CT"]}),
        ("00080060", "CS", "YILMAZ", None),
        ("00281054", "LO", "HU", {"vr": "LO", "Value": ["HU"]}),
        ("00080016", "UI", "1.2.840.10008.5.1.4.1.1.2", {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}),
        ("00200052", "UI", "1.2.3", {"vr": "UI", "Value": [ALIAS.uid("1.2.3")]}),
        ("00091001", "LO", "HU", None),
        ("60003000", "OW", "HU", None),
        ("00280009", "AT", "00181063", {"vr": "AT", "Value": ["00181063"]}),
        ("00280009", "AT", "12345678", None),
        ("00321066", "UT", "HU", None),
    ],
)
def test_numbers_terms_and_registered_uids_stay(tag: str, vr: str, value: Any, kept: Any) -> None:
    assert left(tag, vr, value) == kept


def test_what_must_not_be_empty_is_replaced() -> None:
    assert left("00189074", "DT", "20260101120000") == {"vr": "DT", "Value": ["19000101000000"]}
    assert left("00100020", "LO", "123") == {"vr": "LO", "Value": [ALIAS.patient("123")]}


def test_sequences_are_read_to_their_ends() -> None:
    item = {"00280030": {"vr": "DS", "Value": [0.5, 0.5]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}}
    measures = {"00289110": {"vr": "SQ", "Value": [item]}}
    assert left("52009229", "SQ", measures) == {
        "vr": "SQ",
        "Value": [{"00289110": {"vr": "SQ", "Value": [{"00280030": item["00280030"], "00100010": {"vr": "PN"}}]}}],
    }
    assert left("00082218", "SQ", {"00080104": {"vr": "LO", "Value": ["Lung of Mr Yilmaz"]}}) is None


def test_binary_values_are_those_that_draw() -> None:
    palette = {"vr": "OW", "InlineBinary": "AAA="}
    document = {"00281201": palette, "00282000": palette, "7FE00010": {"vr": "OW", "BulkDataURI": "x"}}
    told = deidentified(document, ALIAS, lambda uri: f"to/{uri}")
    assert told == {"00281201": palette, "7FE00010": {"vr": "OW", "BulkDataURI": "to/x"}}
    assert survives("00281201") and survives("52009230/0/00283010/0/00283006")
    assert not survives("00420011") and not survives("00880200/0/00281201")


def test_an_instance_says_what_was_done_to_it() -> None:
    told = declared({})
    assert told["00120062"]["Value"] == ["YES"]
    assert told["00120064"]["Value"][0]["00080100"]["Value"] == ["113100"]


def test_uids_are_called_the_same_and_differently_by_another_key() -> None:
    assert ALIAS.uid("1.2.3") == ALIAS.uid("1.2.3") != Alias(bytes(31) + b"x").uid("1.2.3")
    told = ALIAS.uid("1." + "2" * 62)
    assert is_uid(told) and told.startswith("2.25.")
    number = int(told.removeprefix("2.25."))
    assert (number >> 76 & 0xF, number >> 62 & 3) == (8, 2)


def test_comments_of_jpeg_go_and_colours_stay() -> None:
    def segment(marker: int, body: bytes) -> bytes:
        return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body

    adobe, scan = segment(0xEE, b"Adobe"), segment(0xDA, b"s") + b"\x01\xff\x00\xff\xd0\x02"
    noisy = b"\xff\xd8" + segment(0xE1, b"Exif Ayse") + adobe + segment(0xFE, b"Ayse") + scan + b"\xff\xd9\0Ayse"
    assert without_comments(noisy, JPEG) == b"\xff\xd8" + adobe + scan + b"\xff\xd9"
    head = b"\xff\x4f" + segment(0x51, b"size")
    tiles = segment(0x90, b"tile") + b"\xff\x93\x01\x02\xff\xd9"
    assert without_comments(b"box Ayse" + head + segment(0x64, b"Ayse") + tiles + b"Ayse", JPEG_2000) == head + tiles
    assert without_comments(b"anything", "1.2.840.10008.1.2.1") == b"anything"


@pytest.mark.parametrize("syntax", [JPEG, JPEG_2000])
@pytest.mark.parametrize("frame", [b"", b"Ayse", b"\xff\xd8Ayse and more"])
def test_what_is_no_codestream_is_refused(syntax: str, frame: bytes) -> None:
    with pytest.raises(UndecodablePixels):
        without_comments(frame, syntax)
