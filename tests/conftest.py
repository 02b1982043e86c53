"""Shared by the tests of several rooms: one PostgreSQL a session, and a fresh, migrated database for each test."""

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from infra.local.postgres import EmbeddedPostgres
from pacs.database import migrate
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.accounts import FirstAdministrator, first_administrator
from tests.leaks import pytest_configure, pytest_runtest_makereport

__all__ = ("pytest_configure", "pytest_runtest_makereport")

TEMPLATE = "migrated"

# Random examples are for those who are there to look at what they find; a build is judged by the same ones each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Folders whose tests share what is dear to make (an archive that runs, the synthesized stacks) stay in one process.
TOGETHER = ("cli", "infra", "journey")


class SharesOfTests(LoadScopeScheduling):  # type: ignore[misc]
    """What processes take of the tests when there are several (`-n`): a file at a time, or a whole folder."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = path.split("/")[1]
        return folder if folder in TOGETHER else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharesOfTests:
    config.option.loadscopereorder = False  # by the number of tests, and the few that take longest would be last
    return SharesOfTests(config, log)


class Databases:
    """Databases of one server, for one test each. Dropped a dozen at a time: PostgreSQL waits 0.1 s for fresh ones."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self.used: list[str] = []
        self.administrator = psycopg.connect(postgres.dsn_of("postgres"), autocommit=True)

    def create(self, *, template: str = "template1", name: str = "") -> str:
        """The name of a new database, which is a copy of `template`."""
        if len(self.used) > 24:
            for old in self.used[:12]:
                self.administrator.execute(f"drop database {old} with (force)".encode())
            del self.used[:12]
        name = name or f"test_{uuid.uuid4().hex}"
        self.administrator.execute(f"create database {name} template {template} strategy file_copy".encode())
        return name


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    # What a test stores need not survive a power failure, and plans are those of the rows that tests analyze.
    server.settings |= {"fsync": "off", "autovacuum": "off"}
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Iterator[Databases]:
    databases = Databases(postgres)
    yield databases
    databases.administrator.close()


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """Name of a database with all tables and no rows, from which others are copied."""
    name = databases.create(name="migrated")
    database = PsycopgDatabase(databases.postgres.dsn_of(name))
    migrate.upgrade(database)
    database.close()
    return name


@pytest.fixture(scope="session")
def founded(databases: Databases, migrated: str) -> tuple[str, FirstAdministrator]:
    """Name of a database with the first organization, from which others are copied; and what was made in it."""
    name = databases.create(template=migrated, name="founded")
    database = PsycopgDatabase(databases.postgres.dsn_of(name))
    made = first_administrator(database, email="admin@localhost", organization_name="Merkez")
    database.close()
    assert made is not None
    return name, made


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """Where to connect to a database without tables that nobody else uses."""
    name = databases.create()
    yield databases.postgres.dsn_of(name)
    databases.used.append(name)


@pytest.fixture
def fresh_dsn(databases: Databases, migrated: str) -> Iterator[str]:
    """Where to connect to a migrated database that nobody else uses."""
    name = databases.create(template=migrated)
    yield databases.postgres.dsn_of(name)
    databases.used.append(name)


@pytest.fixture
def founded_dsn(databases: Databases, founded: tuple[str, FirstAdministrator]) -> Iterator[str]:
    """Where to connect to a database with the first organization that nobody else uses."""
    name = databases.create(template=founded[0])
    yield databases.postgres.dsn_of(name)
    databases.used.append(name)


@pytest.fixture
def database(fresh_dsn: str) -> Iterator[PsycopgDatabase]:
    """A fresh, migrated database over psycopg."""
    database = PsycopgDatabase(fresh_dsn)
    yield database
    database.close()
