"""`pacs import` into a home whose archive does not run: what is found, what is refused and why, what is stored."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from infra.local import importing
from infra.local.candidates import Candidate, find_candidates
from infra.local.importing import Imported, Tally, import_all
from pacs.bootstrap import Services
from pacs.errors import StoreUnavailable
from pacs.people.scope import Scope
from pacs.settings import Settings
from tests.archive.of_no_patient import HANGING_PROTOCOL, hanging_protocol
from tests.cli.conftest import BRANCH, BUNDLED, ORGANIZATION, Command, write_study
from tests.robustness.odd_files import POLYGLOTS

Run = Callable[..., Any]
ODD_NAME = "[red]kırmızı[bold] \x1b[31m\n.txt"


@pytest.fixture
def services(stopped: Command) -> Services:
    return Services(Settings(home=stopped.home))


def originals(services: Services) -> list[str]:
    return [info.key for info in services.originals.scan()]


def import_paths(services: Services, *paths: Path) -> dict[str, Imported]:
    """How each file ended, by its name."""
    scope = Scope(ORGANIZATION, "system")
    results = import_all(services, scope, BRANCH, find_candidates(paths), Event())
    return {Path(each.name).name: each for each in results}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def bundled(name: str) -> bytes:
    return (BUNDLED / name).read_bytes()


def test_an_import_tells_what_was_stored_and_what_was_refused(
    in_process: Run, services: Services, tmp_path: Path
) -> None:
    folder = tmp_path / "Göğüs İncelemesi" / "derin" / "daha derin"
    folder.mkdir(parents=True)
    (folder / "görüntü ı.dcm").write_bytes(bundled("CT_small.dcm"))
    zipped(tmp_path / "Göğüs İncelemesi" / "çalışma.zip", {"ağ/plan": bundled("rtplan.dcm"), "ağ/oku.txt": b"merhaba"})
    (folder / ODD_NAME).write_text("no DICOM")
    top = tmp_path / "Göğüs İncelemesi"
    first = in_process("import", top)
    assert (first.code, first.err) == (1, "")
    assert f"refused {top}/çalışma.zip/ağ/oku.txt: this is no DICOM object\n" in first.out
    assert "[red]kırmızı[bold] \N{REPLACEMENT CHARACTER}[31m" in first.out and "\x1b" not in first.out
    assert "2 stored, 0 already there, 0 replaced, 2 refused; " in first.out
    assert first.out.endswith("2 studies. The archive does not run: they appear after its next start.\n")
    again = in_process("import", top, "--json")
    assert again.code == 1 and len(originals(services)) == 2
    document = again.document
    assert [document[name] for name in ("created", "unchanged", "replaced", "size_bytes")] == [0, 2, 0, 0]
    assert {each["code"] for each in document["refused"]} == {"INVALID_INSTANCE"}
    assert (document["running"], document["interrupted"], len(document["studies"])) == (False, False, 2)


def test_what_is_not_refused_ends_with_success(in_process: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "study", 2)
    done = in_process("import", tmp_path / "study")
    assert done.code == 0 and "1 study." in done.out


@pytest.mark.parametrize("paths", [["empty"], ["empty", "litter"]])
def test_folders_without_files_are_named(in_process: Run, tmp_path: Path, paths: list[str]) -> None:
    (tmp_path / "empty" / "nested").mkdir(parents=True)
    (tmp_path / "litter").mkdir()
    for name in ("DICOMDIR", ".DS_Store", "Thumbs.db", "._IM1"):
        (tmp_path / "litter" / name).write_text("x")
    done = in_process("import", *(tmp_path / path for path in paths))
    assert done.code == 1
    assert done.err == f"pacs: nothing to import: no files in {', '.join(str(tmp_path / path) for path in paths)}\n"


def test_every_refusal_has_its_reason(services: Services, tmp_path: Path) -> None:
    jpeg = dcmread(BUNDLED / "JPEG2000.dcm")
    bare = io.BytesIO()
    jpeg.file_meta.clear()
    jpeg.preamble = None
    jpeg.save_as(bare, implicit_vr=False, little_endian=True)
    files = {
        "empty": b"",
        "text": b"no DICOM",
        "cut": bundled("CT_small.dcm")[:300],
        "bare-jpeg": bare.getvalue(),
        "really-a-zip": b"PK\x03\x04" + b"\0" * 200,
        "bad.zip": b"PK\x03\x04 and nothing more",
        "no-uids": bundled("no_meta_group_length.dcm"),
    }
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "loop").symlink_to("loop")
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in" / "pipe")
    zipped(tmp_path / "in" / "outer.zip", {"inner.zip": zipped(tmp_path / "x.zip", {"a": b"x"}).read_bytes()})
    found = {name: (each.code, each.reason) for name, each in import_paths(services, tmp_path / "in").items()}
    zip_reason = "a zip without .zip in its name, or within a zip: unpack it, or import it by itself"
    assert found == {
        "empty": ("INVALID_INSTANCE", "the file is empty"),
        "text": ("INVALID_INSTANCE", "this is no DICOM object"),
        "cut": ("INVALID_INSTANCE", "the object ends in the middle of its header"),
        "bare-jpeg": ("INVALID_INSTANCE", "compressed pixels without file meta: nobody can tell the transfer syntax"),
        "really-a-zip": ("INVALID_INSTANCE", zip_reason),
        "inner.zip": ("INVALID_INSTANCE", zip_reason),
        "bad.zip": ("UNREADABLE", "not a readable zip (File is not a zip file)"),
        "no-uids": ("MISSING_UID", "SOPClassUID is missing"),
        "loop": ("UNREADABLE", "Too many levels of symbolic links"),
        "dangling": ("UNREADABLE", "No such file or directory"),
        "pipe": ("UNREADABLE", "neither a file nor a folder"),
    }
    assert originals(services) == []


def test_a_zip_is_taken_under_any_name_when_it_is_asked_for_itself(services: Services, tmp_path: Path) -> None:
    path = zipped(tmp_path / "çalışma", {"a/b/c": bundled("CT_small.dcm"), "__MACOSX/a/._c": b"x", "DICOMDIR": b"x"})
    assert [(name, each.outcome) for name, each in import_paths(services, path).items()] == [("c", "created")]


def test_an_encrypted_zip_is_refused_before_it_is_unpacked(services: Services, tmp_path: Path) -> None:
    path = zipped(tmp_path / "locked.zip", {"a": bundled("CT_small.dcm")})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    (ended,) = import_paths(services, path).values()
    assert (ended.code, ended.reason) == ("UNREADABLE", "encrypted: unpack the zip with its password first")


def test_a_broken_member_of_a_zip_is_refused_alone(services: Services, tmp_path: Path) -> None:
    path = zipped(tmp_path / "broken.zip", {"bad": bundled("MR_small.dcm"), "good": bundled("CT_small.dcm")})
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content)
    found = import_paths(services, path)
    assert (found["bad"].code, found["good"].outcome) == ("UNREADABLE", "created")


def test_a_zip_bomb_is_not_unpacked(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "IN_MEMORY_BYTES", 1 << 20)
    monkeypatch.setattr(importing, "FREE_BYTES_MIN", 1 << 60)
    many = bytes(8 << 20)
    path = zipped(tmp_path / "bomb.zip", {"zeros": many, "dicom": bytes(128) + b"DICM" + many})
    found = import_paths(services, path)
    assert (found["zeros"].code, found["zeros"].reason) == ("INVALID_INSTANCE", "this is no DICOM object")
    assert found["dicom"].reason == "there is no room for it on the disk of PACS_HOME"
    assert list((services.settings.home / "spool").iterdir()) == []


@pytest.mark.parametrize("zip_it", [False, True])
def test_a_large_file_is_stored_through_the_spool_and_left_where_it_is(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zip_it: bool
) -> None:
    monkeypatch.setattr(importing, "IN_MEMORY_BYTES", 1 << 20)
    dataset = dcmread(BUNDLED / "CT_small.dcm")
    dataset.Rows, dataset.Columns, dataset.PixelData = 2048, 2048, os.urandom(8 << 20)
    dataset.save_as(tmp_path / "large.dcm")
    content = (tmp_path / "large.dcm").read_bytes()
    path = zipped(tmp_path / "large.zip", {"large.dcm": content}) if zip_it else tmp_path / "large.dcm"
    assert import_paths(services, path)["large.dcm"].outcome == "created"
    assert services.originals.get(originals(services)[0])[1] == content
    assert (tmp_path / "large.dcm").read_bytes() == content
    assert list((services.settings.home / "spool").iterdir()) == []


@pytest.mark.parametrize("name", ["ExplVR_LitEndNoMeta.dcm", "ExplVR_BigEndNoMeta.dcm"])
def test_a_raw_dataset_is_given_its_file_meta(services: Services, name: str) -> None:
    assert import_paths(services, BUNDLED / name)[name].outcome == "created"
    stored = services.originals.get(originals(services)[0])[1]
    assert stored.endswith(bundled(name))
    dataset = dcmread(io.BytesIO(stored))
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.file_meta.TransferSyntaxUID.is_little_endian == ("LitEnd" in name)
    assert import_paths(services, BUNDLED / name)[name].outcome == "unchanged"


def test_a_file_without_preamble_is_given_one(services: Services, tmp_path: Path) -> None:
    (tmp_path / "bare.dcm").write_bytes(bundled("CT_small.dcm")[132:])
    assert import_paths(services, tmp_path / "bare.dcm")["bare.dcm"].outcome == "created"
    stored = services.originals.get(originals(services)[0])[1]
    assert stored[:132] == bytes(128) + b"DICM" and stored[132:] == bundled("CT_small.dcm")[132:]
    assert dcmread(io.BytesIO(stored)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_what_is_a_program_too_is_none_once_imported(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:
        monkeypatch.setattr(importing, "IN_MEMORY_BYTES", 1)
    for number, (name, preamble) in enumerate(POLYGLOTS.items()):
        path = tmp_path / f"{number}.dcm"
        original = hanging_protocol(f"1.2.{number}")
        path.write_bytes(preamble + original[128:])
        assert import_paths(services, path)[path.name].outcome == "created", name
        assert path.read_bytes().startswith(preamble)  # the user's own file stays as it is
        stored = next(key for key in originals(services) if key.endswith(f"/1.2.{number}.dcm"))
        assert services.originals.get(stored)[1] == original, name


def test_a_dicomdir_brings_the_files_it_names(in_process: Run) -> None:
    done = in_process("import", BUNDLED / "dicomdirtests" / "DICOMDIR", "--json")
    assert (done.code, done.document["created"], len(done.document["studies"])) == (0, 31, 6)


def test_a_copied_disc_may_have_small_letters_and_miss_files(services: Services, tmp_path: Path) -> None:
    source = BUNDLED / "dicomdirtests"
    for path in source.rglob("*"):
        if path.is_file():
            copy = tmp_path / "disc" / str(path.relative_to(source)).lower()
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (tmp_path / "disc" / "77654033" / "cr1" / "6154").unlink()
    found = list(import_paths(services, tmp_path / "disc" / "dicomdir").values())
    assert [each.reason for each in found if each.reason] == ["named by the DICOMDIR, but not there"]
    assert len(originals(services)) == 30
    (tmp_path / "disc" / "dicomdir").write_text("nothing")
    (refused,) = import_paths(services, tmp_path / "disc" / "dicomdir").values()
    assert refused.reason.startswith("not a DICOMDIR: ")


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    write_study(tmp_path / "far", 1)
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "a").symlink_to(tmp_path / "far")
    (tmp_path / "top" / "b").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "up").symlink_to(tmp_path / "top")
    assert len(list(find_candidates([tmp_path / "top"]))) == 1


def test_the_first_file_of_a_folder_comes_before_all_are_known(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_study(tmp_path / folder, 1)
    found = find_candidates([tmp_path])
    assert Path(next(found).name).parent.name == "a"
    (tmp_path / "b" / "0002.dcm").write_text("new")
    assert [Path(each.name).name for each in found] == ["0001.dcm", "0002.dcm"]


def test_an_import_that_is_stopped_finishes_what_it_began(services: Services, tmp_path: Path) -> None:
    write_study(tmp_path / "study", 60)
    stop = Event()
    results = import_all(services, Scope(ORGANIZATION, "system"), BRANCH, find_candidates([tmp_path / "study"]), stop)
    told = [next(results)]
    stop.set()
    told += results
    assert 1 <= len(told) < 60 and all(each.outcome == "created" for each in told)
    assert len(originals(services)) == len(told)


def test_a_store_that_takes_no_more_ends_the_import(
    services: Services, stopped: Command, in_process: Run, tmp_path: Path
) -> None:
    write_study(tmp_path / "study", 2)
    assert services.originals is not None
    shutil.rmtree(stopped.home / "store" / "originals" / "incoming")
    (stopped.home / "store" / "originals" / "incoming").symlink_to("incoming")
    done = in_process("import", tmp_path / "study")
    assert done.code == 1 and done.err.startswith("pacs: the object store does not answer: ")

    def forever() -> Iterator[Candidate]:
        while True:
            yield Candidate(tmp_path / "study" / "0001.dcm", 10)

    with pytest.raises(StoreUnavailable):
        list(import_all(services, Scope(ORGANIZATION, "system"), BRANCH, forever(), Event()))


def test_what_belongs_to_no_patient_is_imported_with_and_without_file_meta(services: Services, tmp_path: Path) -> None:
    (tmp_path / "whole.dcm").write_bytes(hanging_protocol())
    other = hanging_protocol("1.2.3")
    (tmp_path / "raw.dcm").write_bytes(other[144 + int.from_bytes(other[140:144], "little") :])  # behind the file meta
    found = import_paths(services, tmp_path / "whole.dcm", tmp_path / "raw.dcm")
    assert {name: (each.outcome, each.reason) for name, each in found.items()} == {
        "whole.dcm": ("created", ""),
        "raw.dcm": ("created", ""),
    }
    assert [key.split("/")[1:3] for key in originals(services)] == [["non-patient", HANGING_PROTOCOL]] * 2
    tally = Tally()
    for each in found.values():
        tally.add(each)
    assert tally.document()["created"] == 2 and tally.document()["studies"] == []
    assert tally.created == {"non-patient": 2}  # waited for under this name
