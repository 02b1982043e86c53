"""The corporate workspace: usage by month, member and key, the six steps, and callbacks that are sent again."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from pacs.bootstrap import local_workflow
from pacs.local.workflow import WorkflowTables
from pacs.people.keys import NewKey, create_key, find_member_of_key
from pacs.people.scope import Scope
from tests.functions.doors import TurnedClock
from tests.portal.people import member
from tests.portal.visits import scope_of, send, show

JOB = text(
    "insert into report_jobs (id, organization_id, member_id, key_id, kind, status, exam_count, audio_sha256,"
    " audio_kind, audio_seconds, input_language, output_language, callback_url, secret, request_hash,"
    " estimated_seconds, remaining_credits, credits_used, created_at) values (cast(:id as uuid),"
    " cast(:organization_id as uuid), cast(:member_id as uuid), cast(:key_id as uuid), 'report', :status, 3, '', 'wav',"
    " 90, 'tr', 'tr', 'https://hbys.example/', '', '', 45, 0, :used, :at)"
)
CALL = text(
    "insert into callback_deliveries (organization_id, job_id, attempt, attempted_at, outcome, status, failure,"
    " took_ms) values (cast(:organization_id as uuid), cast(:job_id as uuid), 8, :at, :outcome, :status, '', 120)"
)
STEP = re.compile(r'<li class="(done|open)">')


@pytest.fixture
def manager(clinic: Any) -> Scope:
    """The first administrator, who is a manager."""
    [row] = clinic.services.database.fetch(text("select cast(id as text) as id from organization_members"))
    return scope_of(clinic, "admin", member_id=row["id"], manager=True)


@pytest.fixture
def workflow(clinic: Any) -> Iterator[WorkflowTables]:
    """Where jobs are started."""
    tables = local_workflow(clinic.services.settings)
    tables.create_tables()
    clinic.services.workflow = tables
    yield tables
    tables.close()


def add_job(clinic: Any, by: Scope, at: Any, *, key_id: str | None = None, used: int = 2, failed: bool = False) -> str:
    job = str(uuid4())
    values = {"id": job, "organization_id": by.organization_id, "member_id": by.member_id, "key_id": key_id}
    status = "failed" if failed else "completed"
    clinic.services.database.fetch(JOB, {**values, "used": used, "status": status, "at": at})
    return job


def add_call(clinic: Any, job: str, at: Any, outcome: str, status: int | None = None) -> None:
    values = {"organization_id": clinic.made.organization_id, "job_id": job, "at": at}
    clinic.services.database.fetch(CALL, {**values, "outcome": outcome, "status": status})


def test_usage_is_told_by_month_member_and_key(clinic: Any, clock: TurnedClock, manager: Scope) -> None:
    database, now = clinic.services.database, clock.now()
    with database.transaction() as statements:
        key = create_key(
            statements, manager, find_member_of_key(statements, manager), NewKey("Ward 7", ["studies.read"]), now
        )
    reader = member(clinic, "radiologist", "Reader")
    add_job(clinic, manager, now, key_id=key.id)
    add_job(clinic, manager, now, key_id=key.id, used=0, failed=True)
    add_job(clinic, reader, now, used=3)
    add_job(clinic, reader, now - timedelta(days=60), used=1)
    page = show(clinic, "/organization", manager).text
    assert '<p class="figure">5</p><p>Reports this month' in page
    assert "Jobs: <strong>3</strong> · Exams: <strong>9</strong> · Reports: <strong>5</strong>" in page
    assert "<td>1</td><td>3</td><td>3</td>" in page and "<td>0</td><td>2</td><td>2</td>" in page
    assert page.index("reader@example.org") < page.index("Ward 7")
    before = show(clinic, f"/organization?month={now - timedelta(days=60):%Y-%m}", manager).text
    assert "Jobs: <strong>1</strong> · Exams: <strong>3</strong> · Reports: <strong>1</strong>" in before
    assert show(clinic, "/organization?month=2026-13", manager).status_code == 400


def test_the_six_steps_are_ticked_by_what_is_there(clinic: Any, clock: TurnedClock, manager: Scope) -> None:
    def ticked() -> list[bool]:
        return [each == "done" for each in STEP.findall(show(clinic, "/organization", manager).text)]

    database, now = clinic.services.database, clock.now()
    assert ticked() == [True, False, False, False, False, False]
    member(clinic, "technician")
    with database.transaction() as statements:
        key = create_key(
            statements, manager, find_member_of_key(statements, manager), NewKey("Ward 7", ["studies.read"]), now
        )
    assert ticked() == [True, False, True, True, False, False]
    job = add_job(clinic, manager, now, key_id=key.id)
    add_call(clinic, job, now, "failed", 500)
    assert ticked() == [True, False, True, True, False, True]
    add_call(clinic, job, now, "delivered", 200)
    assert ticked() == [True, False, True, True, True, True]


def test_callbacks_are_listed_and_sent_again(
    clinic: Any, clock: TurnedClock, workflow: WorkflowTables, manager: Scope
) -> None:
    now = clock.now()
    taken, dead = (add_job(clinic, manager, now) for _ in range(2))
    add_call(clinic, taken, now, "delivered", 204)
    add_call(clinic, dead, now, "failed", 503)
    both = show(clinic, "/organization/callbacks", manager).text
    assert taken in both and dead in both and "204" in both
    alone = show(clinic, "/organization/callbacks?dead=true", manager).text
    assert dead in alone and taken not in alone
    answer = send(clinic, "/organization/callbacks/again", manager, job=dead)
    assert answer.headers["location"] == "/organization/callbacks?done=asked"
    assert "Sent again by hand" in show(clinic, f"/organization/callbacks?job={dead}", manager).text
    claim = workflow.claim(["report-job"], lease_s=1, wait_s=0)
    assert claim and claim.input["job"] == dead and claim.input["resend"]
    [row] = clinic.services.database.fetch(text("select subject from audit where action = 'send-callback'"))
    assert row["subject"] == dead
    assert send(clinic, "/organization/callbacks/again", manager, job=str(uuid4())).status_code == 404
    assert show(clinic, "/organization/callbacks?job=x", manager).status_code == 404


def test_other_organizations_usage_and_callbacks_are_not_there(clinic: Any, clock: TurnedClock, manager: Scope) -> None:
    job = add_job(clinic, manager, clock.now())
    add_call(clinic, job, clock.now(), "failed", 500)
    other = str(uuid4())
    clinic.services.database.fetch(
        text("insert into organizations (id, name) values (cast(:id as uuid), 'Elsewhere')"), {"id": other}
    )
    stranger = Scope(other, "admin", member_id=str(uuid4()), manager=True, session_id=manager.session_id)
    page = show(clinic, "/organization", stranger).text
    assert "Elsewhere" in page and '<p class="figure">0</p><p>Reports this month' in page
    assert job not in show(clinic, "/organization/callbacks", stranger).text
    assert send(clinic, "/organization/callbacks/again", stranger, job=job).status_code == 404


def test_the_form_to_try_is_for_managers(clinic: Any, manager: Scope) -> None:
    page = show(clinic, "/organization/try", manager)
    assert page.status_code == 200 and "&#34;sutCode&#34;: &#34;803910&#34;" in page.text
    assert show(clinic, "/organization/try", scope_of(clinic, "admin")).status_code == 403
    assert show(clinic, "/organization", scope_of(clinic, "centre")).status_code == 403
    assert show(clinic, "/organization", scope_of(clinic, "centre", manager=True)).status_code == 200
