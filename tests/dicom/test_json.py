import base64
import json
from collections.abc import Callable
from struct import pack
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs.dicom.header import parse_header, read_header
from pacs.dicom.json import little_endian, to_dicom_json
from pacs.dicom.source import BytesSource

MakePart10 = Callable[..., bytes]


def as_json(part10: bytes, inline_limit: int = 1024) -> dict[str, Any]:
    header = read_header(BytesSource(part10))
    result = to_dicom_json(header, bulkdata_uri=lambda path: f"bulk/{path}", inline_limit=inline_limit)
    json.dumps(result, allow_nan=False).encode()
    return result


def element_json(vr: bytes, value: bytes, tag: tuple[int, int] = (0x0009, 0x1001)) -> dict[str, Any]:
    """One explicit little endian element, as written by someone who may not know the standard."""
    long = vr in (b"UV", b"SV", b"UT", b"UN", b"OW", b"OB", b"UR")
    head = pack("<HH2sHL", *tag, vr, 0, len(value)) if long else pack("<HH2sH", *tag, vr, len(value))
    content = b"\x08\0\x05\0CS\x0a\0ISO_IR 148" + head + value
    result = to_dicom_json(parse_header(BytesSource(content)), bulkdata_uri=str)
    json.dumps(result, allow_nan=False)
    return dict(result[f"{tag[0]:04X}{tag[1]:04X}"])


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        (b"DS", b"0.5\\1e-3 \\12", [0.5, 0.001, 12]),
        (b"DS", b"1,5\\abc\\\\NaN\\1_0\\inf\\2", ["1,5", "abc", None, "NaN", "1_0", "inf", 2]),
        (b"DS", b"1e999\\-1e999 ", ["1e999", "-1e999"]),
        (b"DS", b" \\ ", None),
        (b"DS", b"\xff\xfe\x00\x001", ["\ufffd\ufffd1"]),
        (b"IS", b"-7\\+8\\ 9 \\1.0\\1.5\\x ", [-7, 8, 9, 1, "1.5", "x"]),
        (b"IS", b"99999999999999999999", ["99999999999999999999"]),
        (b"UV", pack("<QQ", 5, 2**64 - 1), [5, str(2**64 - 1)]),
        (b"SV", pack("<qq", -(2**53), -(2**53) - 1), [-(2**53), str(-(2**53) - 1)]),
        (b"FD", pack("<ddd", 0.1, float("nan"), float("inf")), [0.1, None, None]),
        (b"FL", pack("<f", float("nan")), None),
        (b"US", b"\x01\0\x02\0\x03", [1, 2]),
        (b"US", b"\x01", None),
        (b"SS", b"\xff\xff", [-1]),
        (b"AT", b"\x10\0\x20\0\x10\0", ["00100020"]),
        (b"CS", b" A\\\\B ", ["A", None, "B"]),
        (b"CS", b"\\ ", None),
        (b"LO", "Çok\\İyi ".encode("iso8859_9"), ["Çok", "İyi"]),
        (b"LT", b" a\\b ", [" a\\b"]),
        (b"UI", b"1.2.3\0", ["1.2.3"]),
        (
            b"PN",
            b"A^B=C=D \\=I\\",
            [{"Alphabetic": "A^B", "Ideographic": "C", "Phonetic": "D"}, {"Ideographic": "I"}, None],
        ),
        (b"PN", b"==", None),
        (b"SH", b"a\0b\0", ["ab"]),
        (b"ZZ", b"\x01\x02", None),
    ],
)
def test_values_good_and_bad(vr: bytes, value: bytes, expected: list[Any] | None) -> None:
    result = element_json(vr, value)
    assert result.get("Value") == expected
    if vr == b"ZZ":
        assert result == {"vr": "UN", "InlineBinary": "AQI="}


