"""The servers that the contract suites run against: moto's for AWS, the embedded PostgreSQL for one machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from infra.local.postgres import EmbeddedPostgres

AwsClient = Callable[[str], Any]


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
def postgres_dsn() -> Iterator[str]:
    """A PostgreSQL that lives as long as the tests."""
    with TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        server.start()
        yield server.dsn
        server.stop()
