"""Pre-reports over HTTP: asked for once, watched, looked at as they were sent, taken over; and the queue's worker."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from functions.ai_jobs.handler import handler
from infra.local.workers import sqs_event
from pacs.people.membership import find_by_email
from pacs.people.scope import Role, Scope
from pacs.reading.work import claim
from tests.functions.conftest import SAMPLES, Clinic, Founded, opened, staffed


@dataclass
class Ward:
    """A clinic with one study, which its radiologist has claimed."""

    clinic: Clinic
    study: str
    code: str

    def scope(self, role: Role) -> Scope:
        member = find_by_email(self.clinic.services.database, f"{role}@example.org")
        assert member
        branches = (self.clinic.made.branch_id,) if role == "radiologist" else None
        return Scope(self.clinic.made.organization_id, role, branches, member_id=member.id)

    def call(self, method: str, path: str, body: Any = None, *, role: Role = "radiologist", **headers: str) -> Any:
        bearer = self.clinic.bearer(self.scope(role))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.clinic.client.request(method, path, json=body, headers=bearer | named)

    def ask(self, **body: Any) -> Any:
        return self.call("POST", f"/ai/process-study/{self.code}", {"provider": "rai-mock", **body})

    def work(self) -> dict[str, Any]:
        """What the worker tells of the messages that wait."""
        queue: Any = self.clinic.services.queue
        messages = queue.receive("ai", limit=4, visibility_s=60, wait_s=0, max_receives=5)
        answer = handler(dict(sqs_event("ai", messages)), None)
        queue.acknowledge([each.message_id for each in messages])
        return answer


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, databases: Any, founded: Founded) -> Iterator[Ward]:
    with opened(tmp_path_factory.mktemp("ward"), databases, staffed(databases, founded), founded[1]) as clinic:
        stored = clinic.add((SAMPLES / "CT_small.dcm").read_bytes())
        [row] = clinic.services.database.fetch(text("select code from studies"))
        ward = Ward(clinic, stored.study, row["code"])
        claim(clinic.services, ward.scope("radiologist"), ward.code)
        yield ward


@pytest.fixture(autouse=True)
def nothing_asked(ward: Ward) -> None:
    ward.clinic.services.database.fetch(text("delete from ai_report_drafts"))
    ward.clinic.services.database.fetch(text("delete from ai_jobs"))


def test_a_press_becomes_a_draft_and_a_report(ward: Ward) -> None:
    asked = ward.ask(request_id="press")
    assert (asked.status_code, asked.json()["status"], asked.json()["step"]) == (202, "queued", "queued")
    job = asked.json()["id"]
    path, same = f"/ai/process-study/{ward.code}", {"provider": "rai-mock"}
    assert ward.call("POST", path, same, Idempotency_Key="press").json()["id"] == job
    assert ward.work() == {"batchItemFailures": []}
    done = ward.call("GET", f"/ai/jobs/{job}").json()
    assert (done["status"], done["step"], done["images"]) == ("completed", "done", 2)
    assert [(each["provider"], each["outcome"]) for each in done["attempts"]] == [("rai-mock", "answered")]
    [draft] = ward.call("GET", f"/ai/report/{ward.code}").json()
    assert (draft["id"], draft["job_id"], draft["critical"]) == (done["draft_id"], job, False)
    assert [each["number"] for each in draft["images"]] == draft["document"]["images_used"] == [1, 2]
    taken = ward.call("POST", f"/ai/drafts/{draft['id']}/take").json()
    assert taken["report"]["state"] == "draft" and "findings" in taken["differences"]
    assert ward.call("GET", f"/ai/report/{ward.code}").json()[0]["report_id"] == taken["report"]["id"]
    again = ward.ask(request_id="press").json()
    assert (again["id"], again["status"]) == (job, "completed")
    assert ward.work() == {"batchItemFailures": []}
    assert len(ward.call("GET", f"/ai/report/{ward.code}").json()) == 1


def test_what_was_sent_can_be_looked_at_and_what_was_said_by_those_who_manage(ward: Ward) -> None:
    job = ward.ask().json()["id"]
    assert ward.call("GET", f"/ai/jobs/{job}/sent").status_code == 404
    ward.work()
    sent = ward.call("GET", f"/ai/jobs/{job}/sent").json()
    [attempt] = sent["attempts"]
    assert json.loads(attempt["calls"][0]["text"])["study"]["modalities"] == ["CT"]
    assert "answers" not in sent
    managed = ward.call("GET", f"/ai/jobs/{job}/sent", role="admin").json()
    assert "MOCK" in managed["answers"][0]["text"]
    [image, _] = [ward.call("GET", f"/ai/jobs/{job}/images/{number}") for number in (1, 2)]
    assert (image.headers["content-type"], image.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert ward.call("GET", f"/ai/jobs/{job}/images/3").status_code == 404
    assert ward.call("GET", f"/ai/jobs/{job}/images/1?attempt=2").status_code == 404
    viewed = ward.clinic.services.database.fetch(
        text("select subject from audit where action = 'view' and subject like :job order by id"), {"job": f"{job}%"}
    )
    told = [each["subject"].removeprefix(job) for each in viewed]
    assert told == [": what was sent", ": what was sent", ": images"]  # once, however many there are


def test_what_cannot_be_asked_is_told_by_stable_codes(ward: Ward) -> None:
    def refusal(**body: Any) -> tuple[int, str, str]:
        answer = ward.ask(**body)
        return answer.status_code, answer.json()["code"], answer.json().get("field", "")

    assert refusal(provider="nobody") == (400, "BAD_REQUEST", "provider")
    assert refusal(language="klingon") == (400, "BAD_REQUEST", "language")
    assert refusal(preset="poem") == (400, "BAD_REQUEST", "preset")
    assert refusal(provider="rai-orchestrator") == (403, "CONSENT_NEEDED", "provider")
    assert refusal(provider="openai") == (503, "NOT_CONFIGURED", "provider")
    assert refusal(request_id="x y") == (400, "BAD_REQUEST", "request_id")
    ward.ask(request_id="one")
    assert refusal(request_id="one", language="en") == (422, "IDEMPOTENCY_KEY_REUSED", "request_id")


def test_a_job_that_is_cancelled_is_not_worked_on(ward: Ward) -> None:
    job = ward.ask().json()["id"]
    assert ward.call("DELETE", f"/ai/jobs/{job}").json()["status"] == "cancelled"
    ward.work()
    assert ward.call("GET", f"/ai/jobs/{job}").json()["status"] == "cancelled"
    assert ward.call("GET", f"/ai/report/{ward.code}").json() == []


def test_those_who_can_be_asked_are_told(ward: Ward) -> None:
    told = ward.call("GET", "/ai/providers").json()
    assert told["providers"][0] == {
        "name": "rai-orchestrator",
        "label": "RAI Orchestrator",
        "vision": True,
        "languages": ["tr", "en", "ru", "az", "fr", "de", "fa", "ar"],
        "lacks": "CONSENT",
        "ready": False,
    }
    assert [each["name"] for each in told["providers"] if each["ready"]] == ["rai-mock"]
    assert {"name": "general", "label": "General"} in told["presets"]


def test_a_batch_is_worked_on_at_once_and_what_failed_alone_comes_again(
    ward: Ward,
) -> None:
    good = ward.ask().json()["id"]
    nothing = {"organization": ward.clinic.made.organization_id, "job": str(uuid.uuid4())}
    broken: dict[str, str] = {"organization": "none at all", "job": "PATIENT^NAME"}
    queue: Any = ward.clinic.services.queue
    queue.send("ai", [json.dumps(each) for each in (nothing, broken)])
    assert len(ward.work()["batchItemFailures"]) == 1
    assert ward.call("GET", f"/ai/jobs/{good}").json()["status"] == "completed"


def test_the_worker_tells_of_jobs_and_of_nothing_that_was_said(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    job = ward.ask().json()["id"]
    ward.work()
    written = [str(each.__dict__) for each in caplog.records]
    assert any(job in each for each in written)
    assert not [each for each in written if "MOCK" in each or "CompressedSamples" in each or ward.study in each]
