"""`pacs delete` and `pacs restore`: what somebody deletes is gone at once, comes back, and is written down."""

import os
import pty
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import text

from infra.local.postgres import EmbeddedPostgres
from pacs.database.psycopg_driver import PsycopgDatabase
from tests.cli.conftest import PACS, Command, write_study


@pytest.fixture
def uids(pacs: Command, tmp_path: Path) -> dict[str, Any]:
    """A study of three instances in the archive: its UID, that of its series, those of its instances."""
    study = write_study(tmp_path / "study", 3)
    assert pacs("import", tmp_path / "study", "--json").document["indexed"]
    found = seen(pacs, study)
    return {
        "study": study,
        "series": found[0]["0020000E"]["Value"][0],
        "instances": [each["00080018"]["Value"][0] for each in found],
    }


@cache
def bearer(pacs: Command) -> dict[str, str]:
    return {"Authorization": f"Bearer {pacs('token', '--role', 'admin').out.strip()}"}


def seen(pacs: Command, study: str) -> list[dict[str, Any]]:
    address = orjson.loads((pacs.home / "ready.json").read_bytes())["http"]
    answer = httpx2.get(f"{address}/dicomweb/studies/{study}/instances", headers=bearer(pacs))
    found: list[dict[str, Any]] = answer.json()
    return found


def audited(pacs: Command, study: str) -> list[tuple[Any, ...]]:
    database = PsycopgDatabase(EmbeddedPostgres(pacs.home).dsn)
    rows = database.fetch(
        text("select action, role, number_of_instances from audit where study_instance_uid = :study order by id"),
        {"study": study},
    )
    database.close()
    return [tuple(row.values()) for row in rows]


def test_a_study_goes_and_comes_back(pacs: Command, uids: dict[str, Any]) -> None:
    study = uids["study"]
    done = pacs("delete", "study", study, "--yes")
    assert (done.code, done.out, done.err) == (0, "3 instances deleted\n", "")
    assert seen(pacs, study) == []
    again = pacs("delete", "study", study, "--yes")
    assert (again.code, again.err) == (1, f"pacs: no such study: {study}\n")
    back = pacs("restore", "study", study)
    assert (back.code, back.out, back.err) == (0, "3 instances restored\n", "")
    assert len(seen(pacs, study)) == 3
    assert pacs("restore", "study", study).err == f"pacs: no deleted study: {study}\n"
    assert audited(pacs, study) == [("delete", "system", 3), ("undelete", "system", 3)]


def test_instances_and_series_are_named_by_their_uids_alone(pacs: Command, uids: dict[str, Any]) -> None:
    first, second, third = uids["instances"]
    done = pacs("delete", "instance", first, second, "--yes", "--json")
    assert done.document == {"level": "instance", "uids": [first, second], "instances": 2}
    assert [each["00080018"]["Value"] for each in seen(pacs, uids["study"])] == [[third]]
    assert pacs("delete", "series", uids["series"], "--yes", "--json").document["instances"] == 1
    assert pacs("restore", "instance", first, "--json").document["instances"] == 1
    assert [each["00080018"]["Value"] for each in seen(pacs, uids["study"])] == [[first]]


def test_nothing_is_deleted_when_one_uid_is_unknown(pacs: Command, uids: dict[str, Any]) -> None:
    done = pacs("delete", "instance", uids["instances"][0], "1.2.3.4", "--yes", "--json")
    assert (done.code, done.document["code"]) == (1, "NOT_FOUND")
    assert done.document["message"] == "no such instance: 1.2.3.4"
    assert len(seen(pacs, uids["study"])) == 3


def test_who_cannot_be_asked_must_say_yes(pacs: Command, uids: dict[str, Any]) -> None:
    for arguments in ((), ("--json",)):
        assert pacs("delete", "study", uids["study"], *arguments).code == 1
    assert len(seen(pacs, uids["study"])) == 3


def test_a_terminal_is_asked(pacs: Command, uids: dict[str, Any]) -> None:
    for answer, left in (("n\n", 3), ("\4", 3), ("y\n", 0)):
        ours, theirs = pty.openpty()
        pipe = subprocess.PIPE
        command = [PACS, "delete", "study", uids["study"]]
        with subprocess.Popen(
            command, env=pacs.environment(), stdin=theirs, stdout=pipe, stderr=pipe, text=True
        ) as process:
            os.close(theirs)
            os.write(ours, answer.encode())
            _, told = process.communicate(timeout=30)
        os.close(ours)
        assert told.startswith("Delete 1 study with 3 instances? [y/N]:") and "Traceback" not in told
        assert process.returncode == (1 if left else 0)
        assert len(seen(pacs, uids["study"])) == left


def test_a_level_or_a_uid_that_is_none_is_refused(in_process: Callable[..., Any]) -> None:
    assert in_process("delete", "patient", "1.2", "--yes").code == 2
    assert in_process("delete", "study", "1..2", "--yes").err == "pacs: UID: '1..2' is not a UID\n"
    assert "no archive runs in" in in_process("restore", "study", "1.2").err
