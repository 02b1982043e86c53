"""Recordings become jobs: once, paid for, and not without their workflow."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.dictation import keys
from pacs.dictation.answers import job_document, submitted_document, template_documents
from pacs.dictation.jobs import begin_job, end_exam, end_job, find_job, list_exams, read_request
from pacs.dictation.requests import Exam, JobRequest
from pacs.dictation.starting import start_forgotten
from pacs.dictation.submitting import Submitted, submit
from pacs.errors import (
    BadRequest,
    DuplicateSubmission,
    IdempotencyKeyReused,
    InsufficientCredits,
    InvalidAudio,
    NotConfigured,
    NotFound,
    PacsError,
    Unavailable,
)
from pacs.people.organizations import NewMember, add_member, add_organization
from pacs.people.scope import Scope
from pacs.reporting.credits import Balance, add_credits, read_balance
from tests.archive.conftest import Archive, LaterClock
from tests.archive.conftest import archive as archive
from tests.contract.conftest import DataApi
from tests.contract.conftest import data_api as data_api
from tests.functions.doors import PASSWORD
from tests.models.fake_models import recording_of

TWO = JobRequest((Exam("803910", "ACC-1"), Exam("804102", tele_code="R103001")), "1.2.3", "Ali^Veli", "", "tr", "tr")
ONE = replace(TWO, exams=TWO.exams[:1])


@pytest.fixture
def organization(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive with providers of models that nobody asks here, and ten credits."""
    configured = replace(
        archive.settings, speech_url="http://127.0.0.1:9/v1", language_url="http://127.0.0.1:9/v1", language_model="m"
    )
    archive.settings = configured
    add_credits(archive.database, archive.clock, admin(archive), 10, "invoice 1")
    yield archive


@pytest.fixture(params=["psycopg", "data_api"])
def either(request: pytest.FixtureRequest, organization: Archive, data_api: DataApi) -> Iterator[Archive]:
    """The same over both drivers."""
    own: Any = organization.database
    if request.param == "data_api":
        organization.database = data_api(own.dsn)
    yield organization
    organization.database = own


def admin(archive: Archive, organization_id: str = "") -> Scope:
    return Scope(organization_id or archive.organization_id, "admin")


def member(archive: Archive, organization_id: str = "") -> Scope:
    scope = admin(archive, organization_id)
    new = NewMember(f"{uuid.uuid4()}@example.org", PASSWORD, "centre", manager=True)
    with archive.database.transaction() as statements:
        return replace(scope, member_id=add_member(statements, scope, new))


def send(archive: Archive, scope: Scope, seed: int = 1, request: JobRequest = ONE, key: str = "") -> Submitted:
    audio = recording_of("Bulgular normaldir.", seed=seed)
    return submit(archive, scope, request, audio, kind="multi", idempotency_key=key)


def balance(archive: Archive, scope: Scope) -> Balance:
    return read_balance(archive.database, scope)


def kept(archive: Archive) -> list[str]:
    return sorted(info.key for info in archive.exchange.scan() if not info.key.startswith("associations"))


def test_a_job_is_kept_held_and_started(either: Archive) -> None:
    scope = member(either)
    made = send(either, scope, request=TWO)
    job = made.job
    assert (job.status, job.exam_count, job.audio_kind, job.kind) == ("pending", 2, "wav", "multi")
    assert balance(either, scope) == Balance(8, 2, 0)
    assert either.workflow.started == {("report-job", job.id): {"organization": scope.organization_id, "job": job.id}}
    assert kept(either) == [keys.audio_key(scope, job.id), keys.request_key(scope, job.id)]
    assert read_request(either, scope, job.id) == TWO
    exams = list_exams(either.database, scope, job.id)
    assert [(each.number, each.modality, each.exam_name, each.tele_code) for each in exams] == [
        (0, "CT", "Bilgisayarlı tomografi", ""),
        (1, "MR", "Manyetik rezonans", "R103001"),
    ]
    assert submitted_document(made) == {
        "jobId": job.id,
        "status": "pending",
        "examCount": 2,
        "estimatedSeconds": 90,
        "pollUrl": f"/api/external/v1/pacs/report/{job.id}",
        "hmacSecret": made.hmac_secret,
        "creditsUsed": 0,
        "remainingCredits": 8,
    }
    [row] = either.database.fetch(text("select secret, to_jsonb(j) as all from report_jobs j"))
    assert len(made.hmac_secret) == 64 and made.hmac_secret not in row["secret"]
    assert "Veli" not in json.dumps(row["all"])


