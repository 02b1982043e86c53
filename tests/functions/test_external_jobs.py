"""What the report API tells of jobs, and what it takes beside them: recordings sent before, templates."""

import json
import uuid
from typing import Any

from sqlalchemy import text

from pacs.dictation import keys
from pacs.dictation.jobs import begin_job, end_job
from pacs.reporting.templates import create_template
from tests.functions.integrators import (
    BASE,
    EXAMS,
    MULTI,
    SINGLE,
    Integrator,
    house,
    integrator,
    integrator_of,
    refused,
)

__all__ = ["house", "integrator"]


def test_a_recording_may_be_sent_before_its_job(integrator: Integrator) -> None:
    made = integrator.clinic.client.post(BASE + "/uploads", headers=integrator.headers)
    told, audio, client = made.json(), integrator.recording(), integrator.clinic.client
    assert (made.status_code, told["maxBytes"], told["expiresInSeconds"]) == (201, 50 << 20, 3600)
    data = {"metadata": json.dumps({"exams": EXAMS}), "uploadKey": told["uploadKey"]}

    def submit(data: dict[str, str], who: Integrator = integrator) -> Any:
        return client.post(MULTI, data=data, files={"nothing": b""}, headers=who.headers)

    refused(submit(data), 400, "INVALID_AUDIO", "uploadKey")  # nothing was sent yet
    assert client.post(told["url"], data=told["fields"], files={"file": audio}).status_code == 204
    refused(submit(data, integrator_of(integrator.clinic)), 400, "INVALID_AUDIO", "uploadKey")
    refused(submit({**data, "uploadKey": "../x"}), 400, "INVALID_AUDIO", "uploadKey")
    assert submit(data).status_code == 202
    refused(submit(data), 409, "DUPLICATE_SUBMISSION", "audio")
    both = client.post(MULTI, data=data, files={"audio": integrator.recording()}, headers=integrator.headers)
    refused(both, 400, "INVALID_AUDIO", "uploadKey")


def finish(integrator: Integrator, job_id: str, reports: list[dict[str, Any]]) -> None:
    """What the workflow does in the end."""
    services, scope = integrator.clinic.services, integrator.scope
    result = {"patientUid": "1.2.3", "reports": reports, "unassigned": ""}
    services.exchange.put(keys.result_key(scope, job_id), json.dumps(result).encode())
    used = sum(each["status"] == "completed" for each in reports)
    assert end_job(services, scope, job_id, "completed" if used else "failed", used=used)


REPORT = {
    "accessionNumber": "ACC-1",
    "sutCode": "803910",
    "teleCode": "R100000",
    "modality": "CT",
    "examName": "Bilgisayarlı tomografi",
    "status": "completed",
    "transcript": "Bulgular normaldir.",
    "reportText": "BULGULAR\nBulgular normaldir.",
    "reportHtml": "<p>Bulgular normaldir.</p>",
    "filledTemplate": None,
    "templateUsed": "matched",
}


def test_a_job_is_asked_for_until_it_has_ended(integrator: Integrator) -> None:
    services, scope = integrator.clinic.services, integrator.scope
    job_id = integrator.multi().json()["jobId"]
    told = {"jobId": job_id, "status": "pending", "examCount": 2, "estimatedSeconds": 90}
    told |= {"creditsUsed": 0, "remainingCredits": 8}
    assert integrator.get(f"{MULTI}/{job_id}").json() == told
    begin_job(services.database, scope, job_id, services.clock.now())
    assert integrator.get(f"{MULTI}/{job_id}").json() == told | {"status": "processing"}
    failed = REPORT | {"accessionNumber": "ACC-2", "status": "failed", "reason": "NOT_DICTATED"}
    finish(integrator, job_id, [REPORT, failed])
    ended = integrator.get(f"{MULTI}/{job_id}")
    assert (ended.status_code, ended.json()) == (
        200,
        {
            "jobId": job_id,
            "status": "completed",
            "examCount": 2,
            "patientUid": "1.2.3",
            "reports": [REPORT, failed],
            "unassigned": "",
            "creditsUsed": 1,
            "remainingCredits": 9,
        },
    )


def test_a_job_of_one_exam_tells_its_report_beside_the_list_too(integrator: Integrator) -> None:
    job_id = integrator.single().json()["jobId"]
    finish(integrator, job_id, [REPORT])
    for _ in range(2):
        told = integrator.get(f"{SINGLE}/{job_id}").json()
    assert told["reports"] == [REPORT] and told["reportText"] == REPORT["reportText"]
    assert (told["status"], told["creditsUsed"], told["remainingCredits"]) == ("completed", 1, 9)
    audited = text("select action, subject from audit where member_id = :member and action like '%-report' order by id")
    rows = integrator.clinic.services.database.fetch(audited, {"member": integrator.scope.member_id})
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("write-report", f"{job_id}: submitted"),
        ("read-report", job_id),
    ]


def test_a_job_that_failed_costs_nothing_and_says_why(integrator: Integrator) -> None:
    job_id = integrator.multi().json()["jobId"]
    assert end_job(integrator.clinic.services, integrator.scope, job_id, "failed", reason="INVALID_AUDIO")
    told = integrator.get(f"{MULTI}/{job_id}").json()
    assert (told["status"], told["reason"], told["creditsUsed"], told["remainingCredits"]) == (
        "failed",
        "INVALID_AUDIO",
        0,
        10,
    )
    assert {each["reason"] for each in told["reports"]} == {"INVALID_AUDIO"}


def test_jobs_of_others_are_not_there(integrator: Integrator) -> None:
    other = integrator_of(integrator.clinic)
    job_id = other.multi().json()["jobId"]
    for path in (f"{MULTI}/{job_id}", f"{SINGLE}/{job_id}", f"{MULTI}/{uuid.uuid4()}", f"{MULTI}/x"):
        refused(integrator.get(path), 404, "NOT_FOUND", "jobId")
    integrator.clinic.services.database.fetch(text("update report_jobs set kind = 'own'"))
    refused(other.get(f"{MULTI}/{job_id}"), 404, "NOT_FOUND", "jobId")  # what people dictate is theirs


def test_templates_are_told_by_names_that_suit_files(integrator: Integrator) -> None:
    services = integrator.clinic.services
    for name, modality in (("Toraks BT.txt", "CT"), ("Toraks BT", "MR"), ("Karın/batın", "")):
        create_template(services.database, integrator.scope, name, {}, modality=modality)
    told = integrator.get(BASE + "/templates").json()
    names = [each["name"] for each in told["templates"]]
    assert sorted(names) == ["Karın batın", "Toraks BT", "Toraks BT (2)"]
    assert (told["creditsUsed"], told["remainingCredits"]) == (0, 10)
    assert integrator_of(integrator.clinic).get(BASE + "/templates").json()["templates"] == []
