"""`pacs up` as a process: it starts, heals, stops in order, and says in one line why it will not start."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom.data
import pytest
from pydicom import dcmread
from pynetdicom.ae import ApplicationEntity

from tests.local.archive import Archive

PATIENCE_S = 30.0
SAMPLE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"


def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; looks ten times a second, for half a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        select.select([], [], [], 0.1)


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = Archive(tmp_path_factory.mktemp("supervised") / "home")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def token(archive: Archive) -> str:
    return archive.token()


def association(archive: Archive) -> object:
    entity = ApplicationEntity("SENDER")
    header = dcmread(SAMPLE, stop_before_pixels=True)
    entity.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
    made = entity.associate("127.0.0.1", archive.dicom_port, ae_title="RAIPACS")
    assert made.is_established
    return made


def test_a_start_ends_with_what_its_owner_must_know(archive: Archive) -> None:
    ready = json.loads((archive.home / "ready.json").read_text())
    assert archive.process
    assert ready["pid"] == archive.process.pid
    assert ready["dicom"] == {"host": "127.0.0.1", "port": archive.dicom_port, "ae_title": "RAIPACS"}
    assert ready["http"] == archive.http == archive.said["origin"]
    assert archive.said["administrator"]["email"]
    assert len(archive.said["administrator"]["password"]) >= 12
    until(lambda: not list(archive.home.glob("first-administrator*")))
    assert archive.said["sample"] is None


def test_whoever_may_sign_in_finds_an_empty_archive(archive: Archive, token: str) -> None:
    assert archive.get("/dicomweb/studies", token) == (200, b"[]")
    assert archive.get("/dicomweb/studies", "nonsense")[0] == 401


def test_secrets_and_logs_are_their_owners_alone(archive: Archive) -> None:
    for name in ("secrets.json", "logs/web-1.log"):
        assert (archive.home / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["scp-1", "web-1", "relay", "indexer", "deriver", "scheduler", "postgres"])
def test_a_killed_child_is_started_again(archive: Archive, token: str, name: str) -> None:
    old = archive.processes()[name]
    os.kill(old, signal.SIGKILL)
    until(lambda: archive.processes()[name] not in (0, old))
    until(lambda: archive.get("/dicomweb/studies", token)[0] == 200)
    assert runs(archive.processes()[name])


def test_a_second_start_says_what_is_taken(archive: Archive, tmp_path: Path) -> None:
    assert archive.process
    http_port = archive.http.rsplit(":", 1)[1]
    for settings, expected in (
        ({"PACS_HOME": str(archive.home)}, f"in use by process {archive.process.pid}"),
        ({"PACS_HTTP_PORT": http_port}, "set PACS_HTTP_PORT"),
        ({"PACS_DICOM_PORT": str(archive.dicom_port)}, "set PACS_DICOM_PORT"),
        ({"PACS_DICOM_PORT": "many"}, "PACS_DICOM_PORT must be a whole number"),
    ):
        code, error = Archive(tmp_path / "other", **settings).refused()
        assert code != 0
        assert expected in error
        assert error.count("\n") == 1
    assert (archive.home / "ready.json").exists()


def test_an_open_association_is_finished_before_the_end(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "home")
    archive.start()
    everybody = [*archive.processes().values(), archive.said["pid"]]
    sender = association(archive)
    archive.signal(signal.SIGTERM)
    log = archive.home / "logs"
    until(lambda: any('"leaving"' in path.read_text() for path in log.glob("scp-*.log")))
    assert sender.send_c_store(SAMPLE).Status == 0  # type: ignore[attr-defined]
    sender.release()  # type: ignore[attr-defined]
    assert archive.wait() == 0
    assert not any(runs(pid) for pid in everybody)
    assert not (archive.home / "ready.json").exists()

    # The next start shows no password, and what was acknowledged is found.
    said = archive.start()
    assert "administrator" not in said
    token = archive.token()
    until(lambda: archive.get("/dicomweb/studies", token)[1] != b"[]")
    everybody = [*archive.processes().values(), archive.said["pid"]]
    archive.signal(signal.SIGKILL)
    archive.wait()
    until(lambda: not any(runs(pid) for pid in everybody))

    # A killed supervisor leaves nothing behind, and the one after it goes on.
    archive.start()
    assert archive.get("/dicomweb/studies", token)[1] != b"[]"
    archive.signal(signal.SIGINT)
    assert archive.wait() == 0
