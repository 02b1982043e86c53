"""What starting a function, carrying it, and storing an instance may cost. A budget that is exceeded fails.

Times are ratios of processor time to importing FastAPI in the same run, so that other machines and loads agree.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from functions.catalogue import FUNCTIONS, source
from infra import layers
from pacs.archive.deriving import derive_instances
from pacs.archive.indexing import index_objects
from pacs.archive.storing import store_instance
from pacs.aws.store import S3Store
from pacs.local.clock import SystemClock
from pacs.people.scope import Scope
from pacs.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = "fastapi"
# Modules are counted exactly: what creeps in shows there. Times depend on the machine's caches and on the load of its
# other processors (3.3 here was 3.9 there for the same imports), so they have room and stop what is slow by itself.
# Measured: 102, 376, 700, 952, 916, 699, 683, 474, 591, 597 modules.
IMPORT_MODULES = {
    "authorizer": 115,
    "crons": 400,
    "deriver": 740,
    "dicomweb": 1000,
    "frames": 965,
    "indexer": 735,
    "launch": 720,
    "migrate": 500,
    "portal": 620,
    "workitems": 630,
}
OTHERS_MODULES = 600  # a function that has no budget of its own
# Measured: 0.1, 0.9, 2.4, 3.3, 3.1, 2.4, 2.0, 1.4, 1.8, 1.8 times the reference.
IMPORT_RATIOS = {
    "authorizer": 0.4,
    "crons": 1.6,
    "deriver": 3.6,
    "dicomweb": 5.0,
    "frames": 4.8,
    "indexer": 3.6,
    "launch": 3.4,
    "migrate": 2.5,
    "portal": 3.2,
    "workitems": 3.2,
}
OTHERS_RATIO = 2.8  # a function that has no budget of its own
NEVER = {
    "authorizer": {"fastapi", "mangum", "pydicom", "sqlalchemy", "boto3"},
    "crons": {"fastapi", "mangum", "pydicom"},
    "deriver": {"fastapi", "mangum"},
    "indexer": {"fastapi", "mangum"},
    "launch": {"pydicom", "numpy"},
    "portal": {"pydicom", "numpy"},
}
# boto3 is for the cloud, and imported when it is used first; pynetdicom is for the door. (numpy and the codecs are
# imported by pydicom itself.)
NEVER_AT_START = {"boto3", "pynetdicom"}
FUNCTION_MAX_BYTES = 64 << 10
LAYER_MAX_BYTES = {"pacs": 60 << 20, "codecs": 130 << 20}
INSTANCES = 100


def imported(module: str) -> tuple[float, set[str]]:
    """Seconds of processor time that an import takes in a fresh interpreter, and the modules that are there then."""
    code = (
        f"import sys, time; before = time.process_time(); import {module};"
        " print(time.process_time() - before, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    took_s, *names = done.stdout.split()
    return float(took_s), set(names)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_function_starts_within_its_budget(function: Any) -> None:
    name = f"functions.{function.name}.handler"
    imported(name)  # compiles what nobody has imported yet
    pairs = [(imported(name)[0], imported(REFERENCE)[0]) for _ in range(3)]
    took_s, reference_s = (min(each) for each in zip(*pairs, strict=True))
    assert took_s / reference_s <= IMPORT_RATIOS.get(function.name, OTHERS_RATIO)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_function_imports_what_it_needs(function: Any) -> None:
    _, modules = imported(f"functions.{function.name}.handler")
    assert len(modules) <= IMPORT_MODULES.get(function.name, OTHERS_MODULES)
    packages = {each.partition(".")[0] for each in modules}
    assert not packages & (NEVER_AT_START | NEVER.get(function.name, set()))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_function_is_small(function: Any) -> None:
    sources = (ROOT / "functions" / function.name).rglob("*.py")
    assert 0 < sum(path.stat().st_size for path in sources) <= FUNCTION_MAX_BYTES


def installed_bytes(requirements: list[str]) -> int:
    """What these packages take on this machine, without what a layer leaves out."""
    names = {line.partition("==")[0] for line in requirements}
    paths = [Path(str(each.locate())) for name in names for each in metadata.files(name) or ()]
    kept = [each for each in paths if each.is_file() and not layers.DROPPED_FOLDERS & set(each.parts)]
    return sum(each.stat().st_size for each in kept)


def test_the_layers_are_small() -> None:
    pacs = layers.requirements()
    codecs = [package for package in layers.requirements("decode") if package not in pacs]
    assert installed_bytes(pacs) <= LAYER_MAX_BYTES["pacs"]
    assert installed_bytes(codecs) <= LAYER_MAX_BYTES["codecs"]


class Counted:
    """A database that counts its statements."""

    def __init__(self, database: Any) -> None:
        self.database, self.statements = database, 0

    def fetch(self, *arguments: Any) -> Any:
        self.statements += 1
        return self.database.fetch(*arguments)


class Published(list[str]):
    """A topic whose messages a test takes out."""

    def publish(self, topic: str, bodies: list[str]) -> None:
        self.extend(bodies)


@contextmanager
def buckets() -> Iterator[tuple[list[S3Store], list[str]]]:
    """Originals and derived on S3, and the requests to them."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for name in ("originals", "derived"):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    requests: list[str] = []
    client.meta.events.register("before-send.s3", lambda request, **_: requests.append(request.method))
    yield [S3Store(name, client) for name in ("originals", "derived")], requests
    server.stop()


def series() -> Iterator[bytes]:
    """The instances of one CT series."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    dataset = dcmread(path)
    for number in range(1, INSTANCES + 1):
        dataset.InstanceNumber = number
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        out = BytesIO()
        dataset.save_as(out)
        yield out.getvalue()


def test_storing_an_instance_takes_few_requests_and_statements(database: Any) -> None:
    scope, counted, published = Scope("00000000-0000-4000-8000-000000000001", "system"), Counted(database), Published()
    with buckets() as ((originals, derived), requests):
        services: Any = SimpleNamespace(
            settings=Settings(),
            originals=originals,
            derived=derived,
            database=counted,
            queue=published,
            clock=SystemClock(),
        )
        for body in series():
            assert store_instance(services, scope, body).outcome == "created"
        assert requests == ["PUT"] * INSTANCES
        keys = [info.key for info in originals.scan()]
        requests.clear()
        assert index_objects(services, keys) == {}
        assert sorted(requests) == ["GET"] * INSTANCES + ["PUT"]  # each header, and one part of metadata
        batch = source("derive").batch_size
        events = [{"FilePath": key} for key in keys]
        for start in range(0, INSTANCES, batch):
            assert derive_instances(services, events[start : start + batch]) == {}
    assert INSTANCES + len(requests) <= 4 * INSTANCES + 10  # and ten a series
    assert len(published) == INSTANCES
    assert counted.statements / INSTANCES <= 0.1
