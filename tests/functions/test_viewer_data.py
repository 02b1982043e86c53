"""Manifests for viewers without DICOMweb, and the files that these name."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pydicom
import pytest

from pacs.people.scope import Scope
from tests.functions.test_privacy import asking, claims, token_of


@pytest.fixture
def two(clinic: Any, sample: Callable[[str], bytes]) -> Any:
    return clinic.add(sample("CT_small.dcm")), clinic.add(sample("MR_small.dcm"))


def read(clinic: Any, path: str, **headers: str) -> Any:
    return clinic.client.get(f"/viewer-data{path}", headers={**clinic.bearer(), **headers}, follow_redirects=False)


def test_a_manifest_names_everything_by_keywords(clinic: Any, two: Any, sample: Callable[[str], bytes]) -> None:
    ct, _ = two
    [study] = read(clinic, f"/studies/{ct.study}").json()["studies"]
    original = pydicom.dcmread(BytesIO(sample("CT_small.dcm")))
    assert (study["StudyInstanceUID"], study["PatientName"]) == (ct.study, str(original.PatientName))
    assert (study["NumInstances"], study["Modalities"]) == (1, "CT")
    [series] = study["series"]
    [instance] = series["instances"]
    assert (series["SeriesInstanceUID"], series["Modality"]) == (ct.series, "CT")
    metadata = instance["metadata"]
    assert (metadata["Rows"], metadata["PixelSpacing"]) == (128, [0.661468, 0.661468])
    assert metadata["OtherPatientIDsSequence"][0]["TypeOfPatientID"] == "TEXT"
    assert "PixelData" not in metadata
    address = instance["url"].removeprefix("dicomweb:http://testserver")
    file = clinic.client.get(address, headers=clinic.bearer())
    assert file.content == sample("CT_small.dcm")


def test_a_session_opens_several_studies(clinic: Any, two: Any) -> None:
    named = ",".join(each.study for each in two)
    found = read(clinic, f"/ohif-session?StudyInstanceUIDs={named}").json()["studies"]
    assert [each["StudyInstanceUID"] for each in found] == [each.study for each in two]
    link = Scope(clinic.made.organization_id, "launch", studies=tuple(each.study for each in two))
    all_of_it = clinic.client.get("/viewer-data/ohif-session", headers=clinic.bearer(link, "launch"))
    assert len(all_of_it.json()["studies"]) == 2
    assert read(clinic, "/ohif-session").status_code == 400
    assert read(clinic, "/ohif-session?StudyInstanceUIDs=1.2.3").status_code == 404


def test_files_come_in_ranges_and_can_be_asked_for_first(clinic: Any, two: Any, sample: Callable[[str], bytes]) -> None:
    path = f"/instances/{two[0].sop_instance_uid}"
    body = sample("CT_small.dcm")
    part = read(clinic, path, Range="bytes=128-131")
    assert (part.status_code, part.content) == (206, b"DICM")
    head = clinic.client.head(f"/viewer-data{path}", headers=clinic.bearer())
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(body)), b"")
    assert read(clinic, "/instances/x").status_code == 400
    assert read(clinic, "/instances/1.2.3").status_code == 404


def test_links_with_privacy_name_nobody_here_either(clinic: Any, two: Any) -> None:
    token = token_of(clinic, two[0].study)
    [told] = claims(token)["studies"]
    answer = clinic.client.get(f"/viewer-data/studies/{told}", headers=asking(token))
    [study] = answer.json()["studies"]
    assert (study["StudyInstanceUID"], study["PatientName"]) == (told, "")
    [instance] = study["series"][0]["instances"]
    address = instance["url"].removeprefix("dicomweb:http://testserver")
    file = clinic.client.get(address, headers=asking(token))
    assert pydicom.dcmread(BytesIO(file.content)).SOPInstanceUID == instance["metadata"]["SOPInstanceUID"]
    part = clinic.client.get(address, headers=asking(token, Range="bytes=128-131"))
    assert (part.status_code, part.content) == (206, b"DICM")
    real = clinic.client.get(f"/viewer-data/instances/{two[0].sop_instance_uid}", headers=asking(token))
    assert real.status_code == 404
