"""The port Database when its server goes: one suite over psycopg and over the Data API's driver."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from infra.local.postgres import EmbeddedPostgres
from pacs.errors import DatabaseUnavailable
from tests.contract.conftest import Opener


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own, to be killed."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("mortal"))
    server.settings["fsync"] = "off"
    server.start()
    yield server
    server.stop()


def test_a_connection_that_the_server_closed_is_replaced(open_database: Opener, mortal: EmbeddedPostgres) -> None:
    database = open_database(mortal.dsn)
    database.fetch(text("select 1"))
    with psycopg.connect(mortal.dsn, autocommit=True) as other:
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    assert database.fetch(text("select 1 as one")) == [{"one": 1}]


def until_ended(pids: list[int]) -> None:
    """A server's processes outlive it for a moment, in which they still answer. Nobody may have reaped them."""
    deadline = time.monotonic() + 60
    while pids:
        assert time.monotonic() < deadline
        states = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
        with suppress(OSError):
            pids = [pid for pid, stat in states.items() if stat.exists() and b") Z" not in stat.read_bytes()]


def test_killed_and_back(open_database: Opener, mortal: EmbeddedPostgres) -> None:
    database = open_database(mortal.dsn, patience_s=0.1)
    database.fetch(text("create table if not exists kept (n integer)"))
    database.fetch(text("insert into kept values (1)"))
    before = database.fetch(text("select count(*) as count from kept"))
    backends = database.fetch(text("select pid from pg_stat_activity"))
    os.kill(mortal.process.pid, signal.SIGKILL)
    mortal.process.wait()
    until_ended([each["pid"] for each in backends])
    with pytest.raises(DatabaseUnavailable):
        database.fetch(text("select 1"))
    mortal.start()
    assert database.fetch(text("select count(*) as count from kept")) == before


def test_a_server_that_comes_back_in_time_is_waited_for(open_database: Opener, mortal: EmbeddedPostgres) -> None:
    database = open_database(mortal.dsn, patience_s=20)
    database.fetch(text("select 1"))
    mortal.stop()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(database.fetch, text("select 1 as one"))
        mortal.start()
        assert waiting.result() == [{"one": 1}]
