"""A worklist over a fresh database, by each of the two drivers."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.local.clock import SystemClock
from pacs.people.scope import Scope
from pacs.ports import Database
from tests.contract.conftest import DataApi

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
            database = DataApi(stack)(fresh_dsn)
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
