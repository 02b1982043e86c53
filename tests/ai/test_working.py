"""A press becomes a draft, or a reason: through a service over HTTP, past deaths of workers, cancellations, outages."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from infra.local.children import fork
from pacs.ai.configuring import Change, save, set_consent
from pacs.ai.jobs import GAVE_UP, MOST_TRIES, Job, Wanted, ask, cancel, found_job
from pacs.ai.keeping import folder_of, read_document
from pacs.ai.prereports import PreReport, list_prereports
from pacs.ai.working import work
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.errors import StoreUnavailable
from pacs.ports import Answer, Describer, Endpoint, Question
from pacs.reading.studies import find_study, study_history
from tests.archive.conftest import Archive
from tests.archive.conftest import archive as archive
from tests.archive.conftest import sample as sample
from tests.models.conftest import models as models
from tests.models.fake_models import FakeModels
from tests.reporting.conftest import Practice
from tests.reporting.conftest import practice as practice

KILLED = 9
LAPSED_S = 60


@dataclass
class Desk:
    """A reader who asks, a service that answers, and a worker."""

    practice: Practice
    models: FakeModels

    @property
    def archive(self) -> Archive:
        return self.practice.archive

    def ask(self, provider: str = "openai", **wanted: str) -> Job:
        return ask(self.archive, self.practice.reader, self.practice.code, Wanted(provider, **wanted))

    def work(self, job: Job, services: Any = None, **how: Any) -> Job:
        work(services or self.archive, self.archive.organization_id, job.id, **how)
        return self.now(job)

    def now(self, job: Job) -> Job:
        return found_job(self.archive.database, self.practice.reader, job.id)

    def drafts(self) -> list[PreReport]:
        return list_prereports(self.archive, self.practice.reader, self.practice.code)

    def kept(self, job: Job, name: str) -> dict[str, Any]:
        found = read_document(self.archive, self.folder(job), name)
        assert found is not None
        return found

    def folder(self, job: Job) -> str:
        return folder_of(self.archive.organization_id, job.study_instance_uid, job.id)

    def mails(self) -> list[str]:
        return [each.read_text() for each in (self.archive.settings.home / "outbox").glob("*")]

    def outcomes(self) -> list[str]:
        return [row["outcome"] for row in self.archive.database.fetch(text("select outcome from ai_usage_events"))]


@pytest.fixture
def desk(practice: Practice, models: FakeModels) -> Desk:
    told: dict[str, Any] = {"ai_openai_url": models.url, "ai_openai_key": "sk-a-key", "ai_openai_model": "gpt-5.5"}
    practice.archive.settings = replace(practice.archive.settings, **told)
    set_consent(practice.archive, practice.member("hakan", "admin"), True)
    return Desk(practice, models)


class Interrupted:
    """A describer in front of another one: something happens before or after it is asked."""

    def __init__(self, describer: Describer, deed: Callable[[], Any], *, after: bool) -> None:
        self.describer, self.deed, self.after = describer, deed, after

    def ask(self, question: Question) -> Answer:
        if not self.after:
            self.deed()
        answer = self.describer.ask(question)
        if self.after:
            self.deed()
        return answer


class Around:
    """An archive of which some parts are others."""

    def __init__(self, archive: Archive, **others: Any) -> None:
        self.archive, self.others = archive, others

    def __getattr__(self, name: str) -> Any:
        return self.others.get(name) or getattr(self.archive, name)


def test_what_was_sent_and_said_is_kept_beside_the_draft(desk: Desk) -> None:
    desk.models.finding = "Parankim doğal."
    job = desk.work(desk.ask())
    assert (job.status, job.step, job.reason, job.tries) == ("completed", "done", "", 1)
    assert [(each["provider"], each["outcome"]) for each in job.attempts] == [("openai", "answered")]
    [draft] = desk.drafts()
    assert (draft.id, draft.provider, draft.model, draft.language) == (job.draft_id, "openai", "gpt-5.5", "tr")
    assert draft.document["findings"] == "Parankim doğal." and draft.cost is not None and not draft.critical
    [asked] = desk.models.asked
    [attempt] = desk.kept(job, "request.json")["attempts"]
    assert len(asked["seen"]) == job.images == len(attempt["images"]) == len(draft.images)
    for image, sent in zip(attempt["images"], asked["seen"], strict=True):
        assert desk.archive.exchange.get(f"{desk.folder(job)}/1/{image['number']}.jpg")[1] == sent
        assert image["sop_instance_uid"] and image["why"] and "jpeg" not in image
    assert attempt["calls"][0]["text"] in asked["said"]
    [answer] = desk.kept(job, "answers.json")["answers"]
    assert json.loads(answer["text"])["findings"] == "Parankim doğal." and answer["usage"]["tokens_in"] > 0
    assert desk.work(job).tries == 1 and len(desk.models.asked) == 1
    assert desk.mails() == [] and not find_study(desk.archive, desk.practice.reader, job.code)["urgent"]


def test_a_finding_that_cannot_wait_goes_before_others_and_the_readers_hear_of_it(desk: Desk) -> None:
    desk.models.critical = ("Tansiyon pnömotoraks",)
    desk.archive.database.fetch(
        text("update studies set assigned_member_id = cast(:id as uuid)"),
        {"id": desk.practice.member("zeynep", "radiologist").member_id},
    )
    job = desk.work(desk.ask())
    [draft] = desk.drafts()
    assert (job.status, draft.critical) == ("completed", True)
    assert find_study(desk.archive, desk.practice.reader, job.code)["urgent"]
    last = study_history(desk.archive, desk.practice.reader, job.code)[-1]
    assert (last["deed"], last["member"], last["subject"]) == ("urgent", "", f"ai openai: draft {draft.id}")
    mails = desk.mails()
    assert sorted(each for each in ("ayse@", "zeynep@", "hakan@") if any(each in mail for mail in mails)) == [
        "ayse@",
        "zeynep@",
    ]
    assert len(mails) == 2
    for mail in mails:
        assert not [
            each for each in ("CompressedSamples", "1CT1", "pnömotoraks", job.study_instance_uid) if each in mail
        ]
    desk.work(job)
    assert len(desk.mails()) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_what_nobody_wants_any_more_is_thrown_away_and_paid(desk: Desk, after: bool) -> None:
    job = desk.ask()

    def describer(endpoint: Endpoint) -> Describer:
        return Interrupted(
            desk.archive.describer(endpoint),
            lambda: cancel(desk.archive, desk.practice.reader, job.id),
            after=after,
        )

    assert desk.work(job, Around(desk.archive, describer=describer)).status == "cancelled"
    assert desk.drafts() == [] and desk.outcomes() == ["answered"]
    assert desk.kept(job, "answers.json")["answers"]


def test_nobody_is_asked_for_what_was_cancelled_before(desk: Desk) -> None:
    job = desk.ask()
    cancel(desk.archive, desk.practice.reader, job.id)
    assert desk.work(job).status == "cancelled" and desk.models.asked == []


def test_the_way_past_those_who_do_not_answer_is_told(desk: Desk) -> None:
    desk.models.always = {"": "refused"}
    job = desk.work(desk.ask("rai-orchestrator"))
    assert (job.status, [(each["provider"], each["outcome"]) for each in job.attempts]) == (
        "completed",
        [
            *(("rai-llm", "skipped"), ("openai", "failed"), ("gemini", "skipped"), ("claude", "skipped")),
            *(("medgemma", "skipped"), ("rai-mock", "answered")),
        ],
    )
    assert [each["provider"] for each in desk.kept(job, "request.json")["attempts"]] == ["openai", "rai-mock"]


def test_an_answer_of_no_use_is_mended_once_and_kept_for_those_who_manage(desk: Desk) -> None:
    desk.models.always = {"": "wrong"}
    job = desk.work(desk.ask())
    assert (job.status, job.reason, desk.drafts()) == ("failed", "INVALID", [])
    assert [each["text"] for each in desk.kept(job, "answers.json")["answers"]] == ['{"of": "no use"}'] * 2
    [first, second] = desk.kept(job, "request.json")["attempts"][0]["calls"]
    assert not first["again"] and len(second["again"]) == 1


def test_reasons_that_another_try_would_not_mend_are_told(desk: Desk, sample: Callable[[str], bytes]) -> None:
    job = desk.ask("rai-mock")
    desk.archive.database.fetch(text("update ai_jobs set study_instance_uid = '1.2.3'"))
    work(desk.archive, desk.archive.organization_id, job.id)
    [row] = desk.archive.database.fetch(text("select status, reason from ai_jobs"))
    assert dict(row) == {"status": "failed", "reason": "STUDY_GONE"}
    desk.archive.store(sample("reportsi.dcm"))
    desk.archive.index()
    [row] = desk.archive.database.fetch(
        text("select code from studies where code <> :code"), {"code": desk.practice.code}
    )
    desk.practice.code = row["code"]
    assert desk.work(desk.ask("rai-mock")).reason == "NO_IMAGES"
    save(desk.archive, desk.practice.people["hakan"], "openai", Change(False))
    desk.archive.database.fetch(
        text("update ai_jobs set provider = 'openai', status = 'queued' where reason <> 'STUDY_GONE'")
    )
    [job_id] = [
        row["id"] for row in desk.archive.database.fetch(text("select id from ai_jobs where status = 'queued'"))
    ]
    work(desk.archive, desk.archive.organization_id, str(job_id))
    [row] = desk.archive.database.fetch(text("select reason from ai_jobs where provider = 'openai'"))
    assert row["reason"] == "OFF"


def test_an_outage_takes_no_try_and_a_fault_of_ours_takes_one(desk: Desk) -> None:
    job = desk.ask("rai-mock")

    class Down:
        def get(self, key: str) -> Any:
            raise StoreUnavailable("the store does not answer")

    class Broken:
        def get(self, key: str) -> Any:
            raise ZeroDivisionError

    with pytest.raises(StoreUnavailable):
        desk.work(job, Around(desk.archive, exchange=Down()))
    assert (desk.now(job).status, desk.now(job).tries) == ("queued", 0)
    for _ in range(MOST_TRIES):
        with pytest.raises(ZeroDivisionError):
            desk.work(job, Around(desk.archive, exchange=Broken()), fresh=False)
    assert (desk.now(job).status, desk.now(job).reason) == ("failed", GAVE_UP)
    assert desk.work(job).status == "completed"  # its dead letter was put back to work


def test_a_job_is_left_to_a_holder_who_lives_and_taken_from_one_who_does_not(desk: Desk) -> None:
    job = desk.ask("rai-mock")
    held = "update ai_jobs set status = 'running', tries = 1, held_until = now() + make_interval(secs => :until_s)"

    def hold(until_s: int) -> Callable[[float], None]:
        def write(_: float) -> None:
            desk.archive.database.fetch(text(held), {"until_s": until_s})

        return write

    hold(30)(0)
    assert desk.work(job, wait=hold(40)).tries == 1
    assert desk.now(job).status == "running"
    hold(30)(0)
    done = desk.work(job, wait=hold(-1))
    assert (done.status, done.tries) == ("completed", 2)


class Deadly:
    """Parts of an archive of which one call, counted over all of them, is the last that this process lives to begin."""

    def __init__(self, services: Any, moment: int) -> None:
        self.services, self.left = services, moment

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.services, name)
        return Deadly.Part(self, found) if name in ("exchange", "mailer") else found

    def describer(self, endpoint: Endpoint) -> Describer:
        return Interrupted(self.services.describer(endpoint), self.live, after=True)

    def live(self) -> None:
        self.left -= 1
        if self.left < 0:
            os._exit(KILLED)

    class Part:
        def __init__(self, deadly: "Deadly", part: Any) -> None:
            self.deadly, self.part = deadly, part

        def __getattr__(self, name: str) -> Any:
            if name in ("put", "send"):
                self.deadly.live()
            return getattr(self.part, name)


def test_a_job_ends_once_wherever_its_worker_dies(desk: Desk, founded_dsn: str, tmp_path: Path) -> None:
    """At each writing to the store, after the answer, at each e-mail; another worker goes on where it stopped."""
    desk.models.critical = ("Tansiyon pnömotoraks",)
    asked, moment, code = [], 0, KILLED
    while code == KILLED:
        job = desk.ask()
        before = len(desk.models.asked)

        def worker(job: Job = job, moment: int = moment) -> None:
            services = Deadly(replace(desk.archive, database=PsycopgDatabase(founded_dsn)), moment)
            work(services, desk.archive.organization_id, job.id)

        _, status = os.waitpid(fork("worker", worker, tmp_path / "log"), 0)
        code, moment = os.waitstatus_to_exitcode(status), moment + 1
        assert code in (0, KILLED), (tmp_path / "log").read_text()
        mails = len(desk.mails())
        ended = desk.work(job, desk.archive.later(LAPSED_S), fresh=False)
        assert (ended.status, ended.tries) == ("completed", 2 if code else 1)
        assert len([each for each in desk.drafts() if each.job_id == job.id]) == 1
        assert code == 0 or len(desk.mails()) > mails
        asked.append(len(desk.models.asked) - before)
        desk.archive.database.fetch(text("delete from ai_report_drafts"))
    # Before two images and the request were kept; before answer, its words and the draft were; before the e-mail; none.
    assert asked == [1, 1, 1, 2, 2, 2, 1, 1]
