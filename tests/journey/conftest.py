"""A running archive that the journeys share, and what has been sent to it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from tests.journey.archive import Archive, wait_until_found, wait_until_there
from tests.journey.instances import ct_series, instance_of, ultrasound_clip
from tests.journey.modality import storescu, write

SITE_BUILD = Path(__file__).resolve().parents[2] / "ohif-site" / "build.py"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive with the viewer's site, for all tests that leave it whole."""
    subprocess.run([sys.executable, SITE_BUILD], check=True, capture_output=True, timeout=600)
    archive = Archive(tmp_path_factory.mktemp("running") / "home")
    archive.start()
    yield archive
    archive.stop()
    assert archive.processes() == []


@pytest.fixture(scope="session")
def ct(running: Archive, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """A CT series that dcmtk has sent, found by QIDO."""
    series = ct_series(1, 6)
    storescu(running, write(tmp_path_factory.mktemp("ct"), series))
    wait_until_there(running, map(instance_of, series), within_s=30)
    return series


@pytest.fixture(scope="session")
def ultrasound(running: Archive, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A clip, sent likewise."""
    clip = ultrasound_clip()
    storescu(running, write(tmp_path_factory.mktemp("us"), [clip]), "--propose-jpeg8")
    wait_until_found(running, clip.StudyInstanceUID, within_s=30)
    return clip
