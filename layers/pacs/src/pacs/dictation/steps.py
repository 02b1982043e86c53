"""What happens to a recording until it is reports: each step of the workflow. Called by functions/report_steps.

A step keeps its result in the exchange store and finds it there when it is called again, after a death in the middle,
too. What is told to the workflow are identifiers alone, for histories are kept. A service that does not answer is
raised, so that the workflow waits and tries again; what another try would not mend is the result of an exam.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, cast

from pacs import errors
from pacs.dictation.answers import job_document
from pacs.dictation.audio import MEDIA_TYPES, Kind
from pacs.dictation.callbacks import deliver as call_back
from pacs.dictation.composing import compose_report, failed_report, told_of
from pacs.dictation.documents import read_document, write_document
from pacs.dictation.jobs import (
    Job,
    begin_job,
    end_exam,
    end_job,
    find_job,
    list_exams,
    read_request,
    secret_of,
)
from pacs.dictation.keys import audio_key, exam_key, parts_key, result_key, transcript_key
from pacs.dictation.sentences import Sentence, sentences_of
from pacs.dictation.splitting import split
from pacs.errors import UNKNOWN, InvalidAudio, ObjectNotFound, PacsError, Unavailable, answer_for
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.templates import list_templates

NOT_DICTATED, NONE_MADE = "NOT_DICTATED", "ALL_EXAMS_FAILED"

Result = dict[str, Any]
Step = Callable[..., Result]


def transcribe(services: Services, organization_id: str, job_id: str, number: int | None = None) -> Result:
    """Hear the recording, once. Raises Unavailable, NotConfigured, ModelRefused; InvalidAudio when nobody speaks."""
    scope, job = job_of(services, organization_id, job_id)
    begin_job(services.database, scope, job_id, services.clock.now())
    key = transcript_key(scope, job_id)
    if kept(services, key) is None:
        recording = services.exchange.get(audio_key(scope, job_id))[1]
        media_type = MEDIA_TYPES[cast("Kind", job.audio_kind)]
        sentences = sentences_of(services.speech.transcribe(recording, media_type, job.input_language))
        if not sentences:
            raise InvalidAudio("no word is heard in the recording", field="audio")
        write_document(services, key, {"sentences": [asdict(each) for each in sentences]})
    return {}


def split_exams(services: Services, organization_id: str, job_id: str, number: int | None = None) -> Result:
    """Give each sentence to an exam, or to none. Tells the numbers of the exams."""
    scope, job = job_of(services, organization_id, job_id)
    if kept(services, parts_key(scope, job_id)) is None:
        sentences = sentences_kept(services, scope, job_id)
        exams = read_request(services, scope, job_id).exams
        places = split(services.language, sentences, exams, job.input_language)
        write_document(services, parts_key(scope, job_id), {"places": list(places)})
    return {"numbers": list(range(job.exam_count))}


def report(services: Services, organization_id: str, job_id: str, number: int | None = None) -> Result:
    """Write the report of one exam. Raises Unavailable; whatever else goes wrong is what the exam has come to."""
    assert number is not None
    scope, _ = job_of(services, organization_id, job_id)
    made = kept(services, exam_key(scope, job_id, number))
    if made is None:
        exam = list_exams(services.database, scope, job_id)[number]
        places = read_document(services, parts_key(scope, job_id))["places"]
        sentences = sentences_kept(services, scope, job_id)
        own = [each for each, place in zip(sentences, places, strict=True) if place == number]
        if own:
            asked = read_request(services, scope, job_id)
            templates = list_templates(services.database, scope)
            try:
                made = compose_report(services.language, asked, exam, own, templates)
            except Unavailable:
                raise
            except PacsError as error:
                made = failed_report(exam, own, answer_for(error).code)
        else:
            made = failed_report(exam, own, NOT_DICTATED)
        write_document(services, exam_key(scope, job_id, number), made)
    conclude(services, scope, job_id, number, made)
    return {}


def fail_exam(
    services: Services, organization_id: str, job_id: str, number: int | None = None, *, error: str = ""
) -> Result:
    """Give up one exam, whose siblings go on; one that was written meanwhile stays."""
    assert number is not None
    scope, _ = job_of(services, organization_id, job_id)
    made = kept(services, exam_key(scope, job_id, number))
    if made is None:
        made = failed_report(list_exams(services.database, scope, job_id)[number], (), code_of(error))
        write_document(services, exam_key(scope, job_id, number), made)
    conclude(services, scope, job_id, number, made)
    return {}


def settle(services: Services, organization_id: str, job_id: str, number: int | None = None) -> Result:
    """End the job: reports that came out right are paid for. One of which none did has failed."""
    scope, job = job_of(services, organization_id, job_id)
    if not job.has_ended:
        reports = [read_document(services, exam_key(scope, job_id, each)) for each in range(job.exam_count)]
        used = sum(each["status"] == "completed" for each in reports)
        places = read_document(services, parts_key(scope, job_id))["places"]
        sentences = sentences_kept(services, scope, job_id)
        unassigned = " ".join(each.text for each, place in zip(sentences, places, strict=True) if place is None)
        asked = read_request(services, scope, job_id)
        result = {"patientUid": asked.patient_uid or None, "reports": [told_of(each) for each in reports]}
        write_document(services, result_key(scope, job_id), result | {"unassigned": unassigned})
        end_job(services, scope, job_id, "completed" if used else "failed", used=used, reason="" if used else NONE_MADE)
    return {}


def fail(
    services: Services, organization_id: str, job_id: str, number: int | None = None, *, error: str = ""
) -> Result:
    """End a job that cannot go on, and say why. It costs nothing."""
    scope, job = job_of(services, organization_id, job_id)
    if not job.has_ended:
        services.exchange.delete(result_key(scope, job_id))  # of a settling that came to no end
        end_job(services, scope, job_id, "failed", reason=code_of(error))
    return {}


def deliver(services: Services, organization_id: str, job_id: str, number: int | None = None) -> Result:
    """Tell the integrator once, when there is an address; `again_after_s` is None unless nobody took it.

    The state machine reads it of every answer.
    """
    scope, job = job_of(services, organization_id, job_id)
    if not job.callback_url:
        return {"again_after_s": None}
    body = json.dumps(job_document(services, scope, job), ensure_ascii=False).encode()
    delivery = call_back(services, organization_id, job_id, job.callback_url, secret_of(services, job), body)
    return {"again_after_s": delivery.again_after_s}


STEPS: Mapping[str, Step] = {
    "transcribe": transcribe,
    "split": split_exams,
    "report": report,
    "fail_exam": fail_exam,
    "settle": settle,
    "fail": fail,
    "deliver": deliver,
}


def job_of(services: Services, organization_id: str, job_id: str) -> tuple[Scope, Job]:
    """Raises NotFound."""
    scope = Scope(organization_id, "system")
    return scope, find_job(services.database, scope, job_id)


def code_of(error: str) -> str:
    """The public code of an error, by the name of its class; what is no error of ours tells nothing more."""
    kind = getattr(errors, error, None)
    found = next((each for each in getattr(kind, "__mro__", ()) if each in errors.ANSWERS), None)
    return errors.ANSWERS[found].code if found else UNKNOWN.code


def sentences_kept(services: Services, scope: Scope, job_id: str) -> list[Sentence]:
    return [Sentence(**each) for each in read_document(services, transcript_key(scope, job_id))["sentences"]]


def kept(services: Services, key: str) -> Result | None:
    """What a step has kept, or None."""
    try:
        return read_document(services, key)
    except ObjectNotFound:
        return None


def conclude(services: Services, scope: Scope, job_id: str, number: int, made: Result) -> None:
    """Note what an exam has come to."""
    end_exam(services.database, scope, job_id, number, made["status"], reason=made.get("reason", ""))
