"""DICOM JSON as XML: the standard's shape, and all of it found again by our own reader."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicomweb.native import to_native
from pacs.dicomweb.native_reading import read_native

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)


def test_the_shape_of_the_standard() -> None:
    dataset = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00091002": {"vr": "LO", "Value": ["<a&b>", None, "\r\x00c"]},
        "00090010": {"vr": "LO", "Value": ["ACME"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yılmaz^Şule^^Dr", "Ideographic": "X"}]},
        "00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH"}}]},
        "00420011": {"vr": "OB", "InlineBinary": "AAA="},
        "7FE00010": {"vr": "OW", "BulkDataURI": "/a?b&c"},
    }
    text = to_native(dataset).decode()
    for part in (
        '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">',
        '<DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet"><Value number="1">ISO_IR 192</Value>',
        '<DicomAttribute tag="00091002" vr="LO" privateCreator="ACME"><Value number="1">&lt;a&amp;b&gt;</Value>'
        '<Value number="3">&#13;c</Value></DicomAttribute>',
        '<PersonName number="1"><Alphabetic><FamilyName>Yılmaz</FamilyName><GivenName>Şule</GivenName>'
        "<NamePrefix>Dr</NamePrefix></Alphabetic><Ideographic><FamilyName>X</FamilyName></Ideographic></PersonName>",
        '<Item number="1"><DicomAttribute tag="00400009" vr="SH" keyword="ScheduledProcedureStepID"></DicomAttribute>',
        "<InlineBinary>AAA=</InlineBinary>",
        '<BulkData uri="/a?b&amp;c"/>',
    ):
        assert part in text


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS.filter(lambda text: "^" not in text and "=" not in text))
def test_what_is_written_is_read_again(values: list[str], name: str) -> None:
    inner: dict[str, Any] = {"00081030": {"vr": "LO", "Value": values}}
    dataset = {
        **inner,
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
        "00400275": {"vr": "SQ", "Value": [inner]},
    }
    assert read_native(to_native(dataset)) == dataset
