"""Where in the exchange store does what belongs to a report job lie? Asked by whoever submits, works on and tells jobs.

Recordings and reports go after `PACS_EXCHANGE_DAYS`, in the cloud by the bucket's rules.
"""

from pacs.people.scope import Scope

STARTING = "starting/"


def audio_key(scope: Scope, job_id: str) -> str:
    """The recording."""
    return f"audio/{scope.organization_id}/{job_id}"


def upload_key(scope: Scope, upload_id: str) -> str:
    """A recording that was sent before its job."""
    return f"audio/{scope.organization_id}/uploads/{upload_id}"


def starting_key(scope: Scope, job_id: str) -> str:
    """An empty object: the job may have been taken, and was not handed to the workflow yet."""
    return f"{STARTING}{scope.organization_id}/{job_id}"


def request_key(scope: Scope, job_id: str) -> str:
    """What the job was told: exams, templates, the patient's name."""
    return f"{folder(scope, job_id)}/request.json"


def transcript_key(scope: Scope, job_id: str) -> str:
    return f"{folder(scope, job_id)}/transcript.json"


def parts_key(scope: Scope, job_id: str) -> str:
    """Which sentence belongs to which exam."""
    return f"{folder(scope, job_id)}/parts.json"


def exam_key(scope: Scope, job_id: str, number: int) -> str:
    """The report of one exam; the first has number 0."""
    return f"{folder(scope, job_id)}/exams/{number}.json"


def result_key(scope: Scope, job_id: str) -> str:
    """What is told of the job when it has ended: `patientUid` and `reports`."""
    return f"{folder(scope, job_id)}/result.json"


def folder(scope: Scope, job_id: str) -> str:
    return f"reports/{scope.organization_id}/{job_id}"
