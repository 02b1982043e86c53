"""STOW-RS as a client sees it: what is stored, what is refused and why, through gateway and function on real parts."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

from pacs.archive.storing import store_instance
from pacs.dicomweb.multipart import Part, related
from pacs.dicomweb.native_reading import read_native
from pacs.people.scope import Scope
from tests.robustness.odd_files import POLYGLOTS

Sample = Callable[[str], bytes]
JSON = "application/dicom+json"


def parts_of(*parts: Part[bytes]) -> bytes:
    return b"".join(related(parts, boundary="b"))


def stow(
    clinic: Any, body: bytes, content_type: str, *, path: str = "/studies", scope: Scope | None = None, accept: str = ""
) -> Any:
    audience = "launch" if scope and scope.role == "launch" else "session"
    headers = {**clinic.bearer(scope, audience), "Content-Type": content_type}
    if accept:
        headers["Accept"] = accept
    return clinic.client.post(f"/dicomweb{path}", content=body, headers=headers)


def stow_files(clinic: Any, *files: bytes, **options: Any) -> Any:
    body = parts_of(*(Part(each, "application/dicom") for each in files))
    return stow(clinic, body, 'multipart/related; type="application/dicom"; boundary=b', **options)


def failures(answer: Any) -> list[int]:
    told = Dataset.from_json(answer.json())
    return [item.FailureReason for item in told.get("FailedSOPSequence", [])]


def announcing(part10: bytes, **meta: str) -> bytes:
    """The same dataset under a file meta that says something else."""
    dataset = dcmread(BytesIO(part10))
    for keyword, value in meta.items():
        setattr(dataset.file_meta, keyword, value)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_single_part_is_stored(clinic: Any, sample: Sample) -> None:
    answer = stow(clinic, sample("CT_small.dcm"), "application/dicom")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


def test_an_instance_that_is_not_what_its_file_meta_says_is_stored_with_a_warning(clinic: Any, sample: Sample) -> None:
    answer = stow_files(clinic, announcing(sample("CT_small.dcm"), MediaStorageSOPInstanceUID="1.2.3"))
    assert answer.status_code == 202
    (item,) = Dataset.from_json(answer.json()).ReferencedSOPSequence
    assert item.WarningReason == 0xB007


def test_an_instance_that_replaces_other_bytes_is_stored_without_one(clinic: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    stow_files(clinic, body)
    newer = dcmread(BytesIO(body))
    newer.PatientComments = "seen"
    buffer = BytesIO()
    newer.save_as(buffer)
    answer = stow_files(clinic, buffer.getvalue())
    assert answer.status_code == 200
    (key,) = [info.key for info in clinic.services.originals.scan()]
    assert clinic.services.originals.get(key)[1] == buffer.getvalue()
    assert len(clinic.services.originals.versions(key)) == 2


def test_an_instance_that_ends_in_its_header_is_refused_and_hides_no_older_version(clinic: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    stow_files(clinic, body)
    cut = body[: body.index(b"\xe0\x7f\x10\x00") - 3]
    answer = stow_files(clinic, cut)
    assert answer.status_code == 409
    (item,) = Dataset.from_json(answer.json()).OtherFailuresSequence
    assert item.FailureReason == 0xC000
    (key,) = [info.key for info in clinic.services.originals.scan()]
    assert len(clinic.services.originals.versions(key)) == 1


def test_a_link_stores_into_its_own_studies_alone(clinic: Any, sample: Sample) -> None:
    ct, mr = sample("CT_small.dcm"), sample("MR_small.dcm")
    study = str(dcmread(BytesIO(ct)).StudyInstanceUID)
    answer = stow_files(clinic, ct, mr, scope=Scope(clinic.made.organization_id, "launch", studies=(study,)))
    assert (answer.status_code, failures(answer)) == (202, [0x0124])
    assert [info.key.split("/")[1] for info in clinic.services.originals.scan()] == [study]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", JSON, f"image/jpeg, {JSON};q=0.1"])
def test_the_answer_is_json(clinic: Any, sample: Sample, accept: str) -> None:
    answer = stow_files(clinic, sample("CT_small.dcm"), accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)


def test_the_answer_is_xml_for_those_who_ask(clinic: Any, sample: Sample) -> None:
    answer = stow_files(clinic, sample("CT_small.dcm"), b"no instance", accept="application/dicom+xml")
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/dicom+xml")
    told = Dataset.from_json(read_native(answer.content))
    assert [item.FailureReason for item in told.OtherFailuresSequence] == [0xC000]
    assert len(told.ReferencedSOPSequence) == 1


@pytest.mark.parametrize(
    ("preamble", "kept"),
    [
        (bytes(128), True),
        (b"II*\0" + b"\1" * 124, True),
        (b"MM\0*" + b"\1" * 124, True),
        *((each, False) for each in POLYGLOTS.values()),
    ],
)
def test_a_preamble_that_is_not_known_to_be_harmless_is_zeroed(
    clinic: Any, sample: Sample, preamble: bytes, kept: bool
) -> None:
    body = preamble + sample("CT_small.dcm")[128:]
    stow_files(clinic, body)
    clinic.index()
    dataset = dcmread(BytesIO(body))
    path = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
    assert clinic.get(path).content == (preamble if kept else bytes(128)) + body[128:]
    assert stow_files(clinic, body).status_code == 200
    (key,) = [info.key for info in clinic.services.originals.scan()]
    assert len(clinic.services.originals.versions(key)) == 1


def test_a_preamble_in_a_file_is_zeroed_too(clinic: Any, sample: Sample, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"#!/bin/sh" + bytes(119) + sample("CT_small.dcm")[128:])
    assert store_instance(clinic.services, clinic.scope, file).error is None
    (key,) = [info.key for info in clinic.services.originals.scan()]
    assert clinic.services.originals.read(key, 0, 132) == bytes(128) + b"DICM"


def test_an_answer_that_cannot_be_given_is_refused_before_anything_is_stored(clinic: Any, sample: Sample) -> None:
    answer = stow_files(clinic, sample("CT_small.dcm"), accept="text/html")
    assert (answer.status_code, answer.json()["field"]) == (406, "Accept")
    assert JSON in answer.json()["message"]
    assert not list(clinic.services.originals.scan())


def test_a_request_without_an_instance_is_a_bad_one(clinic: Any) -> None:
    assert stow(clinic, b"", "application/dicom").status_code == 409
    assert stow(clinic, b"--b--\r\n", 'multipart/related; type="application/dicom"; boundary=b').status_code == 400


def document_of(part10: bytes, bulk: str = "") -> tuple[dict[str, Any], bytes]:
    """A file as its metadata, whose pixel data is given by a URI, and the pixel data."""
    dataset = dcmread(BytesIO(part10))
    pixels = bytes(dataset.PixelData)
    del dataset.PixelData
    document: dict[str, Any] = dataset.to_json_dict()
    document["7FE00010"] = {"vr": "OW", "BulkDataURI": bulk}
    return document, pixels


def stow_metadata(clinic: Any, metadata: bytes, *bulk: Part[bytes], kind: str = JSON, **options: Any) -> Any:
    body = parts_of(Part(metadata, kind), *bulk)
    return stow(clinic, body, f'multipart/related; type="{kind}"; boundary=b', **options)


def stored_dataset(clinic: Any) -> Any:
    (key,) = [info.key for info in clinic.services.originals.scan()]
    return dcmread(BytesIO(clinic.services.originals.get(key)[1]))


def without_groups(part10: bytes) -> Dataset:
    dataset = dcmread(BytesIO(part10))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    return Dataset({each.tag: each for each in dataset if each.tag.element})


@pytest.mark.parametrize("kind", [JSON, "application/dicom+xml"])
def test_metadata_with_bulk_data_becomes_an_instance(clinic: Any, sample: Sample, kind: str) -> None:
    part10 = sample("CT_small.dcm")
    document, pixels = document_of(part10, "bulk/1")
    metadata = orjson.dumps([document]) if kind == JSON else native(document).encode()
    answer = stow_metadata(clinic, metadata, Part(pixels, "application/octet-stream", "bulk/1"), kind=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    stored, sent = stored_dataset(clinic), without_groups(part10)
    assert {each.tag: each.value for each in stored if each.VR != "OB"} == {
        each.tag: each.value for each in sent if each.VR != "OB"
    }
    clinic.index()
    assert clinic.get(f"/studies/{stored.StudyInstanceUID}/metadata").status_code == 200


def native(document: dict[str, Any]) -> str:
    """The Native DICOM Model of a document without private creators' names."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="x">{attributes(document)}</NativeDicomModel>'
    )


