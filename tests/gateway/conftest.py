"""A node in this process, and a node as a process of its own, each with a home."""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from gateway_scp.scp import Node
from gateway_scp.settings import GatewaySettings
from pacs.archive.indexing import index_objects
from pacs.archive.storing import store_instance
from pacs.bootstrap import Services, Stores, stores
from pacs.dicom.modalities import KEY
from pacs.local.secrets import SecretsFile
from pacs.people.scope import Scope
from tests.gateway.sender import ORGANIZATION, Instance, Sender, instance_of

OPEN_TABLE: dict[str, Any] = {"mode": "open", "default": {"organization_id": ORGANIZATION, "branch_id": "main"}}


@pytest.fixture(scope="session")
def ct() -> Instance:
    return instance_of(Path(str(get_testdata_file("CT_small.dcm"))))


@dataclass
class Home:
    """The home of one node, with its stores and its modality table."""

    settings: GatewaySettings
    stores: Stores

    def publish(self, table: dict[str, Any]) -> None:
        self.stores.exchange.put(KEY, json.dumps(table).encode())

    def records(self) -> list[dict[str, Any]]:
        """Of all associations that have ended, in order of their beginning."""
        found = [
            json.loads(self.stores.exchange.get(each.key)[1]) for each in self.stores.exchange.scan("associations/")
        ]
        return sorted(found, key=lambda each: str(each["began_at"]))

    def originals(self) -> list[str]:
        return [each.key for each in self.stores.originals.scan()]

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "PACS_HOME": str(self.settings.home),
            "PACS_DICOM_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            **more,
        }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    SecretsFile(folder / "secrets.json").create()
    settings = GatewaySettings(home=folder, dicom_port=0)
    made = Home(settings, stores(settings))
    made.publish(OPEN_TABLE)
    return made


@dataclass
class Running:
    """A node that runs in a thread of this process."""

    node: Node
    home: Home
    thread: threading.Thread

    @property
    def port(self) -> int:
        return self.node.port

    def sender(self, **more: Any) -> Sender:
        return Sender(self.port, **more)

    def refusal(self, **more: Any) -> tuple[int, int, int] | None:
        """How an association is refused; None for one that is accepted (and then left)."""
        with self.sender(**more) as sender:
            return sender.rejected

    def record(self) -> dict[str, Any]:
        """The record of the newest association, once all have ended."""
        self.settle()
        return self.home.records()[-1]

    def settle(self) -> None:
        """Wait until no association is open."""
        with self.node.changed:
            assert self.node.changed.wait_for(lambda: not self.node.open, 20)


Run = Callable[..., Running]


@pytest.fixture
def run(home: Home) -> Iterator[Run]:
    """Start a node with these settings beside the home's."""
    started: list[Running] = []

    def start(*, through: Stores | None = None, **settings: Any) -> Running:
        node = Node(replace(home.settings, **settings), through or home.stores)
        thread = threading.Thread(target=node.run)
        thread.start()
        started.append(Running(node, home, thread))
        return started[-1]

    yield start
    for each in started:
        each.node.leave()
        each.node.leave()
        each.thread.join(20)
        assert not each.thread.is_alive()


@pytest.fixture
def node(run: Run) -> Running:
    return run()


BRANCH, ELSEWHERE, STRANGERS = (f"{n}" * 8 + "-0000-4000-8000-" + f"{n}" * 12 for n in (2, 3, 4))


def made(study: str, number: int = 1, **attributes: Any) -> Dataset:
    """An instance without pixels of the series `study`.1."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = f"{study}.1.{number}", study
    dataset.SeriesInstanceUID, dataset.InstanceNumber, dataset.Modality = f"{study}.1", number, "OT"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def part10_of(dataset: Dataset, transfer_syntax_uid: str = "1.2.840.10008.1.2.1") -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


class Nobody:
    """A queue that nobody listens to."""

    def publish(self, topic: str, bodies: Sequence[str]) -> None:
        """Nothing is derived here."""

    def send(self, queue: str, bodies: Sequence[str], *, delay_s: int = 0) -> None:
        """Nor later."""


@dataclass
class Clinic:
    """A node with an index. Workstation WS and modality CT are known, of one organization; OTHER is of another."""

    running: Running
    services: Services

    @property
    def port(self) -> int:
        return self.running.port

    def introduce(self, ae_title: str, port: int, organization_id: str = ORGANIZATION, **more: Any) -> None:
        """Let the organization's moves go to a port of this machine."""
        peer = {"ae_title": ae_title, "host": "127.0.0.1", "port": port, "organization_id": organization_id, **more}
        self.running.home.publish({**CLINIC_TABLE, "peers": [peer]})
        self.running.node._peers.reload()

    def hold(self, *bodies: bytes, organization_id: str = ORGANIZATION, branch_id: str = BRANCH) -> None:
        """Store and index."""
        scope = Scope(organization_id, "system")
        for body in bodies:
            assert store_instance(self.services, scope, body, branch_id=branch_id).error is None
        keys = [info.key for info in self.services.originals.scan(organization_id)]
        assert index_objects(self.services, keys) == {}


def known(name: str, organization_id: str = ORGANIZATION, branch_id: str = BRANCH, **more: Any) -> dict[str, Any]:
    place = {"organization_id": organization_id, "branch_id": branch_id}
    return {"name": name, "calling_ae_title": name, **place, **more}


CLINIC_TABLE: dict[str, Any] = {
    "mode": "open",
    "default": {"organization_id": ORGANIZATION, "branch_id": BRANCH},
    "modalities": [
        known("WS"),
        known("CT", query=False),
        known("FAR", branch_id=ELSEWHERE),
        known("OTHER", STRANGERS, ELSEWHERE),
    ],
}


@pytest.fixture
def clinic(home: Home, run: Run, fresh_dsn: str) -> Iterator[Clinic]:
    with clinic_of(home, run, fresh_dsn) as made:
        yield made


@contextmanager
def clinic_of(home: Home, run: Run, dsn: str, **settings: Any) -> Iterator[Clinic]:
    """A clinic whose node has these settings."""
    home.publish(CLINIC_TABLE)
    services = Services(replace(home.settings, database_dsn=dsn))
    vars(services)["queue"] = Nobody()
    yield Clinic(run(database_dsn=dsn, **settings), services)
    services.database.close()


class Process:
    """`python -m gateway_scp`, and the lines that it has written."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "gateway_scp"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []

    def read_until(self, message: str) -> dict[str, Any]:
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["message"] == message:
                return self.lines[-1]
        raise AssertionError(f"no line {message!r} in {self.lines}")

    @property
    def port(self) -> int:
        if not any(each["message"] == "listening" for each in self.lines):
            self.read_until("listening")
        return int(next(each["port"] for each in self.lines if each["message"] == "listening"))

    def rest(self) -> list[dict[str, Any]]:
        """All lines, when it has ended."""
        assert self.popen.stdout
        self.lines += [json.loads(line) for line in self.popen.stdout]
        self.popen.wait(20)
        return self.lines

    def stop(self) -> None:
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdout
        self.popen.stdout.close()


@pytest.fixture
def spawn(home: Home) -> Iterator[Callable[..., Process]]:
    """Start a node as a process of its own, with these variables beside the home's."""
    started: list[Process] = []

    def start(**variables: str) -> Process:
        started.append(Process(home.environment(**variables)))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> bool:
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.05)):
        if condition():
            return True
        pause.wait(0.05)
    return condition()
