"""The indexer makes the frames of small images that it has read whole; the deriver is left the others."""

import json
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs.archive.deriving import derive_instances
from pacs.archive.indexing import index_objects
from pacs.archive.lookup import Level
from pacs.archive.trash import delete_instances


def stored(archive: Any, name: str, pixels: bytes = b"") -> Any:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    dataset, out = dcmread(path), BytesIO()
    if pixels:
        dataset.PixelData = pixels
    dataset.save_as(out)
    return archive.store(out.getvalue())


def index(archive: Any) -> list[dict[str, Any]]:
    """Index everything as the store's events name it; returns what was told of each instance."""
    archive.queue.sent.clear()
    sizes = {info.key: info.size_bytes for info in archive.originals.scan()}
    assert index_objects(archive, list(sizes), sizes) == {}
    return [each if isinstance(each, dict) else json.loads(each) for each in archive.queue.sent["instance-indexed"]]


def frames(archive: Any) -> dict[str, bytes]:
    return {info.key: archive.derived.get(info.key)[1] for info in archive.derived.scan("frames/")}


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm"])
def test_frames_are_what_the_deriver_makes(archive: Any, name: str) -> None:
    stored(archive, name)
    (event,) = index(archive)
    assert event["FramesReady"]
    ready = frames(archive)
    assert ready
    archive.derived.delete_prefix("frames/")
    assert derive_instances(archive, [event]) == {}
    assert frames(archive) == {}
    assert derive_instances(archive, [event | {"FramesReady": False}]) == {}
    assert frames(archive) == ready


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "SC_ybr_full_422_uncompressed.dcm", "rtplan.dcm"])
def test_what_needs_a_second_look_is_left_to_the_deriver(archive: Any, name: str) -> None:
    stored(archive, name)
    (event,) = index(archive)
    assert not event["FramesReady"]
    assert frames(archive) == {}


def test_of_a_replaced_instance_the_newer_pictures_are_shown(archive: Any) -> None:
    stored(archive, "CT_small.dcm")
    index(archive)
    before = frames(archive)
    pixels = dcmread(get_testdata_file("CT_small.dcm", download=False)).PixelData  # type: ignore[arg-type]
    stored(archive, "CT_small.dcm", pixels=bytes(len(pixels)))
    assert index(archive)[0]["FramesReady"]
    assert frames(archive).keys() == before.keys()
    assert frames(archive) != before


def test_of_an_instance_that_is_deleted_meanwhile_nothing_is_left(
    archive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = stored(archive, "CT_small.dcm")
    write = archive.derived.put

    def put(key: str, *arguments: Any, **options: Any) -> Any:
        if key.startswith("frames/"):
            level = Level(instance.study, instance.series, instance.sop_instance_uid)
            delete_instances(archive, archive.scope, level)
        return write(key, *arguments, **options)

    monkeypatch.setattr(archive.derived, "put", put)
    index(archive)
    assert frames(archive) == {}
