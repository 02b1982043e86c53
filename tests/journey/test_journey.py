"""From a real sender to a real client: dcmtk's storescu, dicomweb-client, and the bytes in between."""

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

from tests.journey.archive import AS_STORED, Archive, found_in, until, wait_until_found
from tests.journey.instances import ct_series, instance_of, video
from tests.journey.modality import storescu, write

STREAM = bytes(range(256)) * 64


@pytest.fixture(scope="module")
def browser(running: Archive) -> Iterator[httpx2.Client]:
    with running.browser() as browser:
        yield browser


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def value(document: dict[str, Any], tag: str) -> Any:
    return document[tag]["Value"][0]


def test_what_storescu_sent_is_found_at_every_level(running: Archive, ct: list[Dataset]) -> None:
    client = running.dicomweb()
    study, series, _ = uids(ct[0])
    (found,) = client.search_for_studies(search_filters={"StudyInstanceUID": study})
    assert value(found, "00201208") == len(ct)
    assert value(found, "00100010") == {"Alphabetic": "CompressedSamples^CT1"}
    assert value(found, "00080061") == "CT"
    by_name = client.search_for_studies(search_filters={"PatientName": "compressed*", "StudyDate": "20040119"})
    assert study in [value(each, "0020000D") for each in by_name]
    (found,) = client.search_for_series(study, search_filters={"Modality": "CT"})
    assert (value(found, "0020000E"), value(found, "00201209")) == (series, len(ct))
    instances = client.search_for_instances(study, series)
    assert [value(each, "00080018") for each in instances] == [each.SOPInstanceUID for each in ct]
    assert client.search_for_studies(search_filters={"StudyInstanceUID": "1.2.3"}) == []


def test_an_instance_comes_back_as_it_was_sent(running: Archive, browser: httpx2.Client, ct: list[Dataset]) -> None:
    client = running.dicomweb()
    assert client.retrieve_instance(*uids(ct[0])) == ct[0]
    assert {each.SOPInstanceUID for each in client.retrieve_series(*uids(ct[0])[:2])} == {
        each.SOPInstanceUID for each in ct
    }
    instance = instance_of(ct[0])
    whole = browser.get(instance.path, headers=AS_STORED)
    assert whole.content == instance.part10
    part = browser.get(instance.path, headers={**AS_STORED, "Range": "bytes=128-131"})
    assert (part.status_code, part.content) == (206, b"DICM")
    assert part.headers["Content-Range"] == f"bytes 128-131/{len(whole.content)}"
    head = browser.head(instance.path, headers=AS_STORED)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.content))
    again = browser.get(instance.path, headers={**AS_STORED, "If-None-Match": head.headers["ETag"]})
    assert again.status_code == 304


def bulk(browser: httpx2.Client, uri: str) -> bytes:
    return browser.get(uri).content


def test_metadata_and_frames_are_the_datasets(running: Archive, browser: httpx2.Client, ct: list[Dataset]) -> None:
    client = running.dicomweb()
    documents = client.retrieve_series_metadata(*uids(ct[0])[:2])
    found = {value(each, "00080018"): each for each in documents}
    for dataset in ct:
        document = Dataset.from_json(found[dataset.SOPInstanceUID], lambda _tag, _vr, uri: bulk(browser, uri))
        assert document.SpecificCharacterSet == "ISO_IR 192"
        for element in dataset:
            if element.keyword not in ("PixelData", "SpecificCharacterSet"):
                assert document[element.tag] == element
        assert client.retrieve_instance_frames(*uids(dataset), frame_numbers=[1]) == [dataset.PixelData]


def test_pictures_are_drawn(running: Archive, browser: httpx2.Client, ct: list[Dataset]) -> None:
    client = running.dicomweb()
    levels = []
    for dataset in ct[:2]:
        drawn = client.retrieve_instance_rendered(*uids(dataset), media_types=("image/png",))
        picture = np.asarray(Image.open(BytesIO(drawn)).convert("L"))
        assert picture.shape == (dataset.Rows, dataset.Columns)
        assert len(np.unique(picture)) > 40
        levels.append(picture)
    assert not np.array_equal(levels[0], levels[1])
    thumbnail = browser.get(instance_of(ct[0]).path + "/thumbnail")
    assert thumbnail.headers["Content-Type"] == "image/jpeg"
    assert Image.open(BytesIO(thumbnail.content)).size <= (256, 256)


def test_a_study_stored_over_the_web_is_found(running: Archive, browser: httpx2.Client) -> None:
    series = ct_series(2, 2)
    answer = running.dicomweb().store_instances(series)
    assert [each.ReferencedSOPInstanceUID for each in answer.ReferencedSOPSequence] == [
        each.SOPInstanceUID for each in series
    ]
    expected = {each.SOPInstanceUID for each in series}
    until(lambda: found_in(browser, series[0].StudyInstanceUID) == expected, "not found", within_s=30)
    assert running.dicomweb().retrieve_instance(*uids(series[1])) == series[1]


def test_nothing_is_told_without_a_token(running: Archive, ct: list[Dataset]) -> None:
    with running.browser(signed_in=False) as stranger:
        for path in ("/dicomweb/studies", instance_of(ct[0]).path, instance_of(ct[0]).path + "/frames/1"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_multi_frame_ultrasound_gives_each_frame(running: Archive, ultrasound: Dataset) -> None:
    client = running.dicomweb()
    (document,) = client.search_for_instances(*uids(ultrasound)[:2])
    assert value(document, "00280008") == ultrasound.NumberOfFrames
    numbers = list(range(1, ultrasound.NumberOfFrames + 1))
    frames = client.retrieve_instance_frames(*uids(ultrasound), frame_numbers=numbers)
    assert frames == list(generate_frames(ultrasound.PixelData, number_of_frames=len(numbers)))


def test_a_video_plays_with_the_cookie_of_its_launch_alone(running: Archive, tmp_path: Path) -> None:
    dataset = video(STREAM)
    storescu(running, write(tmp_path, [dataset]), "--propose-mpeg4", "--required")
    wait_until_found(running, dataset.StudyInstanceUID, within_s=30)
    link = httpx2.URL(running.launch(dataset.StudyInstanceUID))
    path = instance_of(dataset).path + "/rendered"
    with running.browser(signed_in=False) as player:
        assert player.get(path).status_code == 401
        opened = player.post("/ohif/session", headers={"Authorization": f"Bearer {link.params['token']}"})
        assert opened.status_code == 204
        whole = player.get(path, headers={"Range": "bytes=0-"})
        assert (whole.status_code, whole.headers["Content-Type"], whole.content) == (206, "video/mp4", STREAM)
        part = player.get(path, headers={"Range": "bytes=256-511"})
        assert (part.status_code, part.content) == (206, STREAM[256:512])
        beyond = player.get(path, headers={"Range": f"bytes={len(STREAM)}-"})
        assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")


def test_what_dcmtk_reads_back_is_what_it_sent(
    running: Archive, browser: httpx2.Client, ct: list[Dataset], tmp_path: Path
) -> None:
    file = tmp_path / "back.dcm"
    file.write_bytes(browser.get(instance_of(ct[2]).path, headers=AS_STORED).content)
    done = subprocess.run(["dcmdump", "+P", "SOPInstanceUID", str(file)], capture_output=True, text=True, check=True)
    assert ct[2].SOPInstanceUID in done.stdout
    assert dcmread(file).PixelData == ct[2].PixelData
