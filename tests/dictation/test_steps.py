"""From a recording to its reports, step by step, with a service of models that fails when it is told to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.dictation import keys
from pacs.dictation.answers import job_document
from pacs.dictation.callbacks import sign
from pacs.dictation.jobs import find_job, list_exams, secret_of
from pacs.dictation.requests import Exam, JobRequest
from pacs.dictation.steps import STEPS
from pacs.dictation.submitting import submit
from pacs.errors import InvalidAudio, ModelRefused, Unavailable
from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from pacs.reporting.credits import Balance, add_credits, read_balance
from pacs.reporting.templates import create_template
from tests.archive.conftest import Archive
from tests.archive.conftest import archive as archive
from tests.dictation.receiver import answer, receiving
from tests.functions.doors import PASSWORD
from tests.models.fake_models import FakeModels, recording_of, serving

BRAIN = Exam("803910", "ACC-1")  # "Bilgisayarlı tomografi"
SPINE = Exam("804102", "ACC-2", template="BULGULAR: {{BULGULAR}}\nSONUÇ: {{SONUC}} {{IMZA}}", template_format="txt")
SAID = (
    "Bilgisayarlı tomografi. Teknik: Kontrastsız kesitler alındı. Kanama yok. Sonuç: Patoloji saptanmadı."
    " Manyetik rezonans. L4-L5 düzeyinde 3 mm taşma. Sonuç: Sağda bası."
)


@dataclass
class Job:
    """A job of two exams that a test takes step by step."""

    archive: Archive
    scope: Scope
    id: str
    models: FakeModels

    def step(self, name: str, number: int | None = None, **more: Any) -> dict[str, Any]:
        return STEPS[name](self.archive, self.scope.organization_id, self.id, number, **more)

    def run(self) -> None:
        """As the state machine does when nothing fails."""
        self.step("transcribe")
        for number in self.step("split")["numbers"]:
            self.step("report", number)
        self.step("settle")

    def kept(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.archive.exchange.get(key)[1])
        return found

    def result(self) -> dict[str, Any]:
        return self.kept(keys.result_key(self.scope, self.id))

    @property
    def status(self) -> tuple[str, str, int]:
        job = find_job(self.archive.database, self.scope, self.id)
        return job.status, job.reason, job.credits_used

    @property
    def balance(self) -> Balance:
        return read_balance(self.archive.database, self.scope)


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as models:
        yield models


def submitted(archive: Archive, models: FakeModels, said: str = SAID, *exams: Exam, output: Any = "tr") -> Job:
    scope = Scope(archive.organization_id, "admin")
    archive.settings = replace(
        archive.settings,
        speech_url=models.url,
        speech_model="whisper-1",
        language_url=models.url,
        language_model="m",
    )
    add_credits(archive.database, archive.clock, scope, 10, "invoice 1")
    with archive.database.transaction() as statements:
        member = add_member(statements, scope, NewMember("m@example.org", PASSWORD, "centre", manager=True))
    scope = replace(scope, member_id=member)
    request = JobRequest(exams or (BRAIN, SPINE), "1.2.3", "Ali^Veli", output_language=output)
    return Job(archive, scope, submit(archive, scope, request, recording_of(said), kind="multi").job.id, models)


@pytest.fixture
def job(archive: Archive, models: FakeModels) -> Job:
    return submitted(archive, models)


def test_one_dictation_becomes_a_report_for_each_exam(job: Job) -> None:
    job.run()
    assert job.status == ("completed", "", 2)
    assert job.balance == Balance(8, 0, 2)
    result = job.result()
    brain, spine = result["reports"]
    assert (result["patientUid"], result["unassigned"]) == ("1.2.3", "")
    assert (brain["accessionNumber"], brain["sutCode"], brain["modality"]) == ("ACC-1", "803910", "CT")
    assert brain["transcript"] + " " + spine["transcript"] == SAID
    assert "Kanama yok." in brain["reportText"] and "Sağda" not in brain["reportText"]
    assert (brain["templateUsed"], brain["filledTemplate"]) == (None, None)
    assert spine["templateUsed"] == "custom"
    assert spine["filledTemplate"].startswith("BULGULAR: Manyetik rezonans. L4-L5 düzeyinde 3 mm taşma.")
    assert spine["unknownPlaceholders"] == ["IMZA"]
    assert brain["warnings"] == spine["warnings"] == []


def test_pages_find_sentences_with_their_moments(job: Job) -> None:
    job.run()
    brain = job.kept(keys.exam_key(job.scope, job.id, 0))
    assert brain["sections"]["technique"] == "<p>Kontrastsız kesitler alındı.</p>"
    assert [each["text"] for each in brain["sentences"]][2] == "Kanama yok."
    moments = [(each["start_s"], each["end_s"]) for each in brain["sentences"]]
    assert all(start < end for start, end in moments) and moments == sorted(moments)


def test_each_step_may_come_again(job: Job) -> None:
    job.run()
    asked, result = len(job.models.asked), job.result()
    job.run()
    for number in (0, 1):
        job.step("fail_exam", number, error="Unavailable")
    job.step("fail", error="Unavailable")
    assert (len(job.models.asked), job.result()) == (asked, result)
    assert job.status == ("completed", "", 2)
    assert job.balance == Balance(8, 0, 2)


def test_a_template_of_the_organization_is_chosen_by_modality(archive: Archive, models: FakeModels) -> None:
    job = submitted(archive, models)
    sections = {"technique": "<p>Rutin protokol.</p>", "findings": "<p><b>Beyin:</b> {{BULGULAR}}</p>"}
    sections |= {"comparison": "<p>Önceki yok.</p>", "impression": "<p>Doğal.</p>"}
    create_template(archive.database, job.scope, "Beyin BT", sections, modality="CT")
    job.run()
    brain = job.result()["reports"][0]
    assert (brain["templateUsed"], brain["templateName"]) == ("matched", "Beyin BT")
    made = job.kept(keys.exam_key(job.scope, job.id, 0))["sections"]
    # What was dictated stands in its placeholder, or where the template has none instead of it; the rest stays.
    assert made["findings"] == "<p><b>Beyin:</b> Bilgisayarlı tomografi. Kanama yok.</p>"
    assert made["technique"] == "<p>Kontrastsız kesitler alındı.</p>"
    assert made["impression"] == "<p>Patoloji saptanmadı.</p>"
    assert made["comparison"] == "<p>Önceki yok.</p>"


def test_an_exam_that_nobody_spoke_of_fails_alone(archive: Archive, models: FakeModels) -> None:
    job = submitted(archive, models, "Bilgisayarlı tomografi. Kanama yok.")
    job.run()
    brain, spine = job.result()["reports"]
    assert (brain["status"], spine["status"], spine["reason"]) == ("completed", "failed", "NOT_DICTATED")
    assert job.status == ("completed", "", 1)
    assert job.balance == Balance(9, 0, 1)
    assert [each.status for each in list_exams(archive.database, job.scope, job.id)] == ["completed", "failed"]


def test_an_exam_that_the_model_refuses_fails_alone(job: Job) -> None:
    job.models.always["Kanama yok"] = "broken"
    job.step("transcribe")
    job.models.always.clear()
    job.step("split")
    job.models.always['"dictation": "Bilgisayarl'] = "broken"
    job.step("report", 0)
    job.step("report", 1)
    job.step("settle")
    assert [each["status"] for each in job.result()["reports"]] == ["failed", "completed"]
    assert job.status == ("completed", "", 1)


def test_an_outage_is_for_the_workflow_to_wait_out(job: Job) -> None:
    job.models.troubles = ["down"]
    with pytest.raises(Unavailable):
        job.step("transcribe")
    job.step("transcribe")
    job.step("split")
    job.models.always["Kanama"] = "down"
    with pytest.raises(Unavailable):
        job.step("report", 0)
    job.step("fail_exam", 0, error="Unavailable")
    job.step("report", 1)
    job.step("settle")
    assert [each.get("reason") for each in job.result()["reports"]] == ["UNAVAILABLE", None]
    assert job.balance == Balance(9, 0, 1)


def test_a_job_that_cannot_be_heard_costs_nothing(job: Job) -> None:
    job.models.always[""] = "refused"
    with pytest.raises(ModelRefused):
        job.step("transcribe")
    job.step("fail", error="ModelRefused")
    assert job.status == ("failed", "MODEL_REFUSED", 0)
    assert job.balance == Balance(10, 0, 0)


def test_a_job_that_breaks_off_while_it_is_settled_tells_no_reports(job: Job) -> None:
    result = {"patientUid": None, "reports": [{"status": "completed"}], "unassigned": ""}
    job.archive.exchange.put(keys.result_key(job.scope, job.id), json.dumps(result).encode())
    job.step("fail", error="DatabaseUnavailable")
    told = job_document(job.archive, job.scope, find_job(job.archive.database, job.scope, job.id))
    assert (told["status"], {each["status"] for each in told["reports"]}) == ("failed", {"failed"})


def test_a_recording_in_which_nobody_speaks_is_no_dictation(archive: Archive, models: FakeModels) -> None:
    job = submitted(archive, models, " ")
    with pytest.raises(InvalidAudio):
        job.step("transcribe")


def test_when_no_report_is_made_the_job_has_failed(archive: Archive, models: FakeModels) -> None:
    job = submitted(archive, models, "Bilgisayarlı tomografi. Kanama yok.", BRAIN)
    job.step("transcribe")
    job.step("split")
    job.step("fail_exam", 0, error="StepFailed")
    job.step("settle")
    assert job.status == ("failed", "ALL_EXAMS_FAILED", 0)
    assert job.result()["reports"][0]["reason"] == "INTERNAL_ERROR"
    assert job.balance == Balance(10, 0, 0)


def test_the_integrator_is_told_what_asking_tells_and_who_told_it(archive: Archive, models: FakeModels) -> None:
    with receiving() as receiver:
        receiver.answers = [answer(503), answer(204)]
        job = submitted(archive, models)
        url = f"http://127.0.0.1:{receiver.port}/done"
        archive.settings = replace(archive.settings, callback_allow=url.removesuffix("/done"))
        archive.database.fetch(text("update report_jobs set callback_url = :url"), {"url": url})
        job.run()
        assert job.step("deliver") == {"again_after_s": 5}
        assert job.step("deliver") == {"again_after_s": None}
    found = find_job(archive.database, job.scope, job.id)
    head, _, body = receiver.heard[1].partition(b"\r\n\r\n")
    assert json.loads(body) == json.loads(json.dumps(job_document(archive, job.scope, found)))
    told = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    told = {name.lower(): value for name, value in told.items()}
    signature = sign(secret_of(archive, found), told["x-raportai-timestamp"], body)
    assert told["x-raportai-signature"] == signature


def test_without_an_address_nobody_is_called(job: Job) -> None:
    job.run()
    assert job.step("deliver") == {"again_after_s": None}
