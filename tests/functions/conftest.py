"""Every function behind the local gateway, in this process, over a fresh archive on real parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from pacs.people.accounts import FirstAdministrator, first_administrator
from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import MEMBER_ROLES, Scope
from tests.functions.doors import PASSWORD, TurnedClock

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


@pytest.fixture
def clinic(tmp_path: Path, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    for name, value in {
        "PACS_HOME": str(tmp_path),
        "PACS_DATABASE_DSN": fresh_dsn,
        "PACS_PUBLIC_URL": "http://testserver",
        "PACS_TOPICS": '{"instance-indexed": ["derive", "log"]}',
        "PACS_CORS_ORIGINS": "https://viewer.example",
    }.items():
        monkeypatch.setenv(name, value)
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()
    bootstrap.local_secrets(bootstrap.settings()).create()
    services = bootstrap.services()
    queue = bootstrap.local_queue(services.settings)
    queue.create_tables()
    services.queue = queue
    made = first_administrator(services.database, email="admin@localhost", organization_name="Merkez")
    assert made is not None
    gateway = Gateway(FUNCTIONS, load_all(), origins=frozenset(["https://viewer.example"]), edge=edge_of(services))
    yield Clinic(services, made, TestClient(gateway))
    gateway.close()
    queue.close()
    services.database.close()
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
    with clinic.services.database.transaction() as statements:
        for role in MEMBER_ROLES:
            add_member(statements, clinic.scope, NewMember(f"{role}@example.org", PASSWORD, role))
    return clinic


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """The bytes of one of pydicom's bundled files."""
    return lambda name: (SAMPLES / name).read_bytes()