def attributes(document: dict[str, Any]) -> str:
    return "".join(
        f'<DicomAttribute tag="{tag}" vr="{each["vr"]}">{content(each)}</DicomAttribute>'
        for tag, each in document.items()
    )


def content(attribute: dict[str, Any]) -> str:
    if "BulkDataURI" in attribute:
        return f'<BulkData uri="{attribute["BulkDataURI"]}"/>'
    if "InlineBinary" in attribute:
        return f"<InlineBinary>\n{attribute['InlineBinary']}\n</InlineBinary>"
    return "".join(numbered(number, value) for number, value in enumerate(attribute.get("Value", []), 1))


def numbered(number: int, value: Any) -> str:
    if isinstance(value, dict) and "Alphabetic" in value:
        family, _, given = value["Alphabetic"].partition("^")
        parts = f"<FamilyName>{family}</FamilyName><GivenName>{given}</GivenName>"
        return f'<PersonName number="{number}"><Alphabetic>{parts}</Alphabetic></PersonName>'
    if isinstance(value, dict):
        return f'<Item number="{number}">{attributes(value)}</Item>'
    return f'<Value number="{number}">{"" if value is None else escape(str(value))}</Value>'


@pytest.mark.parametrize(
    ("file", "content_type", "syntax"),
    [
        ("JPEG2000.dcm", "image/jp2", "1.2.840.10008.1.2.4.90"),
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls", "1.2.840.10008.1.2.4.80"),
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("JPEG2000.dcm", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.91"),
    ],
)
def test_compressed_frames_come_as_parts_of_their_own(
    clinic: Any, sample: Sample, file: str, content_type: str, syntax: str
) -> None:
    part10 = sample(file)
    document, encapsulated = document_of(part10, "frames")
    number = int(document.get("00280008", {"Value": [1]})["Value"][0])
    frames = list(generate_frames(encapsulated, number_of_frames=number))
    answer = stow_metadata(clinic, orjson.dumps(document), *(Part(each, content_type, "frames") for each in frames))
    assert answer.status_code == 200
    stored = stored_dataset(clinic)
    assert stored.file_meta.TransferSyntaxUID == syntax
    assert list(generate_frames(stored.PixelData, number_of_frames=number)) == [
        each + b"\0" * (len(each) % 2) for each in frames
    ]


CT = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
}


