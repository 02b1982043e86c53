"""Bodies of requests: DICOM JSON, or refused."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.dicomweb.native import to_native
from pacs.errors import BadRequest, PacsError, PayloadTooLarge
from pacs.worklist.keys import columns_of
from pacs.worklist.payload import LARGEST_BYTES, read_dataset, values
from pacs.worklist.requirements import require_completed, require_new
from tests.worklist.steps import scheduled


def native(inner: str) -> bytes:
    return f'<NativeDicomModel xml:space="preserve">{inner}</NativeDicomModel>'.encode()


def test_xml_says_what_json_says() -> None:
    assert read_dataset(to_native(scheduled()), xml=True) == scheduled()


def test_numbers_in_xml_are_numbers() -> None:
    read = read_dataset(
        native(
            '<DicomAttribute tag="00741002" vr="SQ"><Item number="1"><DicomAttribute tag="00741004" vr="DS">'
            '<Value number="1">50.5</Value></DicomAttribute></Item></DicomAttribute>'
            '<DicomAttribute tag="00280010" vr="US"><Value number="1">7</Value></DicomAttribute>'
        ),
        xml=True,
    )
    assert read["00741002"]["Value"][0]["00741004"]["Value"] == [50.5] and read["00280010"]["Value"] == [7]


@pytest.mark.parametrize(
    "inner",
    [
        "<",
        '<DicomAttribute tag="0028" vr="US"/>',
        '<DicomAttribute tag="00280010" vr="US"><Value number="1">seven</Value></DicomAttribute>',
        '<DicomAttribute tag="00280010" vr="FD"><Value number="1">NaN</Value></DicomAttribute>',
        f'<DicomAttribute tag="00280010" vr="IS"><Value number="1">{"9" * 30}</Value></DicomAttribute>',
        '<DicomAttribute tag="00280010" vr="US"><Item number="1"/></DicomAttribute>',
        '<DicomAttribute tag="00404034" vr="LO"><Value number="1">x</Value></DicomAttribute>',
    ],
)
def test_odd_xml_is_refused(inner: str) -> None:
    with pytest.raises(BadRequest):
        read_dataset(native(inner), xml=True)


def nested(depth: int) -> dict[str, Any]:
    return {"00404034": {"vr": "SQ", "Value": [nested(depth - 1)]}} if depth else {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[{}, {}]",
        b'"x"',
        b'{"PatientID": {"vr": "LO"}}',
        b'{"00100020": "P1"}',
        b'{"00100020": {"Value": ["P1"]}}',
        b'{"00100020": {"vr": "LO", "Value": "P1"}}',
        b'{"00100020": {"vr": "LO", "Value": [["P1"]]}}',
        b'{"0040A370": {"vr": "LO", "Value": ["A1"]}}',
        b'{"0040A370": {"vr": "SQ", "Value": ["A1"]}}',
        b'{"00741216": {"vr": "SQ", "Value": [{"00404028": {"vr": "SH", "Value": ["A1"]}}]}}',
        orjson.dumps(nested(40)),
    ],
)
def test_what_is_no_dataset_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_dataset(body)


def test_a_body_that_no_row_holds_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        read_dataset(orjson.dumps({"00741204": {"vr": "LT", "Value": ["x" * LARGEST_BYTES]}}))


def test_a_dataset_stands_alone_or_in_an_array_and_keeps_only_elements() -> None:
    body = {"0010001f": {"vr": "LO", "Value": ["x"], "more": 1}}
    assert read_dataset(orjson.dumps(body)) == read_dataset(orjson.dumps([body]))
    assert read_dataset(orjson.dumps(body)) == {"0010001F": {"vr": "LO", "Value": ["x"]}}


def test_values_are_found_in_every_item_on_the_way() -> None:
    assert values(scheduled(), "00404025.00080100") == ["READER1", "READER2"]
    assert values(scheduled(), "00100010") == ["Işık^Ayşe"]
    assert values({}, "00404025.00080100") == []


TAGS = st.sampled_from([*scheduled(), "00741216", "00741002", "00404033", "00404034", "00404009", "00080100"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.just("20260501")
ELEMENTS: Any = st.deferred(
    lambda: st.fixed_dictionaries(
        {"vr": st.sampled_from(["SQ", "LO", "PN", "DT"])},
        optional={"Value": st.lists(SCALARS | st.dictionaries(TAGS, ELEMENTS, max_size=3), max_size=2)},
    )
)


@given(st.dictionaries(TAGS, ELEMENTS, max_size=4))
def test_no_body_does_worse_than_be_refused(odd: dict[str, Any]) -> None:
    with suppress(PacsError):
        dataset = read_dataset(orjson.dumps(scheduled() | odd))
        require_new(dataset)
        columns_of(dataset)
        require_completed(dataset)
