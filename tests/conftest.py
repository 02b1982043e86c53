"""What tests of several rooms share: one embedded PostgreSQL a session, and a fresh, migrated database for each test."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from pacs.database import migrate
from pacs.database.psycopg_driver import PsycopgDatabase

from infra.local.postgres import EmbeddedPostgres

TEMPLATE = "migrated"


def administer(postgres: EmbeddedPostgres, statement: str) -> None:
    """Run one statement that must stand outside a transaction, such as `create database`."""
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedPostgres) -> str:
    """Name of a database with all tables and no rows, from which others are copied."""
    administer(postgres, f"create database {TEMPLATE}")
    database = PsycopgDatabase(postgres.dsn_of(TEMPLATE))
    migrate.upgrade(database)
    database.close()
    return TEMPLATE


@pytest.fixture
def fresh_dsn(postgres: EmbeddedPostgres, migrated: str) -> Iterator[str]:
    """Where to connect to a migrated database that nobody else uses; it is gone after the test."""
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres, f"create database {name} template {migrated}")
    yield postgres.dsn_of(name)
    administer(postgres, f"drop database {name} with (force)")


@pytest.fixture
def database(fresh_dsn: str) -> Iterator[PsycopgDatabase]:
    """A fresh, migrated database over psycopg."""
    database = PsycopgDatabase(fresh_dsn)
    yield database
    database.close()