def test_the_same_key_tells_the_same_again_and_another_request_is_refused(either: Archive) -> None:
    scope = member(either)
    first = send(either, scope, key="k-1")
    before = kept(either)
    again = send(either, scope, key="k-1")
    assert submitted_document(again) == submitted_document(first)
    assert (balance(either, scope), kept(either)) == (Balance(9, 1, 0), before)
    for seed, request in ((2, ONE), (1, TWO)):
        with pytest.raises(IdempotencyKeyReused):
            send(either, scope, seed, request, "k-1")
    with pytest.raises(BadRequest):
        send(either, scope, 3, key="ç")
    assert kept(either) == before


def test_a_recording_is_taken_once_a_day_unless_its_job_failed(organization: Archive) -> None:
    scope = member(organization)
    first = send(organization, scope)
    with pytest.raises(DuplicateSubmission):
        send(organization, scope, request=TWO)
    assert end_job(organization, scope, first.job.id, "failed", reason="NOT_HEARD")
    second = send(organization, scope)
    assert second.job.id != first.job.id
    organization.clock = LaterClock(24 * 3600 + 60)
    send(organization, scope)
    other = add_organization(organization.database, "Uzak")
    add_credits(organization.database, organization.clock, admin(organization, other), 1, "x")
    send(organization, member(organization, other))


@pytest.mark.parametrize("key", ["", "k-1"])
def test_the_same_at_once_is_taken_once(organization: Archive, key: str) -> None:
    scope = member(organization)

    def one(_: int) -> str:
        try:
            return send(organization, scope, key=key).job.id
        except DuplicateSubmission:
            return ""

    with ThreadPoolExecutor(12) as several:
        told = list(several.map(one, range(24)))
    jobs = set(told) - {""}
    assert len(jobs) == 1 and (key == "" or "" not in told)
    assert balance(organization, scope) == Balance(9, 1, 0)
    assert len(organization.workflow.started) == 1 and len(kept(organization)) == 2


def test_fifty_at_once_never_spend_more_than_there_is(organization: Archive) -> None:
    scope = member(organization)

    def one(seed: int) -> bool:
        try:
            return bool(send(organization, scope, seed))
        except InsufficientCredits:
            return False

    with ThreadPoolExecutor(50) as several:
        assert sum(several.map(one, range(50))) == 10
    assert balance(organization, scope) == Balance(0, 10, 0)
    assert len(organization.workflow.started) == 10 and len(kept(organization)) == 20


def test_what_cannot_be_worked_on_is_not_taken(organization: Archive) -> None:
    scope = member(organization)
    with pytest.raises(InvalidAudio):
        submit(organization, scope, ONE, b"hello", kind="multi")
    with pytest.raises(InsufficientCredits):
        send(organization, scope, request=replace(ONE, exams=tuple(Exam(str(80000 + each)) for each in range(11))))
    whole = organization.settings
    for organization.settings in (replace(whole, speech_url=""), replace(whole, language_url="")):
        with pytest.raises(NotConfigured):
            send(organization, scope)
    assert (kept(organization), balance(organization, scope)) == ([], Balance(10, 0, 0))
    assert organization.database.fetch(text("select 1 as one from report_jobs")) == []


class BrokenWorkflow:
    """What Step Functions is while it does not answer, or lacks the machine."""

    def __init__(self, error: PacsError) -> None:
        self.error = error

    def start(self, machine: str, name: str, input: Any) -> None:
        raise self.error


@pytest.mark.parametrize("error", [Unavailable("not now"), NotFound("no such machine")], ids=repr)
def test_a_job_whose_sender_died_is_started_by_the_clock(organization: Archive, error: PacsError) -> None:
    scope, whole = member(organization), organization.workflow
    organization.workflow = BrokenWorkflow(error)  # type: ignore[assignment]
    job = send(organization, scope).job
    organization.workflow = whole
    assert start_forgotten(organization) == {"started": 0}  # its sender may be about to
    organization.clock = LaterClock(120)
    organization.exchange.put(keys.starting_key(scope, str(uuid.uuid4())), b"")  # of one that was never taken
    assert start_forgotten(organization) == {"started": 1}
    assert list(whole.started) == [("report-job", job.id)]
    assert start_forgotten(organization) == {"started": 0}
    assert not [key for key in kept(organization) if key.startswith(keys.STARTING)]


