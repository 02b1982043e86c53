"""Asking for pre-reports: a press is one job, whoever may see the study sees it, and none is forgotten."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.ai.configuring import Change, save, set_consent
from pacs.ai.jobs import FORGOTTEN_AFTER, GAVE_UP, MOST_TRIES, Wanted, ask, cancel, find_job, list_jobs
from pacs.ai.offering import offers
from pacs.errors import (
    BadRequest,
    Conflict,
    ConsentNeeded,
    Forbidden,
    IdempotencyKeyReused,
    NotConfigured,
    NotFound,
    PacsError,
)
from tests.archive.conftest import archive as archive
from tests.archive.conftest import sample as sample
from tests.reporting.conftest import Practice
from tests.reporting.conftest import practice as practice

MOCK = Wanted("rai-mock")
THREADS = 20


def sent(practice: Practice) -> list[dict[str, Any]]:
    return practice.archive.queue.sent.get("ai", [])


def rows(practice: Practice) -> int:
    return int(practice.archive.database.fetch(text("select count(*) as jobs from ai_jobs"))[0]["jobs"])


@pytest.mark.parametrize("keys", [["a"] * THREADS, [str(each) for each in range(THREADS)]], ids=["press", "wish"])
def test_many_at_once_are_one_job(practice: Practice, keys: list[str]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        asked = list(
            threads.map(
                lambda key: ask(practice.archive, practice.reader, practice.code, MOCK, request_key=key).id, keys
            )
        )
    assert len(set(asked)) == 1 and rows(practice) == 1
    assert {each["job"] for each in sent(practice)} == set(asked)
    [audited] = practice.archive.database.fetch(text("select subject from audit where action = 'ask-ai'"))
    assert audited["subject"] == f"{asked[0]}: rai-mock"


def test_a_press_stays_the_job_that_it_was_after_its_end(practice: Practice) -> None:
    archive, reader, code = practice.archive, practice.reader, practice.code
    first = ask(archive, reader, code, MOCK, request_key="press")
    cancel(archive, reader, first.id)
    again = ask(archive, reader, code, MOCK, request_key="press")
    assert (again.id, again.status, len(sent(practice))) == (first.id, "cancelled", 1)
    assert ask(archive, reader, code, MOCK, request_key="another").id != first.id
    with pytest.raises(IdempotencyKeyReused):
        ask(archive, reader, code, replace(MOCK, language="en"), request_key="press")


def test_other_members_and_other_wishes_are_other_jobs(practice: Practice) -> None:
    other = practice.member("mehmet", "radiologist")
    jobs = [
        ask(practice.archive, scope, practice.code, wanted, request_key="press").id
        for scope, wanted in ((practice.reader, MOCK), (other, MOCK))
    ]
    jobs.append(ask(practice.archive, practice.reader, practice.code, replace(MOCK, language="en")).id)
    assert len(set(jobs)) == 3
    assert {each.id for each in list_jobs(practice.archive, other, practice.code)} == set(jobs)


@pytest.mark.parametrize(
    ("wanted", "error", "field"),
    [
        (Wanted("gpt"), BadRequest, "provider"),
        (Wanted("rai-mock", preset="none"), BadRequest, "preset"),
        (Wanted("rai-mock", language="xx"), BadRequest, "language"),
        (Wanted("radialog", language="tr"), BadRequest, "language"),
        (Wanted(), ConsentNeeded, "provider"),
        (Wanted("openai"), NotConfigured, "provider"),
    ],
    ids=["provider", "preset", "language", "its languages", "consent", "configured"],
)
def test_what_cannot_be_is_refused_by_its_name(
    practice: Practice, wanted: Wanted, error: type[PacsError], field: str
) -> None:
    with pytest.raises(error) as refused:
        ask(practice.archive, practice.reader, practice.code, wanted)
    assert refused.value.field == field and rows(practice) == 0


def test_nothing_leaves_the_house_before_somebody_has_agreed(practice: Practice) -> None:
    archive, admin = practice.archive, practice.member("hakan", "admin")
    save(archive, admin, "openai", Change(True, key="sk-a-key-of-a-test"))
    lacks = {each.name: each.lacks for each in offers(archive, practice.reader)}
    assert (lacks["rai-orchestrator"], lacks["openai"], lacks["rai-mock"]) == ("CONSENT", "CONSENT", "")
    assert (lacks["claude"], lacks["medgemma"]) == ("KEY", "URL")
    with pytest.raises(ConsentNeeded):
        ask(archive, practice.reader, practice.code, Wanted("openai"))
    set_consent(archive, admin, True)
    assert ask(archive, practice.reader, practice.code, Wanted("openai")).status == "queued"
    assert ask(archive, practice.reader, practice.code, Wanted()).status == "queued"
    archive.settings = replace(archive.settings, stage="prod")
    with pytest.raises(NotConfigured):
        ask(archive, practice.reader, practice.code, MOCK)


def test_without_a_preset_the_one_is_taken_that_suits_the_study(practice: Practice) -> None:
    assert ask(practice.archive, practice.reader, practice.code, MOCK).preset == "general"
    head = """update studies set dicom = jsonb_set(dicom, '{00081030}', '{"vr": "LO", "Value": ["Beyin BT"]}')"""
    practice.archive.database.fetch(text(head))
    assert ask(practice.archive, practice.reader, practice.code, MOCK).preset == "brain-ct"


def test_one_cancels_one_s_own(practice: Practice) -> None:
    archive, reader = practice.archive, practice.reader
    job = ask(archive, reader, practice.code, MOCK)
    with pytest.raises(Forbidden):
        cancel(archive, practice.member("mehmet", "radiologist"), job.id)
    assert cancel(archive, reader, job.id).status == cancel(archive, reader, job.id).status == "cancelled"
    other = ask(archive, reader, practice.code, MOCK)
    assert cancel(archive, practice.member("hakan", "admin"), other.id).status == "cancelled"
    archive.database.fetch(text("update ai_jobs set status = 'completed'"))
    with pytest.raises(Conflict):
        cancel(archive, reader, job.id)


def test_another_branch_s_reader_sees_none_of_it(practice: Practice) -> None:
    archive, stranger = practice.archive, practice.member("uzak", "radiologist", [])
    job = ask(archive, practice.reader, practice.code, MOCK)
    for look in (
        lambda: find_job(archive, stranger, job.id),
        lambda: cancel(archive, stranger, job.id),
        lambda: list_jobs(archive, stranger, practice.code),
        lambda: ask(archive, stranger, practice.code, MOCK),
    ):
        with pytest.raises(NotFound):
            look()


def test_whoever_looks_takes_up_what_was_forgotten_until_it_is_given_up(practice: Practice) -> None:
    archive, reader = practice.archive, practice.reader
    job = ask(archive, reader, practice.code, MOCK)
    assert find_job(archive, reader, job.id).status == "queued" and len(sent(practice)) == 1
    after_s = FORGOTTEN_AFTER.total_seconds() + 1
    assert find_job(archive.later(after_s), reader, job.id).status == "queued" and len(sent(practice)) == 2
    assert find_job(archive.later(after_s), reader, job.id).status == "queued" and len(sent(practice)) == 2
    died = "update ai_jobs set status = 'running', tries = :tries, held_until = now() - interval '1 second'"
    archive.database.fetch(text(died), {"tries": MOST_TRIES - 1})
    assert find_job(archive, reader, job.id).status == "queued" and len(sent(practice)) == 3
    archive.database.fetch(text(died), {"tries": MOST_TRIES})
    given_up = find_job(archive, reader, job.id)
    assert (given_up.status, given_up.reason, len(sent(practice))) == ("failed", GAVE_UP, 3)