@pytest.mark.parametrize(
    ("change", "reason", "problem"),
    [
        ({"7FE00010": {"vr": "OW", "BulkDataURI": "gone"}}, 0xC000, "no part has the Content-Location"),
        ({"00420011": {"vr": "OB", "BulkDataURI": "gone"}}, 0xC000, "00420011: no part has"),
        ({"00420011": {"vr": "OB", "InlineBinary": "%"}}, 0xC000, "00420011: InlineBinary is not base64"),
        ({"00280010": {"vr": "US", "Value": [70000]}}, 0xC000, "00280010: a value does not fit the VR US"),
        ({"00280010": {"vr": "U?", "Value": [7]}}, 0xC000, "00280010: the VR is missing or unknown"),
        ({"00280010": {"Value": [7]}}, 0xC000, "00280010: the VR is missing or unknown"),
        ({"00280010": 7}, 0xC000, "00280010: the VR is missing or unknown"),
        ({"Rows": {"vr": "US", "Value": [7]}}, 0xC000, "the dataset holds a name that is no tag"),
        (
            {"00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": [7]}}]}},
            0xC000,
            "00400275/0/00400009:",
        ),
        ({"00400275": {"vr": "SQ", "Value": ["x"]}}, 0xC000, "00400275: an item must be an object"),
        ({"00080018": {"vr": "UI"}}, 0xC000, "SOPInstanceUID is missing"),
        (
            {
                "7FE00010": {"vr": "OW", "InlineBinary": "AAAA"},
                "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.2"]},
            },
            0xC122,
            "7FE00010: the transfer syntax is missing or unknown",
        ),
        (
            {
                "7FE00010": {"vr": "OB", "InlineBinary": "AAAA"},
                "00280008": {"vr": "IS", "Value": [2]},
                "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]},
            },
            0xC000,
            "7FE00010: 2 parts are needed, 1 came",
        ),
    ],
)
def test_metadata_that_makes_no_instance_is_refused_by_name(
    clinic: Any, change: dict[str, Any], reason: int, problem: str
) -> None:
    good = {**CT, "00080018": {"vr": "UI", "Value": ["1.2.3.5"]}}
    answer = stow_metadata(clinic, orjson.dumps([good, {**CT, **change}]))
    assert answer.status_code == 202
    told = answer.json()
    (failed,) = (told.get("00081198") or told.get("0008119A"))["Value"]
    assert failed["00081197"]["Value"] == [reason]
    assert failed["00000902"]["Value"][0].startswith(problem)
    assert len(list(clinic.services.originals.scan())) == 1


BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<NativeDicomModel>
<DicomAttribute tag="00100010" vr="LO"><Value number="1">&c;</Value></DicomAttribute>
</NativeDicomModel>
"""


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[7]", JSON),
        (b"[" * 100_000, JSON),
        (b"", "application/dicom+xml"),
        (b"<a/>", "application/dicom+xml"),
        (b"<a" * 9, "application/dicom+xml"),
        (b"<a>" * 10_000, "application/dicom+xml"),
        (BILLION_LAUGHS, "application/dicom+xml"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><NativeDicomModel/>', "application/dicom+xml"),
        (b'<?xml version="1.0" encoding="nonsense"?><NativeDicomModel/>', "application/dicom+xml"),
    ],
)
def test_metadata_that_is_none_is_a_bad_request(clinic: Any, metadata: bytes, kind: str) -> None:
    answer = stow_metadata(clinic, metadata, kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_bulk_data_must_say_where_it_belongs(clinic: Any) -> None:
    answer = stow_metadata(clinic, orjson.dumps([CT]), Part(b"x", "application/octet-stream"))
    assert (answer.status_code, answer.json()["field"]) == (400, "Content-Location")


def test_metadata_alone_is_an_instance_too(clinic: Any) -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"00400275": {"vr": "SQ", "Value": [deep]}}
    assert stow(clinic, orjson.dumps({**CT, **deep}), JSON).status_code == 200
    assert stored_dataset(clinic).StudyInstanceUID == "1.2"
