"""Instances and frames come in the transfer syntax that Accept names, or the answer tells which there are."""

from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

Sample = Callable[[str], bytes]
EXPLICIT, DEFLATED, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG_2000_PART_2 = "1.2.840.10008.1.2.4.92"
IMPLICIT, JPEG_2000 = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.90"
JPEG_LS, NEAR_LOSSLESS = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"


def path_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"


def parts_of(answer: Any) -> list[tuple[str, bytes]]:
    """Content type and body of each part."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + answer.content)
    parts: list[Message] = message.get_payload()  # type: ignore[assignment]
    return [(each["Content-Type"], each.get_payload(decode=True)) for each in parts]  # type: ignore[misc]


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED, RLE, JPEG_LS, JPEG_2000])
def test_an_instance_in_another_syntax(clinic: Any, sample: Sample, syntax: str) -> None:
    body = sample("MR_small_implicit.dcm")
    path = path_of(clinic.add(body))
    answer = clinic.get(path, Accept=f'application/dicom; transfer-syntax="{syntax}"')
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    dataset = dcmread(BytesIO(answer.content))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(pixel_array(dataset), pixel_array(BytesIO(body)))
    assert answer.headers["etag"] != clinic.get(path).headers["etag"]
    part = clinic.get(path, Accept=f"application/dicom; transfer-syntax={syntax}", Range="bytes=128-131")
    assert (part.status_code, part.content) == (206, b"DICM")


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/dicom",
        "application/dicom; transfer-syntax=*",
        f"application/dicom; transfer-syntax={IMPLICIT}",
        f"application/dicom; transfer-syntax={RLE}; q=0.5, application/dicom; transfer-syntax=*",
    ],
)
def test_as_stored_unless_something_else_is_liked_better(clinic: Any, sample: Sample, accept: str) -> None:
    body = sample("MR_small_implicit.dcm")
    assert clinic.get(path_of(clinic.add(body)), Accept=accept).content == body


def test_a_study_of_several_syntaxes_in_one(clinic: Any, sample: Sample) -> None:
    first = clinic.add(sample("MR_small.dcm"))
    other = dcmread(BytesIO(sample("MR_small_RLE.dcm")))
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID + ".1"
    out = BytesIO()
    other.save_as(out)
    assert clinic.add(out.getvalue()).study == first.study
    kind = 'multipart/related; type="application/dicom"'
    stored = parts_of(clinic.get(f"/studies/{first.study}", Accept=kind))
    assert {body for _, body in stored} == {sample("MR_small.dcm"), out.getvalue()}
    assert {kind.rpartition("=")[2] for kind, _ in stored} == {EXPLICIT, RLE}
    changed = parts_of(clinic.get(f"/studies/{first.study}", Accept=f"{kind}; transfer-syntax={EXPLICIT}"))
    assert [kind for kind, _ in changed] == [f"application/dicom; transfer-syntax={EXPLICIT}"] * 2
    assert sample("MR_small.dcm") in {body for _, body in changed}
    for _, body in changed:
        np.testing.assert_array_equal(pixel_array(BytesIO(body)), pixel_array(BytesIO(sample("MR_small.dcm"))))


def test_what_is_not_to_be_had_is_refused_with_what_is(clinic: Any, sample: Sample) -> None:
    path = path_of(clinic.add(sample("MR_small_implicit.dcm")))
    for kind, address in (("application/dicom", path), ("application/octet-stream", f"{path}/frames/1")):
        refused = clinic.get(address, Accept=f"{kind}; transfer-syntax={NEAR_LOSSLESS}")
        assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")
        for syntax in (IMPLICIT, EXPLICIT, RLE, JPEG_LS, JPEG_2000):
            assert f"{kind}; transfer-syntax={syntax}" in refused.json()["message"]
    report = path_of(clinic.add(sample("reportsi.dcm")))
    message = clinic.get(report, Accept=f"application/dicom; transfer-syntax={RLE}").json()["message"]
    assert DEFLATED in message and RLE not in message


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (f"application/octet-stream; transfer-syntax={RLE}", f"application/octet-stream; transfer-syntax={RLE}"),
        ("image/dicom-rle", f"image/dicom-rle; transfer-syntax={RLE}"),
        ("image/jls", f"image/jls; transfer-syntax={JPEG_LS}"),
        ("image/jp2", f"image/jp2; transfer-syntax={JPEG_2000}"),
    ],
)
def test_a_frame_encoded(clinic: Any, sample: Sample, accept: str, content_type: str) -> None:
    body = sample("CT_small.dcm")
    address = path_of(clinic.add(body)) + "/frames/1"
    answer = clinic.get(address, Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    syntax, dataset = content_type.rpartition("=")[2], dcmread(BytesIO(body))
    names = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
    options: dict[str, Any] = {"number_of_frames": 1, "photometric_interpretation": "MONOCHROME2"}
    options |= dict(
        zip(
            ("rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored", "pixel_representation"),
            (dataset[name].value for name in names),
            strict=True,
        )
    )
    decoded, _ = get_decoder(syntax).as_array(encapsulate([answer.content]), index=0, **options)
    np.testing.assert_array_equal(decoded, dataset.pixel_array)
    ((kind, part),) = parts_of(clinic.get(address, Accept=f'multipart/related; type="{accept.partition(";")[0]}"'))
    assert kind == content_type or kind.endswith(EXPLICIT)
    assert part == answer.content or kind.endswith(EXPLICIT)


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/jpx"])
def test_a_frame_that_viewers_cannot_decode_comes_as_stored_when_its_syntax_is_named(
    clinic: Any, sample: Sample, kind: str
) -> None:
    dataset = dcmread(BytesIO(sample("MR_small_jp2klossless.dcm")))
    dataset.file_meta.TransferSyntaxUID = UID(JPEG_2000_PART_2)
    out = BytesIO()
    dataset.save_as(out)
    address = path_of(clinic.add(out.getvalue())) + "/frames/1"
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    accept = f'multipart/related; type="{kind}"; transfer-syntax={JPEG_2000_PART_2}'
    for _ in range(2):
        assert parts_of(clinic.get(address, Accept=accept)) == [(f"{kind}; transfer-syntax={JPEG_2000_PART_2}", frame)]
        ((drawn, pixels),) = parts_of(clinic.get(address, Accept="*/*"))
        assert (drawn.rpartition("=")[2], len(pixels)) == (EXPLICIT, 64 * 64 * 2)