def test_a_job_ends_once_with_what_it_used(either: Archive) -> None:
    scope = member(either)
    job = send(either, scope, request=TWO).job
    begin_job(either.database, scope, job.id, either.clock.now())
    begun = job_document(either, scope, find_job(either.database, scope, job.id))
    assert begun == {
        "jobId": job.id,
        "status": "processing",
        "examCount": 2,
        "estimatedSeconds": 90,
        "creditsUsed": 0,
        "remainingCredits": 8,
    }
    end_exam(either.database, scope, job.id, 0, "completed")
    end_exam(either.database, scope, job.id, 1, "failed", reason="NOT_DICTATED")
    assert end_job(either, scope, job.id, "completed", used=1)
    assert not end_job(either, scope, job.id, "failed")
    ended = find_job(either.database, scope, job.id)
    assert (ended.status, ended.credits_used, balance(either, scope)) == ("completed", 1, Balance(9, 0, 1))
    with pytest.raises(NotFound):  # nobody has kept any reports
        job_document(either, scope, ended)
    reports = [{"accessionNumber": "ACC-1", "status": "completed"}]
    either.exchange.put(
        keys.result_key(scope, job.id), json.dumps({"patientUid": "1.2.3", "reports": reports}).encode()
    )
    told = job_document(either, scope, ended)
    assert (told["patientUid"], told["reports"], told["creditsUsed"], told["remainingCredits"]) == (
        "1.2.3",
        reports,
        1,
        9,
    )


def test_a_job_that_failed_before_it_had_reports_says_why(organization: Archive) -> None:
    scope = member(organization)
    job = send(organization, scope, request=replace(TWO, patient_uid="1.2.3")).job
    end_exam(organization.database, scope, job.id, 0, "completed")  # it is not told, and costs nothing
    assert end_job(organization, scope, job.id, "failed", reason="INVALID_AUDIO")
    told = job_document(organization, scope, find_job(organization.database, scope, job.id))
    assert (told["patientUid"], told["unassigned"]) == ("1.2.3", "")
    assert {(each["transcript"], each["reportText"], each["filledTemplate"]) for each in told["reports"]} == {
        ("", None, None)
    }
    assert (told["status"], told["reason"], told["creditsUsed"], told["remainingCredits"]) == (
        "failed",
        "INVALID_AUDIO",
        0,
        10,
    )
    assert [(each["accessionNumber"], each["status"], each["reason"]) for each in told["reports"]] == [
        ("ACC-1", "failed", "INVALID_AUDIO"),
        (None, "failed", "INVALID_AUDIO"),
    ]


def test_jobs_of_others_are_not_there(organization: Archive) -> None:
    scope = member(organization)
    job = send(organization, scope).job
    other = admin(organization, add_organization(organization.database, "Uzak"))
    for asked, id in ((other, job.id), (scope, str(uuid.uuid4())), (scope, "x"), (scope, job.id.replace("-", ""))):
        with pytest.raises(NotFound):
            find_job(organization.database, asked, id)
    assert list_exams(organization.database, other, job.id) == []
    assert not end_job(organization, other, job.id, "completed")


def test_estimates_are_the_median_of_what_was_measured(either: Archive) -> None:
    scope = member(either)
    for seed in range(5):
        job = send(either, scope, seed).job
        end_job(either, scope, job.id, "completed", used=1)
        either.database.fetch(
            text(
                "update report_jobs set ended_at = created_at + make_interval(secs => :took)"
                " where id = cast(:id as uuid)"
            ),
            {"id": job.id, "took": 10 * (seed + 1)},
        )
    assert send(either, scope, 9, TWO).estimated_seconds == 60


def test_templates_have_names_that_differ_and_suit_files() -> None:
    names = ["Toraks BT.txt", "toraks bt", "a/b\\c: d?.RTF", "...", "Beyin  MR.tar.docx"]
    told = template_documents(
        {"id": str(at), "name": name, "modality": "", "language": "tr"} for at, name in enumerate(names)
    )
    assert [each["name"] for each in told] == ["Toraks BT", "toraks bt (2)", "a b c d", "template", "Beyin MR.tar"]
