"""What is made of an instance while it is replaced or deleted is not left behind."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41

from pacs.archive.deriving import derive_instances
from pacs.archive.frames import FrameReader, make_frame
from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.rendering import stored_video, thumbnail_of
from pacs.archive.trash import delete_instances
from pacs.errors import BeingReplaced, NotFound

Make = Callable[[Any, Instance], object]
MAKERS: dict[str, Make] = {
    "frame": lambda archive, instance: make_frame(archive, instance, FrameReader(archive, instance), 1),
    "thumbnail": thumbnail_of,
    "video": stored_video,
}


def body_of(kind: str, *, newer: bool = False) -> bytes:
    """A picture, or a video; and another version of it."""
    path = get_testdata_file("SC_rgb_small_odd.dcm", download=False)
    assert isinstance(path, str)
    dataset = dcmread(BytesIO(Path(path).read_bytes()))
    dataset.InstanceNumber = 2 if newer else 1
    if kind == "video":
        dataset.file_meta.TransferSyntaxUID = MPEG4HP41
        dataset.PixelData = encapsulate([bytes(100) + bytes([newer]) * 100])
        dataset["PixelData"].VR = "OB"
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def put(archive: Any, body: bytes) -> Instance:
    stored = archive.store(body)
    assert archive.index() == {}
    level = Level(stored.study, stored.series, stored.sop_instance_uid)
    return find_instances(archive.database, archive.scope, level)[0]


def meanwhile(archive: Any, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens once, just before the next picture is written."""
    write = archive.derived.put
    waiting = [happens]

    def put(key: str, *arguments: Any, **options: Any) -> Any:
        if waiting and not key.startswith("metadata/"):
            waiting.pop()()
        return write(key, *arguments, **options)

    monkeypatch.setattr(archive.derived, "put", put)


def left_of(archive: Any, instance: Instance) -> list[str]:
    """What lies in the derived store of an instance besides metadata."""
    return [info.key for info in archive.derived.scan() if instance.path.instance in info.key]


@pytest.mark.parametrize("kind", MAKERS)
def test_of_an_instance_that_is_deleted_meanwhile_nothing_is_left(
    archive: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    instance = put(archive, body_of(kind))
    path = instance.path
    level = Level(path.study, path.series, path.instance)
    meanwhile(archive, monkeypatch, lambda: delete_instances(archive, archive.scope, level))
    with pytest.raises(NotFound):
        MAKERS[kind](archive, instance)
    assert left_of(archive, instance) == []


@pytest.mark.parametrize("kind", MAKERS)
def test_of_an_instance_that_is_replaced_meanwhile_nothing_old_is_left(
    archive: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    instance = put(archive, body_of(kind))
    meanwhile(archive, monkeypatch, lambda: put(archive, body_of(kind, newer=True)))
    with pytest.raises(BeingReplaced):
        MAKERS[kind](archive, instance)
    assert left_of(archive, instance) == []


def test_a_video_is_not_cut_out_of_a_newer_version(archive: Any) -> None:
    instance = put(archive, body_of("video"))
    archive.store(body_of("video", newer=True))
    with pytest.raises(BeingReplaced):
        stored_video(archive, instance)
    assert left_of(archive, instance) == []


@pytest.mark.parametrize("newer", [False, True])
def test_the_deriver_takes_back_what_it_made_of_an_instance_that_went_meanwhile(
    archive: Any, monkeypatch: pytest.MonkeyPatch, newer: bool
) -> None:
    instance = put(archive, body_of("frame"))
    path = instance.path
    level = Level(path.study, path.series, path.instance)
    happens = (
        (lambda: put(archive, body_of("frame", newer=True)))
        if newer
        else (lambda: delete_instances(archive, archive.scope, level))
    )
    meanwhile(archive, monkeypatch, happens)
    assert derive_instances(archive, [{"FilePath": instance.object_key}]) == {}
    assert left_of(archive, instance) == []


def test_a_second_try_takes_away_what_the_first_left_of_a_deleted_instance(archive: Any) -> None:
    instance = put(archive, body_of("frame"))
    path = instance.path
    delete_instances(archive, archive.scope, Level(path.study, path.series, path.instance))
    archive.derived.put(path.frame(1), b"left by a deriver that was killed")
    assert derive_instances(archive, [{"FilePath": instance.object_key}]) == {}
    assert left_of(archive, instance) == []
