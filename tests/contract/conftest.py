"""The servers that the contract suites run against: moto's for AWS, the embedded PostgreSQL for one machine."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from infra.local.postgres import EmbeddedPostgres
from pacs.database.data_api_driver import DataApiDatabase
from pacs.database.engine import EngineDatabase
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.local.store import DirectoryStore
from pacs.ports import ObjectStore
from tests.contract.data_api_emulator import DataApiEmulator, serve

AwsClient = Callable[[str], Any]
Opener = Callable[..., EngineDatabase]


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The URL of a fresh AWS."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def aws_client(moto_server: str) -> AwsClient:
    def client(name: str) -> Any:
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=moto_server,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return client


@pytest.fixture(scope="session")
def postgres_dsn(postgres: EmbeddedPostgres) -> str:
    """Where to connect to a database that lives as long as the tests."""
    return postgres.dsn


class DataApi:
    """Opens databases over emulators, which end with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.emulators: list[DataApiEmulator] = []

    def __call__(self, dsn: str, *, patience_s: float = 5.0) -> DataApiDatabase:
        emulator, endpoint = self.stack.enter_context(serve(dsn))
        self.emulators.append(emulator)
        client = boto3.client(
            "rds-data",
            endpoint_url=endpoint,
            region_name="eu-central-1",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20, read_timeout=300),
        )
        self.stack.callback(client.close)
        return DataApiDatabase(
            "arn:aws:rds:cluster:pacs", "arn:aws:secretsmanager:secret:pacs", "pacs", client, patience_s=patience_s
        )


@pytest.fixture
def data_api() -> Iterator[DataApi]:
    with ExitStack() as stack:
        yield DataApi(stack)


@pytest.fixture(params=["psycopg", "data_api"])
def open_database(request: pytest.FixtureRequest, data_api: DataApi) -> Iterator[Opener]:
    with ExitStack() as stack:

        def opener(dsn: str, **options: Any) -> EngineDatabase:
            made = (PsycopgDatabase if request.param == "psycopg" else data_api)(dsn, **options)
            stack.callback(made.close)
            return made

        yield opener


@pytest.fixture
def database(open_database: Opener, fresh_dsn: str) -> EngineDatabase:
    return open_database(fresh_dsn)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    root = tmp_path_factory.mktemp("store")
    return DirectoryStore(root, name="originals", journal=None, url_base="http://here", url_key=b"key" * 11)


@pytest.fixture(scope="module", params=["directory", "s3_store"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    chosen: ObjectStore = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def folder() -> str:
    """A prefix that no other test uses."""
    return f"{uuid.uuid4().hex}/"
