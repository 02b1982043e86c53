"""Every function behind the local gateway, in this process, over a fresh archive on real parts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from starlette.testclient import TestClient

from functions.catalogue import FUNCTIONS
from infra.local.edge import edge_of
from infra.local.gateway import Gateway
from infra.local.invocation import load_all
from pacs import bootstrap
from pacs.archive.deriving import derive_instances
from pacs.archive.indexing import index_objects
from pacs.archive.storing import StoredInstance, store_instance
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.accounts import FirstAdministrator
from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import MEMBER_ROLES, Scope
from tests.conftest import Databases
from tests.functions.doors import PASSWORD, TurnedClock

Founded = tuple[str, FirstAdministrator]

SAMPLES = Path(pydicom.data.__file__).parent / "test_files"


@dataclass
class Clinic:
    """An archive, one organization of it, and a browser's view of the gateway."""

    services: bootstrap.Services
    made: FirstAdministrator
    client: TestClient

    @property
    def scope(self) -> Scope:
        return Scope(self.made.organization_id, "admin")

    def bearer(self, scope: Scope | None = None, audience: Any = "session") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.services.tokens.sign(scope or self.scope, audience, ttl_s=600)}"}

    def add(self, body: bytes) -> StoredInstance:
        """Store and index one instance."""
        stored = store_instance(self.services, self.scope, body, branch_id=self.made.branch_id)
        assert stored.error is None
        self.index()
        return stored

    def index(self) -> None:
        assert index_objects(self.services, [info.key for info in self.services.originals.scan()]) == {}

    def derive(self) -> None:
        events = [{"FilePath": info.key} for info in self.services.originals.scan()]
        assert derive_instances(self.services, events) == {}

    def get(self, path: str, *, scope: Scope | None = None, **headers: str) -> Any:
        return self.client.get("/dicomweb" + path, headers={**self.bearer(scope), **headers}, follow_redirects=False)


@cache
def staffed(databases: Databases, founded: Founded) -> str:
    """Name of a database with a member of each role, named after it, from which others are copied."""
    template, made = founded
    name = databases.create(template=template, name="staffed")
    database = PsycopgDatabase(databases.postgres.dsn_of(name))
    with database.transaction() as statements:
        for role in MEMBER_ROLES:
            member = NewMember(f"{role}@example.org", PASSWORD, role)
            add_member(statements, Scope(made.organization_id, "admin"), member)
    database.close()
    return name


@pytest.fixture
def clinic(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases, founded: Founded) -> Iterator[Clinic]:
    template = staffed(databases, founded) if "doors" in request.fixturenames else founded[0]
    with opened(tmp_path, databases, template, founded[1]) as clinic:
        yield clinic


@contextmanager
def opened(folder: Path, databases: Databases, template: str, made: FirstAdministrator) -> Iterator[Clinic]:
    """A clinic over a copy of a database, until it is left."""
    name = databases.create(template=template)
    monkeypatch = pytest.MonkeyPatch()
    for variable, value in {
        "PACS_HOME": str(folder),
        "PACS_DATABASE_DSN": databases.postgres.dsn_of(name),
        "PACS_PUBLIC_URL": "http://testserver",
        "PACS_TOPICS": '{"instance-indexed": ["derive", "log"]}',
        "PACS_CORS_ORIGINS": "https://viewer.example",
    }.items():
        monkeypatch.setenv(variable, value)
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()
    bootstrap.local_secrets(bootstrap.settings()).create()
    services = bootstrap.services()
    queue = bootstrap.local_queue(services.settings)
    queue.create_tables()
    services.queue = queue
    gateway = Gateway(FUNCTIONS, load_all(), origins=frozenset(["https://viewer.example"]), edge=edge_of(services))
    yield Clinic(services, made, TestClient(gateway))
    gateway.close()
    queue.close()
    services.database.close()
    databases.used.append(name)
    monkeypatch.undo()
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()


@pytest.fixture
def clock(clinic: Clinic) -> TurnedClock:
    clock = TurnedClock()
    clinic.services.__dict__["clock"] = clock
    return clock


@pytest.fixture
def doors(clinic: Clinic, clock: TurnedClock) -> Clinic:
    """A clinic with one member of each role, named after it."""
    return clinic


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """The bytes of one of pydicom's bundled files."""
    return lambda name: (SAMPLES / name).read_bytes()
