"""One machine's PostgreSQL: it starts under any home, after any end, and says what to change when it cannot."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from infra.local.postgres import EmbeddedPostgres
from pacs.errors import NotConfigured


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def initialized(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedPostgres:
    """A server that ran once and was stopped."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("initialized"))
    server.start()
    server.stop()
    return server


@pytest.fixture
def home(initialized: EmbeddedPostgres, tmp_path: Path) -> Path:
    """A home that has been used before."""
    subprocess.run(["cp", "-a", initialized.data, tmp_path], check=True)
    return tmp_path


def started(home: Path, stack: ExitStack) -> EmbeddedPostgres:
    server = EmbeddedPostgres(home)
    server.start()
    stack.callback(server.stop)
    return server


def ask(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_it_starts_under_a_folder_that_only_its_owner_enters(tmp_path: Path, servers: ExitStack) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = started(closed / "home with 'odd\" name", servers)
    assert ask(server, "select current_user") == "pacs"
    assert ask(server, "show synchronous_commit") == ask(server, "show fsync") == "on"


def test_it_never_runs_as_root(postgres: EmbeddedPostgres) -> None:
    status = Path(f"/proc/{postgres.process.pid}/status").read_text()
    [uids] = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
    assert set(uids) == {str(postgres.owner.pw_uid)}
    assert "0" not in uids


def test_it_listens_on_no_network_and_lets_in_its_owner_only(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "show listen_addresses") == ""
    assert postgres.socket_folder.stat().st_mode & 0o077 == 0
    rules = (postgres.data / "pg_hba.conf").read_text().split()
    assert rules == ["local", "all", "all", "peer", "map=pacs"]


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path, servers: ExitStack) -> None:
    home = tmp_path / ("long" * 25)
    servers.callback(EmbeddedPostgres(home).socket_folder.rmdir)
    server = started(home, servers)
    assert len(os.fsencode(server.socket_folder)) < 90
    assert ask(server, "select 1") == 1


def test_data_outlive_a_stop(home: Path, servers: ExitStack) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.dsn) as connection:
        connection.execute("create table kept as select 7 as n")
    server.stop()
    assert server.process.returncode == 0
    assert ask(started(home, servers), "select n from kept") == 7


def test_a_server_whose_supervisor_was_killed_is_replaced(home: Path, servers: ExitStack) -> None:
    program = (
        "import os, sys, pathlib; from infra.local.postgres import EmbeddedPostgres;"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1])); server.start();"
        "print(server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
    left = int(killed.stdout)
    assert killed.returncode == -signal.SIGKILL
    assert Path(f"/proc/{left}").exists()
    server = started(home, servers)
    assert server.process.pid != left
    assert not Path(f"/proc/{left}/exe").exists()
    assert ask(server, "select 1") == 1


def test_orphans_of_a_killed_server_are_stopped(home: Path, servers: ExitStack) -> None:
    """A backend in the middle of a long statement outlives its server, and would keep the next one from starting."""
    server = EmbeddedPostgres(home)
    server.start()
    connection = psycopg.connect(server.dsn, autocommit=True)
    servers.callback(connection.close)
    busy = connection.info.backend_pid
    connection.pgconn.send_query(b"select count(*) from generate_series(1, 10000000000)")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert Path(f"/proc/{busy}/exe").exists()
    again = started(home, servers)
    assert not Path(f"/proc/{busy}/exe").exists()
    assert ask(again, "select 1") == 1


def test_a_lock_file_that_names_somebody_else_is_no_obstacle(home: Path, servers: ExitStack) -> None:
    """After a restart of the machine the old process id may belong to any process, this one for instance."""
    server = EmbeddedPostgres(home)
    server.start()
    lock = server.data / "postmaster.pid"
    content = lock.read_text().split("\n", 1)[1]
    server.stop()
    lock.write_text(f"{os.getpid()}\n{content}")
    assert ask(started(home, servers), "select 1") == 1


def test_a_first_start_that_was_killed_is_begun_anew(tmp_path: Path, servers: ExitStack) -> None:
    unfinished = tmp_path / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    assert ask(started(tmp_path, servers), "select 1") == 1


def test_data_of_another_version_are_left_alone(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("13\n")
    with pytest.raises(NotConfigured, match="another version of PostgreSQL") as caught:
        server.start()
    assert caught.value.field == "PACS_HOME"
    assert (server.data / "PG_VERSION").read_text() == "13\n"


def test_a_home_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotConfigured, match="PACS_HOME") as caught:
        EmbeddedPostgres(tmp_path / "file").start()
    assert "\n" not in caught.value.message
