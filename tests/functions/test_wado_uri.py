"""WADO-URI: what clients from before DICOMweb ask for."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

Sample = Callable[[str], bytes]


def ask(clinic: Any, stored: Any, **parameters: str) -> Any:
    query = {
        "requestType": "WADO",
        "studyUID": stored.study,
        "seriesUID": stored.series,
        "objectUID": stored.sop_instance_uid,
        **parameters,
    }
    return clinic.client.get("/wado", params=query, headers=clinic.bearer(), follow_redirects=False)


@pytest.fixture
def ct(clinic: Any, sample: Sample) -> Any:
    return clinic.add(sample("CT_small.dcm"))


def test_a_picture_when_nothing_is_said(clinic: Any, ct: Any) -> None:
    answer = ask(clinic, ct)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(answer.content)).size == (128, 128)
    again = clinic.client.get(answer.url, headers={**clinic.bearer(), "If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({"rows": "64"}, (64, 64)),
        ({"columns": "32"}, (32, 32)),
        ({"rows": "64", "columns": "32"}, (32, 32)),
        ({"region": "0,0,0.5,0.25"}, (64, 32)),
        ({"windowCenter": "40", "windowWidth": "400", "imageQuality": "50", "frameNumber": "1"}, (128, 128)),
        ({"imageAnnotation": "patient,technique", "charset": "utf-8"}, (128, 128)),
    ],
)
def test_how_a_picture_looks(clinic: Any, ct: Any, parameters: dict[str, str], size: tuple[int, int]) -> None:
    answer = ask(clinic, ct, contentType="image/png", **parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(BytesIO(answer.content)).size == size


def test_the_file_as_stored_and_in_another_syntax(clinic: Any, ct: Any, sample: Sample) -> None:
    body = sample("CT_small.dcm")
    assert ask(clinic, ct, contentType="application/dicom").content == body
    for parameters in ({"contentType": "application/dicom"}, {}):
        answer = ask(clinic, ct, transferSyntax="1.2.840.10008.1.2.5", **parameters)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
        dataset = dcmread(BytesIO(answer.content))
        assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
        np.testing.assert_array_equal(pixel_array(dataset), pixel_array(BytesIO(body)))


def test_frames_of_a_film(clinic: Any, sample: Sample) -> None:
    film = clinic.add(sample("examples_ybr_color.dcm"))
    assert ask(clinic, film, frameNumber="1").content != ask(clinic, film, frameNumber="30").content
    assert ask(clinic, film, frameNumber="31").json()["field"] == "frameNumber"
    moving = Image.open(BytesIO(ask(clinic, film, contentType="image/gif", columns="32").content))
    assert moving.n_frames > 20  # type: ignore[attr-defined]


def test_what_has_no_picture_is_a_file(clinic: Any, sample: Sample) -> None:
    report = clinic.add(sample("reportsi.dcm"))
    assert ask(clinic, report).content == sample("reportsi.dcm")
    assert ask(clinic, report, contentType="image/jpeg").status_code == 406


@pytest.mark.parametrize(
    ("parameters", "status", "field"),
    [
        ({"requestType": "WMS"}, 400, "requestType"),
        ({"studyUID": ""}, 400, "studyUID"),
        ({"objectUID": "../1"}, 400, "objectUID"),
        ({"anonymize": "yes"}, 406, "anonymize"),
        ({"presentationUID": "1.2.3"}, 406, "presentationUID"),
        ({"contentType": "text/html"}, 406, "Accept"),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.81"}, 406, "Accept"),
        ({"windowCenter": "40"}, 400, "windowWidth"),
        ({"windowCenter": "40", "windowWidth": "9", "contentType": "application/dicom"}, 400, "windowCenter"),
        ({"annotation": ""}, 400, "annotation"),
        ({"rows": "0"}, 400, "rows"),
        ({"columns": "a"}, 400, "columns"),
        ({"imageQuality": "101"}, 400, "imageQuality"),
        ({"frameNumber": "99999999999"}, 400, "frameNumber"),
        ({"region": "0,0,1"}, 400, "region"),
        ({"region": "0.5,0,0.5,1"}, 400, "region"),
        ({"objectUID": "1.2.3"}, 404, None),
    ],
)
def test_refusals_name_the_parameter(
    clinic: Any, ct: Any, parameters: dict[str, str], status: int, field: str | None
) -> None:
    answer = ask(clinic, ct, **parameters)
    assert (answer.status_code, answer.json().get("field")) == (status, field)
