"""Any bytes and any documents: read or refused in words of ours, and what is told of them is JSON."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pacs.dicom.encoding import encode_dataset, encode_part10_head
from pacs.dicom.header import read_header
from pacs.dicom.index_row import index_row
from pacs.dicom.json import to_dicom_json
from pacs.dicom.source import BytesSource
from pacs.dicomweb.native_reading import read_native
from pacs.errors import BadRequest, InvalidInstance
from tests.robustness.odd_files import CT, EXPLICIT, changed, dataset

WHOLE = encode_part10_head(CT, "1.2.3", EXPLICIT) + dataset("1.2.3", changed()["undefined lengths"])

texts = st.text(max_size=6)
tags = st.sampled_from(
    ["00080018", "00100010", "00280010", "00400275", "7FE00010", "0008", "x", "00091001", "FFFEE00D"]
)
vrs = st.sampled_from(["AE", "AT", "DS", "FD", "FL", "IS", "LO", "OB", "PN", "SQ", "SV", "UI", "UN", "US", "UT", "XX"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tags | texts, inner, max_size=3),
    max_leaves=8,
)
attributes = st.fixed_dictionaries(
    {"vr": vrs}, optional={"Value": st.lists(values, max_size=3), "InlineBinary": texts, "BulkDataURI": texts | values}
)
documents = st.dictionaries(tags, attributes | values, max_size=4)


def no_bulk(uri: str) -> bytes:
    raise InvalidInstance("no such part")


@given(
    st.integers(0, len(WHOLE) - 1),
    st.binary(max_size=8),
    st.integers(0, 8),
    st.integers(0, len(WHOLE)),
)
def test_a_garbled_instance_is_read_or_refused(position: int, inserted: bytes, dropped: int, end: int) -> None:
    garbled = (WHOLE[:position] + inserted + WHOLE[position + dropped :])[: max(end, position)]
    try:
        header = read_header(BytesSource(garbled))
    except InvalidInstance:
        return
    json.dumps(to_dicom_json(header, bulkdata_uri=lambda path: path), allow_nan=False)
    json.dumps(index_row(header), allow_nan=False)


@given(documents)
@example({"00080018": {"vr": "IS", "Value": [float("inf")]}})
def test_a_document_is_encoded_or_refused_by_name(document: dict[str, Any]) -> None:
    try:
        encoded = encode_dataset(document, no_bulk)
    except InvalidInstance as error:
        assert error.message
        return
    assert len(encoded) % 2 == 0


@given(st.binary(max_size=60) | texts.map(lambda text: f"<NativeDicomModel>{text}</NativeDicomModel>".encode()))
def test_xml_is_read_or_a_bad_request(document: bytes) -> None:
    try:
        read_native(document)
    except BadRequest as error:
        assert error.message
