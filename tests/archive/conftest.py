"""An archive on real parts: directory stores, a fresh database, and a queue that keeps what it is given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydicom.data import get_testdata_file

from pacs import bootstrap
from pacs.archive.deriving import derive_instances, derive_series
from pacs.archive.indexing import index_objects
from pacs.archive.storing import StoredInstance, store_instance
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.errors import PacsError
from pacs.local.clock import SystemClock
from pacs.local.outbox import OutboxFolder
from pacs.local.secrets import SecretsFile
from pacs.local.store import DirectoryStore
from pacs.local.vault import VaultFile
from pacs.people.accounts import FirstAdministrator
from pacs.people.scope import Scope
from pacs.ports import Database, DeadLetter, Describer, Endpoint, Language, QueueDepth, Speech
from pacs.settings import Settings


class KeptQueue:
    """A queue whose messages a test takes out by hand."""

    def __init__(self) -> None:
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.delays_s: dict[str, int] = {}

    def send(self, queue: str, bodies: Sequence[str], *, delay_s: int = 0) -> None:
        self.delays_s[queue] = delay_s
        self.sent.setdefault(queue, []).extend(orjson.loads(body) for body in bodies)

    def publish(self, topic: str, bodies: Sequence[str]) -> None:
        self.send(topic, bodies)

    def depth(self, queue: str) -> QueueDepth:
        return QueueDepth(len(self.sent.get(queue, [])), 0, 0, 0.0)

    def dead_letters(self, queue: str, *, limit: int = 100) -> list[DeadLetter]:
        return []

    def redrive(self, queue: str) -> int:
        return 0


class KeptWorkflow:
    """A workflow that a test looks at: the input of each execution by machine and name."""

    def __init__(self) -> None:
        self.started: dict[tuple[str, str], Mapping[str, Any]] = {}

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        self.started.setdefault((machine, name), input)


@dataclass(frozen=True)
class LaterClock(SystemClock):
    """A clock that is ahead."""

    ahead_s: float

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


@dataclass
class Archive:
    """The services of a test, and the steps of an object's way."""

    settings: Settings
    originals: DirectoryStore
    derived: DirectoryStore
    exchange: DirectoryStore
    database: Database
    organization_id: str
    branch_id: str
    queue: KeptQueue = field(default_factory=KeptQueue)
    workflow: KeptWorkflow = field(default_factory=KeptWorkflow)
    clock: SystemClock = field(default_factory=SystemClock)

    @property
    def speech(self) -> Speech:
        return bootstrap.speech(self.settings)

    @property
    def language(self) -> Language:
        return bootstrap.language(self.settings)

    @property
    def vault(self) -> VaultFile:
        return VaultFile(self.settings.home / "vault.json")

    @property
    def mailer(self) -> OutboxFolder:
        return OutboxFolder(self.settings.home / "outbox", self.clock)

    def describer(self, endpoint: Endpoint) -> Describer:
        return bootstrap.describer(endpoint)

    def secret_setting(self, value: str) -> str:
        return bootstrap.secret_text(value)

    @cached_property
    def secrets(self) -> SecretsFile:
        kept = SecretsFile(self.settings.home / "secrets.json")
        kept.create()
        return kept

    @property
    def scope(self) -> Scope:
        return Scope(self.organization_id, "admin")

    def store(self, body: bytes, **options: Any) -> StoredInstance:
        return store_instance(self, self.scope, body, **{"branch_id": self.branch_id, **options})

    def keys(self) -> list[str]:
        return [info.key for info in self.originals.scan()]

    def index(self) -> dict[str, PacsError]:
        return index_objects(self, self.keys())

    def derive(self, *, after_s: float = 60) -> dict[str, PacsError]:
        """Frames of what was indexed, and as much later what is made of whole series."""
        failed = derive_instances(self, self.queue.sent.pop("instance-indexed", []))
        assert self.derive_series(after_s=after_s) == set()
        return failed

    def derive_series(self, *, after_s: float = 60) -> set[tuple[str, ...]]:
        """What is made of the whole series; the paths of those that failed."""
        paths = {tuple(message["series"]) for message in self.queue.sent.pop("derive", [])}
        return set(derive_series(self.later(after_s), paths))

    def later(self, after_s: float) -> "Archive":
        """The same archive by a clock that is ahead."""
        return replace(self, clock=LaterClock(after_s))


@pytest.fixture
def archive(tmp_path: Path, founded: tuple[str, FirstAdministrator], founded_dsn: str) -> Iterator[Archive]:
    def store(name: str) -> DirectoryStore:
        return DirectoryStore(
            tmp_path / name, name=name, journal=None, durable=False, url_base="http://localhost", url_key=b"k" * 32
        )

    _, made = founded
    database = PsycopgDatabase(founded_dsn)
    yield Archive(
        Settings(home=tmp_path, public_url="https://pacs.example"),
        store("originals"),
        store("derived"),
        store("exchange"),
        database,
        made.organization_id,
        made.branch_id,
    )
    database.close()


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """The bytes of one of pydicom's bundled files."""

    def read(name: str) -> bytes:
        path = get_testdata_file(name, download=False)
        assert isinstance(path, str)
        return Path(path).read_bytes()

    return read