def test_what_viewers_count_on(make_part10: MakePart10) -> None:
    values = {"Rows": 512, "Columns": 256, "PixelSpacing": ["0.5", "0.25"], "PixelData": bytes(512 * 256)}
    result = as_json(make_part10(BitsAllocated=8, **values))
    assert result["00280010"] == {"vr": "US", "Value": [512]}
    assert result["00280030"] == {"vr": "DS", "Value": [0.5, 0.25]}
    assert result["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    assert result["7FE00010"] == {"vr": "OB", "BulkDataURI": "bulk/7FE00010"}
    assert not any(tag.startswith("0002") for tag in result)
    assert list(result) == sorted(result)


def test_texts_say_they_are_unicode(make_part10: MakePart10) -> None:
    result = as_json(make_part10(SpecificCharacterSet="ISO_IR 148", PatientName="Yılmaz^Şule"))
    assert result["00080005"]["Value"] == ["ISO_IR 192"]
    assert result["00100010"]["Value"] == [{"Alphabetic": "Yılmaz^Şule"}]


def test_sequences_nest_and_empty_ones_have_no_value(make_part10: MakePart10) -> None:
    inner, outer = Dataset(), Dataset()
    inner.Rows = 3
    outer.SourceImageSequence = [inner, Dataset()]
    result = as_json(make_part10(DerivationImageSequence=[outer], ReferencedImageSequence=[]))
    assert result["00089124"]["Value"] == [
        {"00082112": {"vr": "SQ", "Value": [{"00280010": {"vr": "US", "Value": [3]}}, {}]}}
    ]
    assert result["00081140"] == {"vr": "SQ"}


def test_small_binaries_and_palettes_are_inline_others_by_uri(make_part10: MakePart10) -> None:
    item = Dataset()
    item.EncapsulatedDocument = bytes(2000)
    values = {
        "RedPaletteColorLookupTableData": bytes(range(256)) * 2 * 64,
        "GreenPaletteColorLookupTableData": bytes(70_000),
        "ICCProfile": bytes(2000),
        "EncryptedAttributesSequence": [item],
    }
    result = as_json(make_part10(**values))
    assert base64.b64decode(result["00281201"]["InlineBinary"]) == values["RedPaletteColorLookupTableData"]
    assert result["00281202"] == {"vr": "OW", "BulkDataURI": "bulk/00281202"}
    assert result["00282000"] == {"vr": "OB", "BulkDataURI": "bulk/00282000"}
    assert result["04000500"]["Value"][0]["00420011"]["BulkDataURI"] == "bulk/04000500/0/00420011"
    assert "InlineBinary" in as_json(make_part10(ICCProfile=bytes(2000)), inline_limit=2000)["00282000"]


def test_big_endian_words_are_given_little_endian(make_part10: MakePart10) -> None:
    part10 = make_part10("1.2.840.10008.1.2.2", RedPaletteColorLookupTableData=b"\x12\x34\x56\x78", Rows=258)
    result = as_json(part10)
    assert base64.b64decode(result["00281201"]["InlineBinary"]) == b"\x34\x12\x78\x56"
    assert result["00280010"]["Value"] == [258]
    header = read_header(BytesSource(part10))
    assert little_endian(b"\1\2\3\4\5", "OW", header) == b"\2\1\4\3"
    assert little_endian(b"\1\2\3\4", "OL", header) == b"\4\3\2\1"
    assert little_endian(b"\1\2\3\4", "OB", header) == b"\1\2\3\4"


def test_private_attributes_are_kept(make_part10: MakePart10) -> None:
    dataset = Dataset()
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x08, "CS", "IMAGE NUM 4")
    result = as_json(make_part10("1.2.840.10008.1.2", DigitalSignaturesSequence=[dataset]))
    item = result["FFFAFFFA"]["Value"][0]
    assert item["00290010"] == {"vr": "LO", "Value": ["SIEMENS CSA HEADER"]}
    assert item["00291008"] == {"vr": "CS", "Value": ["IMAGE NUM 4"]}


def test_elements_out_of_order_are_put_in_order() -> None:
    content = b"\x08\0\x05\0CS\x0a\0ISO_IR 148" + b"\x20\0\x13\0IS\x02\x001 " + b"\x10\0\x20\0LO\x02\0X "
    assert list(to_dicom_json(parse_header(BytesSource(content)), bulkdata_uri=str)) == [
        "00080005",
        "00083002",
        "00100020",
        "00200013",
    ]
