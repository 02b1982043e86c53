"""What is told of a report job? The documents of the report API, in the words that integrators' clients know.

Called by functions/external; the body of a callback is the same as what asking for the job answers.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from pacs.dictation.documents import Document, read_document
from pacs.dictation.jobs import ExamState, Job, list_exams, read_request
from pacs.dictation.keys import result_key
from pacs.dictation.submitting import Submitted
from pacs.errors import NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.credits import read_balance

BASE = "/api/external/v1"
EXTENSION = re.compile(r"(\.(txt|rtf|html?|docx?|dotx?|odt|pdf))+$", re.IGNORECASE)
UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*{}]+')

# What is told of a report that there is not.
UNWRITTEN: Document = {
    "transcript": "",
    **dict.fromkeys(("reportText", "reportHtml", "filledTemplate", "templateUsed", "templateName")),
    **{"unknownPlaceholders": [], "warnings": []},
}


def submitted_document(submitted: Submitted) -> Document:
    """What the sender of a job is told; `hmacSecret` is told no other time."""
    job = submitted.job
    return {
        "jobId": job.id,
        "status": "pending",
        "examCount": job.exam_count,
        "estimatedSeconds": submitted.estimated_seconds,
        "pollUrl": poll_url(job),
        "hmacSecret": submitted.hmac_secret,
        "creditsUsed": 0,
        "remainingCredits": submitted.remaining_credits,
    }


def poll_url(job: Job) -> str:
    return f"{BASE}/{'report' if job.kind == 'single' else 'pacs/report'}/{job.id}"


def job_document(services: Services, scope: Scope, job: Job) -> Document:
    """How far a job is, and when it has ended its reports. Raises NotFound when they have gone since."""
    told: Document = {"jobId": job.id, "status": job.status, "examCount": job.exam_count}
    if job.has_ended:
        told = ended_document(services, scope, job) | told
    else:
        told["estimatedSeconds"] = job.estimated_seconds
    return {**told, "creditsUsed": job.credits_used, "remainingCredits": remaining_credits(services, scope)}


def ended_document(services: Services, scope: Scope, job: Job) -> Document:
    """The reports as they lie in the store; of a job that failed before it had any, why."""
    told: Document = {"reason": job.reason} if job.status == "failed" else {}
    try:
        result = read_document(services, result_key(scope, job.id))
    except ObjectNotFound as error:
        if job.status == "completed":
            raise NotFound("the reports of this job have been removed", field="jobId") from error
        result = broken_off(services, scope, job)
    told |= result
    # Who sent one exam finds its report beside the list, too.
    return {**result["reports"][0], **told} if job.kind == "single" else told


def broken_off(services: Services, scope: Scope, job: Job) -> Document:
    """What is told of a job that failed before it had a result: none of its reports counts."""
    try:
        patient_uid = read_request(services, scope, job.id).patient_uid
    except ObjectNotFound:  # it has expired
        patient_uid = ""
    reports = [exam_document(each) for each in list_exams(services.database, scope, job.id)]
    return {"patientUid": patient_uid or None, "reports": reports, "unassigned": ""}


def exam_document(exam: ExamState) -> Document:
    """An exam without a report; `accessionNumber` and `teleCode` are null where none was given."""
    return UNWRITTEN | {
        "accessionNumber": exam.accession_number or None,
        "sutCode": exam.sut_code,
        "teleCode": exam.tele_code or None,
        "modality": exam.modality,
        "examName": exam.exam_name,
        "status": "failed",
        "reason": exam.reason,
    }


def remaining_credits(services: Services, scope: Scope) -> int:
    return read_balance(services.database, scope).available


def template_documents(templates: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Templates by names that differ, hold nothing that a file's name may not hold, and have no extension."""
    taken: set[str] = set()
    told = []
    for template in templates:
        name = plain = template_name(template["name"])
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain} ({number})"
        taken.add(name.casefold())
        told.append({**{each: template[each] for each in ("id", "modality", "language")}, "name": name})
    return told


def template_name(name: str) -> str:
    """A name as files may have it."""
    words = " ".join(UNSAFE.sub(" ", unicodedata.normalize("NFC", name)).split())
    return EXTENSION.sub("", words).strip(" .") or "template"
