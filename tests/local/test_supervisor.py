"""`pacs up` as a process: it starts and heals. How it ends, and why it does not start, is in tests/journey."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.archive import Archive

PATIENCE_S = 30.0


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


@pytest.mark.parametrize("name", ["scp-1", "web-1", "relay", "indexer", "deriver", "workflow", "scheduler", "postgres"])
def test_a_killed_child_is_started_again(archive: Archive, token: str, name: str) -> None:
    old = archive.processes()[name]
    os.kill(old, signal.SIGKILL)
    until(lambda: archive.processes()[name] not in (0, old))
    until(lambda: archive.get("/dicomweb/studies", token)[0] == 200)
    assert runs(archive.processes()[name])
