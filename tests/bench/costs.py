"""What storing a series costs: S3 requests and SQL statements, counted. Asked by the budgets and the benchmark."""

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from functions.catalogue import source
from infra.local.postgres import EmbeddedPostgres
from pacs.archive.deriving import SeriesPath, derive_instances, derive_series
from pacs.archive.indexing import index_objects
from pacs.archive.storing import store_instance
from pacs.aws.store import S3Store
from pacs.database import migrate
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.scope import Scope
from pacs.settings import Settings

INSTANCES = 100


@dataclass(frozen=True)
class Costs:
    """Of a series of 100 instances: requests to S3 at each step by method, messages and statements."""

    storing: list[str]
    indexing: list[str]
    deriving: list[str]
    published: int
    statements: int

    @property
    def requests_an_instance(self) -> float:
        return (len(self.storing) + len(self.indexing) + len(self.deriving)) / INSTANCES

    @property
    def statements_an_instance(self) -> float:
        return self.statements / INSTANCES


class Counted:
    """A database that counts its statements."""

    def __init__(self, database: Any) -> None:
        self.database, self.statements = database, 0

    def fetch(self, *arguments: Any) -> Any:
        self.statements += 1
        return self.database.fetch(*arguments)


class Published(list[str]):
    """A topic whose messages are taken out, and the series that are to be looked at later."""

    def __init__(self) -> None:
        super().__init__()
        self.series: set[SeriesPath] = set()

    def publish(self, topic: str, bodies: list[str]) -> None:
        self.extend(bodies)

    def send(self, queue: str, bodies: list[str], *, delay_s: int) -> None:
        self.series.update(tuple(json.loads(body)["series"]) for body in bodies)


class LaterClock:
    """A clock by which everything has come to rest."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=1)


@contextmanager
def buckets() -> Iterator[tuple[list[S3Store], list[str]]]:
    """Originals and derived on S3, and the requests to them."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would print each request
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


def costs_of_a_series(database: Any) -> Costs:
    """Store, index and derive a series on S3 in batches of the deployed sizes, and count."""
    scope, counted, published = Scope("00000000-0000-4000-8000-000000000001", "system"), Counted(database), Published()
    with buckets() as ((originals, derived), requests):
        services: Any = SimpleNamespace(
            settings=Settings(),
            originals=originals,
            derived=derived,
            database=counted,
            queue=published,
            clock=LaterClock(),
        )
        for body in series():
            assert store_instance(services, scope, body).outcome == "created"
        storing = requests.copy()
        sizes = {info.key: info.size_bytes for info in originals.scan()}
        requests.clear()
        assert index_objects(services, list(sizes), sizes) == {}
        indexing = requests.copy()
        requests.clear()
        batch = source("derive").batch_size
        events = [json.loads(body) for body in published]
        for start in range(0, INSTANCES, batch):
            assert derive_instances(services, events[start : start + batch]) == {}
        assert derive_series(services, published.series) == {}
    return Costs(storing, indexing, requests, len(published), counted.statements)


@cache
def costs() -> Costs:
    """The same over a database of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        server = EmbeddedPostgres(Path(home))
        server.start()
        database = PsycopgDatabase(server.dsn)
        try:
            migrate.upgrade(database)
            return costs_of_a_series(database)
        finally:
            database.close()
            server.stop()
