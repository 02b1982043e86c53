"""An organization that asks models, over either driver of the database: its services, its people, its clock."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pacs.ai import configuring
from pacs.ai.configuring import Change, Configured
from pacs.ai.usage import About
from pacs.bootstrap import Services
from pacs.database.engine import EngineDatabase
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.organizations import NewMember, add_member, add_organization
from pacs.people.scope import Scope
from pacs.ports import Answer, Describer, Endpoint, Question, Usage
from pacs.settings import Settings
from tests.conftest import Databases
from tests.contract.conftest import DataApi
from tests.functions.doors import PASSWORD

EVENTS = text("select * from ai_usage_events where organization_id = cast(:organization_id as uuid) order by id")
QUESTION = Question("You are asked.", "What is it?", schema={"type": "object", "properties": {}}, most_tokens=1000)
TEST = About("test")


@dataclass
class TurnedClock:
    at: datetime = datetime(2026, 11, 22, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Outbox:
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)  # the same as HTML
    error: Exception | None = None

    def send(self, to: str, subject: str, text: str, *, html: str = "") -> None:
        if self.error:
            raise self.error
        self.sent.append((to, subject, text))
        self.pages.append(html)


Said = Callable[[Endpoint, Question], Answer]


@dataclass
class Voice:
    """A describer that says what a test says."""

    endpoint: Endpoint
    says: Said

    def ask(self, question: Question) -> Answer:
        return self.says(self.endpoint, question)


class House(Services):
    """One organization. `says` answers for every model, unless it is None: then adapters ask whom they are told to."""

    database: EngineDatabase
    clock: TurnedClock
    mailer: Outbox

    def __init__(self, database: EngineDatabase, home: Path, **settings: Any) -> None:
        super().__init__(Settings(home=home, public_url="https://pacs.example", ai_openai_key="sk-owner", **settings))
        self.database, self.clock, self.mailer = database, TurnedClock(), Outbox()
        self.scope = Scope(add_organization(database, f"Klinik {uuid.uuid4()}"), "admin")
        self.says: Said | None = taking(400, 900)
        self.consent(True)

    def describer(self, endpoint: Endpoint) -> Describer:
        return Voice(endpoint, self.says) if self.says else super().describer(endpoint)

    def set(self, **settings: Any) -> None:
        self.settings = replace(self.settings, **settings)

    def configure(self, name: str, **change: Any) -> Configured:
        """A provider of this organization's own."""
        return configuring.save(self, self.scope, name, Change(**{"enabled": True, **change}))

    def consent(self, given: bool) -> None:
        configuring.set_consent(self, self.scope, given)

    def administrator(self) -> str:
        """The address of one more."""
        email = f"{uuid.uuid4()}@example.org"
        add_member(self.database, self.scope, NewMember(email, PASSWORD, "admin"))
        return email

    def events(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.database.fetch(EVENTS, {"organization_id": self.scope.organization_id})]


def taking(tokens_in: int, tokens_out: int, *, cached: int = 0) -> Said:
    """A model that answers the same and takes so many tokens."""

    def say(endpoint: Endpoint, question: Question) -> Answer:
        return Answer("{}", Usage(tokens_in, tokens_out, cached, len(question.images), 1.5), endpoint.model)

    return say


def dollars(told: str) -> Decimal:
    return Decimal(told)


@pytest.fixture(scope="module")
def one_database(databases: Databases, migrated: str) -> Iterator[EngineDatabase]:
    """A database for all tests of a module, each of which has an organization of its own."""
    name = databases.create(template=migrated)
    with ExitStack() as stack:
        opened = PsycopgDatabase(databases.postgres.dsn_of(name))
        stack.callback(opened.close)
        yield opened
    databases.used.append(name)


@pytest.fixture(scope="module", params=["psycopg", "data_api"])
def both_databases(request: pytest.FixtureRequest, databases: Databases, migrated: str) -> Iterator[EngineDatabase]:
    """The same over each driver."""
    name = databases.create(template=migrated)
    with ExitStack() as stack:
        opened = (PsycopgDatabase if request.param == "psycopg" else DataApi(stack))(databases.postgres.dsn_of(name))
        stack.callback(opened.close)
        yield opened
    databases.used.append(name)


@pytest.fixture
def house(one_database: EngineDatabase, tmp_path: Path) -> House:
    return House(one_database, tmp_path)
