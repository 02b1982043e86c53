"""A worklist over a fresh database, by each of the two drivers."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from sqlalchemy import text

from pacs.database.data_api_driver import DataApiDatabase
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.local.clock import SystemClock
from pacs.people.scope import Scope
from pacs.ports import Database
from tests.contract.data_api_emulator import serve

ORGANIZATION = "00000000-0000-4000-8000-000000000001"


@dataclass
class Parts:
    """What the room needs of the services."""

    database: Database
    clock: Any


@pytest.fixture(params=["psycopg", "data_api"])
def parts(request: pytest.FixtureRequest, fresh_dsn: str) -> Iterator[Any]:
    with ExitStack() as stack:
        if request.param == "psycopg":
            database: Any = PsycopgDatabase(fresh_dsn)
        else:
            _, endpoint = stack.enter_context(serve(fresh_dsn))
            client = boto3.client(
                "rds-data",
                endpoint_url=endpoint,
                region_name="eu-central-1",
                aws_access_key_id="nobody",
                aws_secret_access_key="nothing",
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
            )
            stack.callback(client.close)
            database = DataApiDatabase("arn:aws:rds:cluster:pacs", "arn:aws:secretsmanager:secret:pacs", "pacs", client)
        stack.callback(database.close)
        yield Parts(database, SystemClock())


@pytest.fixture
def scope() -> Scope:
    return Scope(ORGANIZATION, "radiologist")


@pytest.fixture
def add_study(parts: Any) -> Any:
    """Puts a study of a branch into the index."""

    def add(study: str, branch_id: str) -> None:
        parts.database.fetch(
            text(
                "insert into studies (organization_id, study_instance_uid, branch_id, patient_key,"
                " attributes_received_at) values (cast(:organization as uuid), :study, cast(:branch as uuid), 'k',"
                " now())"
            ),
            {"organization": ORGANIZATION, "study": study, "branch": branch_id},
        )

    return add
