"""Random datasets come back the same through pydicom's own reading of the JSON, in every encoding; random bytes
break nothing.
"""

import io
import json
import warnings
from typing import Any

import pydicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from pacs.dicom.header import Header, parse_header
from pacs.dicom.index_row import index_row
from pacs.dicom.json import to_dicom_json
from pacs.dicom.source import BytesSource
from pacs.dicom.text import character_set, fold
from pacs.errors import InvalidInstance

UNCOMPRESSED = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
WORDS = st.text(st.sampled_from("abcXYZ019 .-_ÇĞİÖŞÜçğıöşüÄéЖпعر山田"), min_size=1, max_size=20).map(
    lambda text: text.strip() or "x"
)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=2, max_size=4)


# keyword → values of its VR; one keyword for each VR that JSON knows.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "RetrieveAETitle": several(st.from_regex(r"[A-Z_]{1,16}", fullmatch=True)),
    "PatientAge": st.from_regex(r"[0-9]{3}[DWMY]", fullmatch=True),
    "DimensionIndexPointer": st.sampled_from([0x00200032, 0x00209056]),
    "ImageType": several(st.from_regex(r"[A-Z0-9]{1,16}", fullmatch=True)),
    "StudyDate": st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)),
    "PixelSpacing": several(st.floats(-1e5, 1e5).map(lambda number: f"{number:.6g}")),
    "AcquisitionDateTime": st.datetimes().map(lambda time: f"{time:%Y%m%d%H%M%S}".zfill(14)),
    "RealWorldValueSlope": several(st.floats(allow_nan=False, allow_infinity=False)),
    "LocalizingCursorPosition": several(FINITE),
    "InstanceNumber": INTEGERS.map(str),
    "StudyDescription": several(WORDS),
    "PatientComments": WORDS,
    "PatientName": several(st.lists(WORDS, min_size=1, max_size=3).map("=".join)),
    "AccessionNumber": WORDS,
    "ReferencePixelX0": INTEGERS,
    "TagAngleSecondAxis": st.integers(-(2**15), 2**15 - 1),
    "StudyTime": st.times().map(lambda time: f"{time:%H%M%S.%f}"),
    "LongCodeValue": WORDS,
    "SOPInstanceUID": st.from_regex(r"[1-9](\.[1-9][0-9]{0,5}){1,8}", fullmatch=True),
    "SimpleFrameList": several(st.integers(0, 2**32 - 1)),
    "RetrieveURL": st.just("https://pacs.example/studies/1?a=b"),
    "Rows": st.integers(0, 2**16 - 1),
    "TextValue": WORDS,
    "EncapsulatedDocument": st.binary(min_size=2, max_size=64).map(lambda content: content + bytes(len(content) % 2)),
    "SelectorSVValue": several(st.integers(-(2**53), 2**53)),
    "SelectorUVValue": several(st.integers(0, 2**53)),
}


@st.composite
def datasets(draw: st.DrawFn, depth: int = 2) -> Dataset:
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's about a VR's length: longer texts must be kept as well
        for keyword in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=5, unique=True)):
            setattr(dataset, keyword, draw(VALUES[keyword]))
    if depth and draw(st.booleans()):
        dataset.ReferencedImageSequence = [draw(datasets(depth - 1)) for _ in range(draw(st.integers(0, 2)))]
    return dataset


def header_of(dataset: Dataset, transfer_syntax_uid: str) -> Header:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    target = io.BytesIO()
    little = transfer_syntax_uid != UNCOMPRESSED[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        implicit = transfer_syntax_uid == UNCOMPRESSED[0]
        pydicom.dcmwrite(target, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return parse_header(BytesSource(target.getvalue()))


@given(datasets(), st.sampled_from(UNCOMPRESSED))
def test_json_round_trips_through_pydicom(dataset: Dataset, transfer_syntax_uid: str) -> None:
    header = header_of(dataset, transfer_syntax_uid)
    result = to_dicom_json(header, bulkdata_uri=str)
    assert result.pop("00083002")["Value"] == [transfer_syntax_uid]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Dataset.from_json(json.dumps(result, allow_nan=False)) == Dataset.from_json(dataset.to_json())
        assert header.dataset == dataset


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_are_refused_or_told(content: bytes, explicit: bool) -> None:
    start = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192" if explicit else b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 192"
    try:
        header = parse_header(BytesSource(start + content))
    except InvalidInstance:
        return
    told = [to_dicom_json(header, bulkdata_uri=str), index_row(header)]
    text = json.dumps(told, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text


LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
SHORT_VRS = ("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM")
VRS = (*LONG_VRS, *SHORT_VRS, "UI", "UL", "US")


@given(st.lists(st.tuples(st.sampled_from(sorted(VALUES)), st.sampled_from(VRS), st.binary(max_size=40)), max_size=10))
def test_any_bytes_under_any_vr_are_told(elements: list[tuple[str, str, bytes]]) -> None:
    content = b"\x08\x00\x05\x00CS\x02\x00\\ "
    for keyword, vr, value in elements:
        tag = pydicom.tag.Tag(keyword)
        long = vr in LONG_VRS
        content += tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + vr.encode()
        content += (b"\0\0" + len(value).to_bytes(4, "little") if long else len(value).to_bytes(2, "little")) + value
    try:
        header = parse_header(BytesSource(content))
    except InvalidInstance:
        assert any(vr == "SQ" for _, vr, _ in elements)
        return
    text = json.dumps([to_dicom_json(header, bulkdata_uri=str), index_row(header)], allow_nan=False)
    assert "\\u0000" not in text


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(text.upper()) == fold(fold(text).upper())


@given(st.binary(max_size=60), st.sampled_from([b"", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030", b"ISO_IR 148"]))
def test_any_bytes_decode(value: bytes, declared: bytes) -> None:
    assert "\0" not in character_set(declared).decode(value)
