"""The rows of a job from the press to the report, over both drivers: held by one, renewed, left, ended once."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pacs.ai.holding import Held, claim, holder_of, renewed
from pacs.ai.jobs import GAVE_UP, MOST_TRIES, Job, Wanted, ask, cancel, find_job, found_job, list_jobs
from pacs.ai.prereports import find_prereport, list_prereports
from pacs.ai.taking import take_over
from pacs.ai.working import fail, finish
from pacs.database.engine import EngineDatabase
from pacs.errors import NotFound
from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from pacs.ports import DeadLetter, QueueDepth
from tests.ai.house import House, both_databases
from tests.ai.rows import document_of
from tests.database.rows import row
from tests.functions.doors import PASSWORD

__all__ = ["both_databases"]

INDEX = text("select sop_instance_uid, object_key, changed from index_instances(cast(:rows as jsonb))")
CODE = text("select code from studies where organization_id = cast(:organization_id as uuid)")
CLAIMED = text(
    "update studies set state = 'claimed', claimed_by = cast(:me as uuid), claimed_at = now()"
    " where organization_id = cast(:organization_id as uuid)"
)
CRITICAL = {"finding": "Serbest gaz", "why": "Delinme", "images": [1]}


class Counting:
    """A queue that only counts what it is given."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, queue: str, bodies: Any, *, delay_s: int = 0) -> None:
        self.sent += bodies

    def publish(self, topic: str, bodies: Any) -> None:
        self.sent += bodies

    def depth(self, queue: str) -> QueueDepth:
        return QueueDepth(len(self.sent), 0, 0, 0.0)

    def dead_letters(self, queue: str, *, limit: int = 100) -> list[DeadLetter]:
        return []

    def redrive(self, queue: str) -> int:
        return 0


class Case:
    """A study of an organization, claimed by the reader who asks."""

    def __init__(self, house: House) -> None:
        self.house, self.queue = house, Counting()
        house.__dict__["queue"] = self.queue
        organization = house.scope.organization_id
        email = f"{organization}@example.org"
        member = add_member(house.database, house.scope, NewMember(email, PASSWORD, "radiologist", "Dr. Işık"))
        self.reader = Scope(organization, "radiologist", member_id=member)
        made = row(study=f"1.{organization.replace('-', '').translate(str.maketrans('abcdef', '123456'))}")
        house.database.fetch(INDEX, {"rows": [made | {"organization_id": organization}]})
        self.code = str(house.database.fetch(CODE, {"organization_id": organization})[0]["code"])
        house.database.fetch(CLAIMED, {"organization_id": organization, "me": member})

    def ask(self) -> Job:
        return ask(self.house, self.reader, self.code, Wanted("rai-mock"))

    def claim(self, job: Job, *, fresh: bool = True) -> Held:
        held = claim(self.house, self.reader.organization_id, job.id, fresh=fresh)
        assert held
        return held

    def now(self, job: Job) -> Job:
        return found_job(self.house.database, self.reader, job.id)


@pytest.fixture
def case(both_databases: EngineDatabase, tmp_path: Path) -> Case:
    return Case(House(both_databases, tmp_path))


def result(**said: Any) -> dict[str, Any]:
    attempts = [{"provider": "rai-mock", "outcome": "answered", "cost": "0.25"}]
    told = {"provider": "rai-mock", "model": "rai-mock", "images": [{"number": 1}], "cost": "0.25"}
    return {**told, "attempts": attempts, "document": {**document_of("Karaciğer doğal."), **said}}


def test_a_job_goes_from_the_press_to_the_report(case: Case) -> None:
    job = case.ask()
    assert case.ask().id == job.id and len(case.queue.sent) == 1
    held = case.claim(job)
    assert (held.code, held.member_id, held.tries) == (case.code, case.reader.member_id, 1)
    held.attempts = [{"provider": "rai-mock", "outcome": "skipped"}]
    assert held.tell("asking rai-mock") and held.renew()
    assert (case.now(job).step, case.now(job).attempts[0]["outcome"]) == ("asking rai-mock", "skipped")
    finish(held, result(critical_findings=[CRITICAL]), time.sleep)
    done = case.now(job)
    assert (done.status, done.step, done.images) == ("completed", "done", 1)
    [draft] = list_prereports(case.house, case.reader, case.code)
    assert (str(draft.cost), draft.critical, draft.id) == ("0.250000", True, done.draft_id)
    assert [to for to, _, _ in case.house.mailer.sent] == [f"{case.reader.organization_id}@example.org"]
    taken = take_over(case.house, case.reader, draft.id)
    assert taken.brought.report["sections"]["impression"] == "<p><b>Serbest gaz</b></p>"
    assert find_prereport(case.house.database, case.reader, draft.id).report_id == taken.brought.report["id"]
    assert case.house.database.fetch(text("select urgent from studies where code = :code"), {"code": case.code}) == [
        {"urgent": True}
    ]


def test_whoever_was_too_slow_writes_nothing_any_more(case: Case) -> None:
    job = case.ask()
    first = case.claim(job)
    assert claim(case.house, case.reader.organization_id, job.id, fresh=True) is None
    case.house.clock.pass_s(31)
    second = case.claim(job)
    assert second.tries == 2 and not first.renew() and not first.tell("asking rai-mock")
    finish(first, result(), time.sleep)
    fail(first, "INVALID")
    assert case.now(job).status == "running" and list_prereports(case.house, case.reader, case.code) == []
    finish(second, result(), time.sleep)
    finish(second, result(), time.sleep)
    assert case.now(job).status == "completed" and len(list_prereports(case.house, case.reader, case.code)) == 1
    assert claim(case.house, case.reader.organization_id, job.id, fresh=True) is None


def test_a_holder_renews_as_long_as_it_lives_and_hears_that_nobody_wants_it(case: Case) -> None:
    job = case.ask()
    held = case.claim(job)
    began = holder_of(case.house, case.reader.organization_id, job.id)
    case.house.clock.pass_s(20)
    with renewed(held, every_s=0.01):
        deadline = time.monotonic() + 10
        while holder_of(case.house, case.reader.organization_id, job.id) == began:
            assert time.monotonic() < deadline
    assert cancel(case.house, case.reader, job.id).status == "cancelled"
    assert not held.renew() and holder_of(case.house, case.reader.organization_id, job.id) is None


def test_it_is_tried_five_times_and_as_new_when_it_is_put_back_to_work(case: Case) -> None:
    job = case.ask()
    for tries in range(1, MOST_TRIES + 1):
        held = case.claim(job, fresh=False)
        assert held.tries == tries
        held.let_go(counted=True)
    assert claim(case.house, case.reader.organization_id, job.id, fresh=False) is None
    assert (case.now(job).status, case.now(job).reason) == ("failed", GAVE_UP)
    held = case.claim(job)
    held.let_go(counted=False)
    assert (held.tries, case.now(job).tries, case.now(job).status) == (1, 0, "queued")
    case.house.clock.pass_s(61)
    assert [each.id for each in list_jobs(case.house, case.reader, case.code)] == [job.id]
    assert len(case.queue.sent) == 2 and find_job(case.house, case.reader, job.id).status == "queued"
    with pytest.raises(NotFound):
        list_jobs(case.house, replace(case.reader, branches=()), case.code)
