"""Bodies of requests: DICOM JSON, or refused."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.errors import BadRequest, PacsError, PayloadTooLarge
from pacs.worklist.keys import columns_of
from pacs.worklist.payload import LARGEST_BYTES, read_dataset, values
from pacs.worklist.requirements import require_completed, require_new
from tests.worklist.steps import scheduled


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
