"""Credits: what is held, used and let go, and that nobody spends one twice. Over both drivers."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from pacs.database.engine import EngineDatabase
from pacs.errors import BadRequest, Conflict, InsufficientCredits, PacsError
from pacs.people.organizations import add_organization
from pacs.people.scope import Scope
from pacs.reporting import credits
from pacs.reporting.credits import Balance
from tests.contract.conftest import data_api, database, open_database
from tests.functions.doors import TurnedClock

__all__ = ["data_api", "database", "open_database"]

ALL_ACCOUNTS = text("select sum(balance) as total from credit_balances")
OF_THE_MOVES = text(
    "select coalesce(sum(case target when 'available' then credits else 0 end)"
    " - sum(case source when 'available' then credits else 0 end), 0) as total from credit_moves"
    " where organization_id = cast(:organization_id as uuid)"
)


@dataclass
class Ledger:
    """The credits of one organization."""

    database: EngineDatabase
    clock: TurnedClock
    scope: Scope

    @property
    def balance(self) -> Balance:
        return credits.read_balance(self.database, self.scope)

    def add(self, number: int, reason: str = "invoice 7") -> Balance:
        return credits.add_credits(self.database, self.clock, self.scope, number, reason)

    def hold(self, job: str, number: int) -> None:
        credits.hold_credits(self.database, self.clock, self.scope, job, number)

    def settle(self, job: str, used: int) -> None:
        credits.settle_credits(self.database, self.clock, self.scope, job, used)


def opened(database: EngineDatabase, name: str) -> Ledger:
    return Ledger(database, TurnedClock(), Scope(add_organization(database, name), "accounting", member_id="ayse"))


@pytest.fixture
def ledger(database: EngineDatabase) -> Ledger:
    return opened(database, "Tele")


def job() -> str:
    return str(uuid.uuid4())


def test_a_job_holds_and_uses_and_lets_go(ledger: Ledger) -> None:
    assert ledger.add(10) == Balance(10, 0, 0)
    first = job()
    ledger.hold(first, 7)
    assert ledger.balance == Balance(3, 7, 0)
    for _ in range(2):  # a step that is repeated costs nothing more
        ledger.hold(first, 7)
        ledger.settle(first, 5)
    assert ledger.balance == Balance(5, 0, 5)
    assert ledger.database.fetch(ALL_ACCOUNTS) == [{"total": 0}]


def test_what_is_not_there_is_not_spent(ledger: Ledger) -> None:
    ledger.add(3)
    with pytest.raises(InsufficientCredits):
        ledger.hold(job(), 4)
    with pytest.raises(InsufficientCredits):
        ledger.add(-4)
    with pytest.raises(Conflict):
        ledger.settle(job(), 1)
    assert ledger.balance == Balance(3, 0, 0)
    assert ledger.add(-3, "refund") == Balance(0, 0, 0)


@pytest.mark.parametrize(
    ("number", "reason", "field"), [(0, "x", "credits"), (10**9, "x", "credits"), (1, " ", "reason")]
)
def test_errors_name_the_field(ledger: Ledger, number: int, reason: str, field: str) -> None:
    with pytest.raises(BadRequest) as told:
        ledger.add(number, reason)
    assert told.value.field == field


def test_fifty_submissions_at_once_spend_what_is_there(ledger: Ledger) -> None:
    ledger.add(30)

    def submit(_: int) -> bool:
        try:
            ledger.hold(job(), 1)
        except InsufficientCredits:
            return False
        return True

    with ThreadPoolExecutor(50) as several:
        held = sum(several.map(submit, range(50)))
    assert held == 30
    assert ledger.balance == Balance(0, 30, 0)
    moved = ledger.database.fetch(OF_THE_MOVES, {"organization_id": ledger.scope.organization_id})
    assert moved == [{"total": 0}]


def test_organizations_do_not_share(ledger: Ledger, database: EngineDatabase) -> None:
    other = opened(database, "Other")
    ledger.add(5)
    assert other.balance == Balance(0, 0, 0)
    same = job()
    ledger.hold(same, 1)
    with pytest.raises(Conflict):
        other.settle(same, 1)


def test_moves_are_only_added_to(ledger: Ledger) -> None:
    ledger.add(1)
    for change in ("update credit_moves set credits = 9", "delete from credit_moves", "truncate credit_moves"):
        with pytest.raises(PacsError):
            ledger.database.fetch(text(change))
    assert ledger.balance == Balance(1, 0, 0)


def test_a_statement_tells_a_month(ledger: Ledger) -> None:
    ledger.add(10, "January's invoice")
    ledger.clock.pass_s(timedelta(days=40).total_seconds())
    at: datetime = ledger.clock.now()
    first = job()
    ledger.hold(first, 4)
    ledger.settle(first, 3)
    rows = credits.read_statement(ledger.database, ledger.scope, at.year, at.month)
    assert [(row["kind"], row["credits"], row["available"]) for row in rows] == [
        ("hold", 4, 6),
        ("capture", 3, 6),
        ("release", 1, 7),
    ]
    assert {row["job_id"] for row in rows} == {first}
    [before] = credits.read_statement(ledger.database, ledger.scope, 2026, 1)
    assert (before["kind"], before["reason"], before["member"]) == ("top-up", "January's invoice", "ayse")
    with pytest.raises(BadRequest):
        credits.read_statement(ledger.database, ledger.scope, 2026, 13)
