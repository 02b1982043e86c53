"""Starting and starting again: what is shown once, what is done once, and why a start is refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.start import SAMPLE_FILES
from tests.journey.archive import Archive, by_study, found_in
from tests.journey.instances import Instance, instance_of, sample


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, list[tuple[dict[str, Any], float]]]]:
    """An archive with the sample, running for the second time; what each start said, and the processor time it took
    beside the imports."""
    archive = Archive(tmp_path_factory.mktemp("starts") / "home", SAMPLE="1")
    said = []
    for again in (True, False):
        document = archive.start()
        said.append((document, spent_s(document["pid"])))
        if again:
            assert archive.stop() == 0
            assert archive.processes() == []
    yield archive, said
    archive.stop()


def spent_s(pid: int) -> float:
    """Processor time of a process' children that have ended: they made the database, and sent the sample."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


Starts = tuple[Archive, list[tuple[dict[str, Any], float]]]


def sample_instances() -> list[Instance]:
    return [instance_of(sample(name)) for name in SAMPLE_FILES]


def test_the_password_is_shown_once(starts: Starts) -> None:
    _archive, ((first, _), (second, _)) = starts
    assert first["administrator"]["email"]
    assert len(first["administrator"]["password"]) >= 12
    assert "administrator" not in second


def test_the_administrator_signs_in_after_a_restart(starts: Starts) -> None:
    archive, ((first, _), _) = starts
    shown = first["administrator"]
    with archive.browser(signed_in=False) as browser:
        answer = browser.post("/auth/token", data={"username": shown["email"], "password": shown["password"]})
        assert answer.status_code == 200, answer.text
        me = browser.get("/auth/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"})
        assert me.json()["role"] == "admin"


def test_the_sample_is_sent_once_and_outlives_a_restart(starts: Starts) -> None:
    archive, ((first, _), (second, _)) = starts
    assert first["sample"]
    assert second["sample"]
    with archive.browser() as browser:
        for study, uids in by_study(sample_instances()).items():
            assert found_in(browser, study) == uids
        assert browser.get(second["sample"]).status_code == 200
    records = (archive.home / "store" / "exchange" / "objects" / "associations").rglob("*.json")
    senders = [json.loads(record.read_text())["calling_ae"] for record in records]
    assert senders.count("PACSSAMPLE") == 1


def test_a_second_start_has_less_to_do(starts: Starts) -> None:
    _archive, ((_, first_s), (_, second_s)) = starts
    assert second_s < first_s


@pytest.mark.parametrize("variable", ["PACS_HOME", "PACS_HTTP_PORT", "PACS_DICOM_PORT"])
def test_what_is_taken_is_named_in_one_line(starts: Starts, tmp_path: Path, variable: str) -> None:
    archive, _ = starts
    settings, advice = {
        "PACS_HOME": ({"HOME": str(archive.home)}, f"in use by process {archive.said['pid']}"),
        "PACS_HTTP_PORT": ({"HTTP_PORT": archive.http.rpartition(":")[2]}, "set PACS_HTTP_PORT"),
        "PACS_DICOM_PORT": ({"DICOM_PORT": str(archive.dicom_port)}, "set PACS_DICOM_PORT"),
    }[variable]
    done = Archive(tmp_path / "other", **settings).run("up")
    assert done.returncode == 1
    assert advice in done.stderr
    assert done.stderr.count("\n") == 1
    assert archive.runs


def test_programs_are_told_in_json(starts: Starts) -> None:
    archive, _ = starts
    done = archive.run("up", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["field"] == "PACS_HOME"


def test_a_home_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "version").write_text("99.0.0\n")
    done = Archive(home).run("up")
    assert done.returncode == 1
    assert "99.0.0" in done.stderr
    assert "upgrade" in done.stderr
    assert not (home / "postgres").exists()
