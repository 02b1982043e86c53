"""Callbacks: what is signed, what is tried again and how often, and what is written down."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.database.engine import EngineDatabase
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dictation.callbacks import Delivery, deliver, list_deliveries, next_after_s, send_again, sign
from pacs.errors import NotConfigured, NotFound
from pacs.people.organizations import NewMember, add_member, add_organization
from pacs.people.scope import Scope
from pacs.settings import Settings
from tests.contract.conftest import Opener, data_api, open_database
from tests.dictation.receiver import OK, Receiver, answer, receiving
from tests.dictation.rows import add_job
from tests.functions.doors import PASSWORD, TurnedClock

__all__ = ["data_api", "open_database"]

SECRET = "5f1d0c9e7b3a48d2a6c4e8f00b7d9135"
BODY = '{"status":"completed","reports":[{"reportText":"Pnömotoraks yok"}]}'.encode()
HOURS = 3600


@dataclass
class Started:
    runs: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        self.runs.append((machine, name, input))


@dataclass
class Office:
    """An organization with jobs, and the one whom it calls. What else services have callbacks do not ask for."""

    database: EngineDatabase
    settings: Settings
    receiver: Receiver
    scope: Scope
    member_id: str
    clock: TurnedClock = field(default_factory=TurnedClock)
    workflow: Started = field(default_factory=Started)

    @property
    def services(self) -> Any:
        return self

    def job(self) -> str:
        return add_job(self.database, self.scope, self.member_id, self.clock.now())

    def deliver(self, job_id: str, url: str = "") -> Delivery:
        address = url or f"http://127.0.0.1:{self.receiver.port}/callback"
        return deliver(self.services, self.scope.organization_id, job_id, address, SECRET, BODY)

    def listed(self, **wanted: Any) -> list[Delivery]:
        return list_deliveries(self.database, self.scope, **wanted)


@pytest.fixture(scope="module")
def listening() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def office(database: PsycopgDatabase, listening: Receiver) -> Office:
    return opened(database, listening)


@pytest.fixture
def office_over_both_drivers(open_database: Opener, fresh_dsn: str, listening: Receiver) -> Office:
    return opened(open_database(fresh_dsn), listening)


def opened(database: EngineDatabase, receiver: Receiver, name: str = "Tele") -> Office:
    receiver.answers, receiver.heard = [OK], []
    settings = Settings(callback_allow=f"http://127.0.0.1:{receiver.port}")
    scope = Scope(add_organization(database, name), "system")
    member_id = add_member(database, scope, NewMember(f"{name}@example.org", PASSWORD, "admin"))
    return Office(database, settings, receiver, scope, member_id)


def test_what_is_signed_is_the_timestamp_a_full_stop_and_the_body() -> None:
    told = hmac.new(SECRET.encode(), b"2026-03-05T09:00:00Z." + BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, "2026-03-05T09:00:00Z", BODY) == told
    assert len({told, sign("x", "2026-03-05T09:00:00Z", BODY), sign(SECRET, "2026-03-05T09:00:01Z", BODY)}) == 3


def test_the_waits_are_those_of_the_contract() -> None:
    waits = [next_after_s(attempt) for attempt in range(1, 9)]
    assert waits == [5, 300, 1800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS, None]


def test_a_call_is_signed_at_its_time_and_written_down_without_its_body(office: Office) -> None:
    job_id = office.job()
    delivery = office.deliver(job_id)
    assert (delivery.attempt, delivery.outcome, delivery.status, delivery.failure) == (1, "delivered", 200, "")
    assert (delivery.again_after_s, delivery.again_at, delivery.attempted_at) == (None, None, office.clock.now())
    headers = office.receiver.headers
    assert office.receiver.body == BODY and headers["content-type"] == "application/json"
    assert headers["x-raportai-timestamp"] == "2026-01-05T09:00:00Z"
    assert headers["x-raportai-signature"] == sign(SECRET, "2026-01-05T09:00:00Z", BODY)
    assert office.listed(job_id=job_id) == [delivery]
    [row] = office.database.fetch(text("select to_jsonb(d)::text as whole from callback_deliveries d"))
    assert "reportText" not in row["whole"] and SECRET not in row["whole"]


def test_what_failed_is_tried_again_until_the_waits_are_over(office_over_both_drivers: Office) -> None:
    office = office_over_both_drivers
    office.receiver.answers = [answer(500), answer(301, "Location: /x"), answer(404), answer(200, "X: " + "y" * 70_000)]
    office.receiver.answers += [answer(503)] * 4
    job_id, waited = office.job(), []
    for _ in range(8):
        delivery = office.deliver(job_id)
        waited.append(delivery.again_after_s)
        took_s = delivery.took_ms / 1000
        if delivery.again_at is not None:
            left = delivery.again_at - office.clock.now()
            assert left.total_seconds() == pytest.approx((delivery.again_after_s or 0) + took_s)
        office.clock.pass_s(delivery.again_after_s or 0)
    assert waited == [5, 300, 1800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS, None]
    calls = office.listed(job_id=job_id)
    assert [call.attempt for call in calls] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [call.status for call in calls] == [503, 503, 503, 503, None, 404, 301, 500]
    assert calls[4].failure == "too-large"
    assert office.deliver(job_id) == calls[0] and len(office.receiver.heard) == 8
    assert office.listed(dead=True) == [calls[0]]


def test_what_was_delivered_is_not_sent_twice(office: Office) -> None:
    """A step that was killed after its call runs again."""
    job_id = office.job()
    office.receiver.answers = [answer(500), answer(204)]
    assert office.deliver(job_id).outcome == "failed"
    assert office.listed(dead=True) == []  # it will be tried again
    first = office.deliver(job_id)
    assert (first.attempt, first.outcome, first.status) == (2, "delivered", 204)
    assert office.deliver(job_id) == first and len(office.receiver.heard) == 2


def test_gone_ends_it(office: Office) -> None:
    office.receiver.answers = [answer(410)]
    job_id = office.job()
    gone = office.deliver(job_id)
    assert (gone.outcome, gone.status, gone.again_after_s) == ("gone", 410, None)
    assert office.deliver(job_id) == gone and len(office.receiver.heard) == 1
    assert office.listed(dead=True) == [gone]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:8443/", "http://hbys.example.org/", "https://169.254.169.254/latest"]
)
def test_addresses_that_we_may_not_call_are_refused(office: Office, url: str) -> None:
    refused = office.deliver(office.job(), url)
    assert (refused.outcome, refused.status, refused.again_after_s) == ("refused", None, None)
    assert refused.failure in ("url", "not-public")
    assert office.listed(dead=True) == [refused]


def test_a_setting_that_is_no_list_of_origins_is_told(office: Office) -> None:
    office.settings = replace(office.settings, callback_allow="127.0.0.1")
    with pytest.raises(NotConfigured):
        office.deliver(office.job())


def test_dead_ones_are_sent_again_with_all_attempts(office_over_both_drivers: Office) -> None:
    office = office_over_both_drivers
    office.receiver.answers = [answer(410), answer(500), answer(200)]
    job_id = office.job()
    office.deliver(job_id)
    asked = send_again(office.services, office.scope, job_id)
    assert (asked.outcome, asked.attempt) == ("asked", 0)
    told = {"organization": office.scope.organization_id, "job": job_id, "resend": True}
    assert office.workflow.runs == [("report-job", f"{job_id}-again-{asked.id}", told)]
    assert office.listed(dead=True) == []
    assert [office.deliver(job_id).attempt for _ in range(2)] == [1, 2]
    assert [call.outcome for call in office.listed()] == ["delivered", "failed", "asked", "gone"]
    again = send_again(office.services, office.scope, job_id)  # what was delivered, too
    assert office.deliver(job_id).outcome == "delivered" and len(office.receiver.heard) == 4
    assert office.workflow.runs[1][1] == f"{job_id}-again-{again.id}"
    [deed] = office.database.fetch(text("select distinct subject from audit where action = 'send-callback'"))
    assert deed["subject"] == job_id


def test_who_asks_twice_in_a_row_has_asked_once(office: Office) -> None:
    job_id = office.job()
    office.deliver(job_id)
    asked = send_again(office.services, office.scope, job_id)
    office.clock.pass_s(30)
    assert send_again(office.services, office.scope, job_id) == asked
    assert office.workflow.runs[0] == office.workflow.runs[1]  # a name that was used before starts nothing
    office.clock.pass_s(31)  # nobody has called meanwhile
    assert send_again(office.services, office.scope, job_id).id > asked.id


def test_lists_go_on_before_the_last_one(office: Office) -> None:
    jobs = [office.job() for _ in range(3)]
    for job_id in jobs:
        office.deliver(job_id)
    first = office.listed(limit=2)
    rest = office.listed(limit=2, before=first[-1].id)
    assert [call.job_id for call in (*first, *rest)] == jobs[::-1]
    assert office.listed(job_id="no such job") == []


def test_organizations_see_their_own_alone(office: Office) -> None:
    other = opened(office.database, office.receiver, "Other")
    job_id = office.job()
    office.receiver.answers = [answer(410)]
    office.deliver(job_id)
    assert other.listed() == other.listed(job_id=job_id) == other.listed(dead=True) == []
    for wanted in (job_id, str(uuid.uuid4()), "x"):
        with pytest.raises(NotFound):
            send_again(other.services, other.scope, wanted)
    assert other.workflow.runs == []
