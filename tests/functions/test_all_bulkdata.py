"""All bulk data, and all pixel data, of an instance, a series and a study: each value a part at its own address."""

from collections.abc import Callable
from email.parser import BytesParser
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

Sample = Callable[[str], bytes]
OCTETS = "application/octet-stream"
EXPLICIT, JPEG_2000 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
MULTIPART = f'multipart/related; type="{OCTETS}"'
CT_STUDY = "/studies/1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"


def parts_of(answer: Any) -> dict[str, tuple[str, bytes]]:
    """Location → type and content of each part."""
    assert answer.status_code == 200, answer.content
    assert answer.headers["content-type"].startswith(f'multipart/related; type="{OCTETS}"; boundary=')
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts: Any = BytesParser().parsebytes(head + answer.content).get_payload()
    return {each["Content-Location"]: (each["Content-Type"], each.get_payload(decode=True)) for each in parts}


def path_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"


def uris(value: Any) -> list[str]:
    """Every BulkDataURI of a piece of metadata."""
    if isinstance(value, dict):
        own = [value["BulkDataURI"]] if "BulkDataURI" in value else []
        return own + [uri for each in value.values() for uri in uris(each)]
    return [uri for each in value for uri in uris(each)] if isinstance(value, list) else []


def with_document(body: bytes) -> bytes:
    """An image that has long values beside its pixels, one of them within a sequence."""
    dataset = dcmread(BytesIO(body))
    dataset.ICCProfile = bytes(range(256)) * 8
    dataset.OtherPatientIDsSequence = [dcmread(BytesIO(body), specific_tags=["PatientID"])]
    dataset.OtherPatientIDsSequence[0].EncapsulatedDocument = b"%PDF" * 700
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("levels", [2, 4, 6], ids=["study", "series", "instance"])
def test_every_value_that_metadata_point_at_comes_under_its_uri(clinic: Any, sample: Sample, levels: int) -> None:
    stored = clinic.add(with_document(sample("CT_small.dcm")))
    path = "/".join(path_of(stored).split("/")[: levels + 1])
    pointed_at = uris(clinic.get(path + "/metadata").json())
    assert len(pointed_at) >= 3
    parts = parts_of(clinic.get(path + "/bulkdata", Accept=MULTIPART))
    assert sorted(parts) == sorted(pointed_at)
    for uri, (content_type, content) in parts.items():
        assert content_type == OCTETS
        assert content == clinic.get(uri.removeprefix("/dicomweb")).content
    assert list(parts_of(clinic.get(path + "/pixeldata"))) == [uri for uri in pointed_at if "7FE00010" in uri]


def test_compressed_pixels_come_frame_by_frame(clinic: Any, sample: Sample) -> None:
    original = sample("examples_jpeg2k.dcm")
    path = path_of(clinic.add(original))
    kept = parts_of(clinic.get(f"{path}/pixeldata", Accept=f"{MULTIPART}; transfer-syntax=*"))
    frames = list(generate_frames(dcmread(BytesIO(original)).PixelData, number_of_frames=1))
    assert kept == {f"/dicomweb{path}/frames/1": (f"{OCTETS}; transfer-syntax={JPEG_2000}", frames[0])}
    decoded = parts_of(clinic.get(f"{path}/pixeldata", Accept=f"{MULTIPART}; transfer-syntax={EXPLICIT}"))
    ((content_type, content),) = decoded.values()
    assert content_type == f"{OCTETS}; transfer-syntax={EXPLICIT}"
    assert len(content) == dcmread(BytesIO(original)).pixel_array.nbytes


def test_a_study_of_several_syntaxes_comes_as_it_is_stored(clinic: Any, sample: Sample) -> None:
    bodies = [sample("CT_small.dcm"), sample("examples_jpeg2k.dcm")]
    study = dcmread(BytesIO(bodies[0])).StudyInstanceUID
    for body in bodies:
        dataset = dcmread(BytesIO(body))
        dataset.StudyInstanceUID = study
        out = BytesIO()
        dataset.save_as(out)
        clinic.add(out.getvalue())
    types = {each for each, _ in parts_of(clinic.get(f"{CT_STUDY}/pixeldata")).values()}
    assert types == {OCTETS, f"{OCTETS}; transfer-syntax={JPEG_2000}"}


def test_what_has_none_is_not_found_and_what_cannot_be_made_refused(clinic: Any, sample: Sample) -> None:
    report = path_of(clinic.add(sample("reportsi.dcm")))
    for kind in ("bulkdata", "pixeldata"):
        assert clinic.get(f"{report}/{kind}").status_code == 404
        assert clinic.get(f"/studies/1.2.3/{kind}").status_code == 404
    image = path_of(clinic.add(sample("CT_small.dcm")))
    assert clinic.get(f"{image}/pixeldata", Accept="image/jpeg").status_code == 406
    known = clinic.get(f"{image}/pixeldata").headers["etag"]
    assert clinic.get(f"{image}/pixeldata", **{"If-None-Match": known}).status_code == 304
    head = clinic.client.head(f"/dicomweb{image}/pixeldata", headers=clinic.bearer())
    assert int(head.headers["content-length"]) == len(clinic.get(f"{image}/pixeldata").content)


def test_frames_of_a_list_tell_which_they_are(clinic: Any, sample: Sample) -> None:
    path = path_of(clinic.add(sample("rtdose.dcm")))
    parts = parts_of(clinic.get(f"{path}/frames/3,1", Accept=MULTIPART))
    assert list(parts) == [f"/dicomweb{path}/frames/3", f"/dicomweb{path}/frames/1"]
