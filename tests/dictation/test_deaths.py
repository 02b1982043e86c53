"""A job whose worker is killed before and after each of its steps: it ends once, is paid for once, and told of once."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from infra.local.children import fork
from infra.local.executions import Executions, load_machines
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dictation.callbacks import list_deliveries
from pacs.dictation.starting import MACHINE
from pacs.dictation.steps import STEPS
from pacs.local.workflow import WorkflowTables
from pacs.reporting.credits import Balance
from tests.archive.conftest import Archive
from tests.archive.conftest import archive as archive
from tests.dictation.receiver import receiving
from tests.dictation.test_steps import SAID, Job, submitted
from tests.dictation.test_steps import models as models
from tests.models.fake_models import FakeModels

KILLED = 9


def dying(work: Callable[[], Any], step: str, died: Path, lock: threading.Lock) -> Any:
    """Do a step, unless this process dies: the first time before it, the second when what it did is not known yet."""

    def die(moment: str) -> None:
        with lock:
            if moment not in died.read_text().splitlines():
                with died.open("a") as told:
                    told.write(f"{moment}\n")
                os._exit(KILLED)

    die(f"before {step}")
    try:
        return work()
    finally:
        die(f"after {step}")


def run_to_the_end(job: Job, dsn: str, tables: WorkflowTables, folder: Path) -> list[str]:
    """Run the execution of a job in processes that die, one after the other; the moments of their deaths."""
    died = folder / "died"
    died.touch()

    def worker() -> None:
        own = WorkflowTables(dsn)
        services = replace(job.archive, database=PsycopgDatabase(dsn))
        lock = threading.Lock()

        def call(name: str, payload: Mapping[str, Any]) -> Any:
            number, more = payload.get("number"), {key: payload[key] for key in payload if key == "error"}
            step = STEPS[payload["step"]]
            about = f"{payload['step']} {number}"
            return dying(lambda: step(services, job.scope.organization_id, job.id, number, **more), about, died, lock)

        own.recover()
        executions = Executions(own, load_machines(), call)
        while (found := own.find(MACHINE, job.id)) and found.status == "running":
            executions.take_one(threading.Event(), 0.1)

    tables.start(MACHINE, job.id, {"organization": job.scope.organization_id, "job": job.id})
    while True:
        _, status = os.waitpid(fork("workflow", worker, folder / "log"), 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, KILLED), (folder / "log").read_text()
        if code == 0:
            return died.read_text().splitlines()


@pytest.mark.parametrize(
    ("said", "steps", "ends", "balance"),
    [
        (SAID, {"transcribe", "split", "report", "settle", "deliver"}, ("completed", "", 2), Balance(8, 0, 2)),
        (" ", {"transcribe", "fail", "deliver"}, ("failed", "INVALID_AUDIO", 0), Balance(10, 0, 0)),
    ],
    ids=["a job", "a poisoned job"],
)
def test_a_job_ends_once_though_its_worker_is_killed_in_each_step(
    archive: Archive,
    founded_dsn: str,
    models: FakeModels,
    tmp_path: Path,
    said: str,
    steps: set[str],
    ends: tuple[str, str, int],
    balance: Balance,
) -> None:
    tables = WorkflowTables(founded_dsn)
    tables.create_tables()
    with receiving() as receiver:
        job = submitted(archive, models, said)
        url = f"http://127.0.0.1:{receiver.port}/done"
        archive.settings = replace(archive.settings, callback_allow=url.removesuffix("/done"))
        archive.database.fetch(text("update report_jobs set callback_url = :url"), {"url": url})
        deaths = run_to_the_end(job, founded_dsn, tables, tmp_path)
        assert len(receiver.heard) == 1
    assert {each.split()[1] for each in deaths} == steps
    assert all(count == 2 for count in Counter(each.split(maxsplit=1)[1] for each in deaths).values())
    ended = tables.find(MACHINE, job.id)
    assert ended and ended.status == "succeeded"
    assert job.status == ends
    assert job.balance == balance
    assert [each.outcome for each in list_deliveries(archive.database, job.scope)] == ["delivered"]
    tables.close()
