"""What have people dictated in the portal, and what has it become? Each is a report job of one exam, and its author's.

When the job has ended its report is taken over, and goes on as its author writes it; nothing of it is signed. Called by
functions/reports and functions/pages.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import text

from pacs.dictation.audio import MEDIA_TYPES, Kind
from pacs.dictation.documents import read_document
from pacs.dictation.jobs import Status, is_uuid
from pacs.dictation.keys import audio_key, exam_key
from pacs.dictation.requests import LANGUAGES, Exam, JobRequest
from pacs.dictation.submitting import Submitted, submit, submit_text
from pacs.dictation.uploads import read_upload
from pacs.errors import BadRequest, Conflict, NotFound, ObjectNotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Rows, Services, Statements
from pacs.reporting.body import SECTIONS, Sections, checked, plain
from pacs.reporting.templates import find_template

KIND = "own"
NO_TEMPLATE = "none"  # not even one that fits
LONGEST_TITLE, LONGEST_TEXT = 200, 20_000
AUDIO_LIFE_S = 3600
PAGE = 30
MODALITIES = ("CR", "CT", "MR", "US", "MG", "NM", "PT", "RF", "XA", "BMD")

COLUMNS = (
    "cast(d.id as text) as id, d.title, d.language, d.spoken, d.sections, d.version, d.created_at, d.updated_at,"
    " j.status, j.reason, j.estimated_seconds, j.audio_kind, e.modality"
)
JOINED = "from dictations d join report_jobs j on j.id = d.id join report_exams e on e.job_id = d.id and e.number = 0"
OWN = "d.organization_id = cast(:organization_id as uuid) and d.member_id = cast(:member_id as uuid)"
FIND = text(f"select {COLUMNS} {JOINED} where {OWN} and d.id = cast(:id as uuid)")
LIST = text(
    f"select {COLUMNS} {JOINED} where {OWN} and (:like = '' or d.title ilike :like or d.words ilike :like)"
    " and (cast(:before as timestamptz) is null or d.created_at < cast(:before as timestamptz))"
    " order by d.created_at desc, d.id limit :limit"
)
ADD = text(
    "insert into dictations (id, organization_id, member_id, title, language, spoken, created_at, updated_at)"
    " values (cast(:id as uuid), cast(:organization_id as uuid), cast(:member_id as uuid), :title, :language,"
    " :spoken, :now, :now) on conflict do nothing"
)
TAKE_OVER = text(
    "update dictations set sections = cast(:sections as jsonb), words = :words, updated_at = :now"
    " where id = cast(:id as uuid) and sections is null"
)
SAVE = text(
    "update dictations d set sections = cast(:sections as jsonb), words = :words, title = :title,"  # noqa: S608
    f" version = d.version + 1, updated_at = :now where {OWN} and d.id = cast(:id as uuid) and d.version = :version"
    " and d.sections is not null returning d.version"
)


@dataclass(frozen=True)
class NewDictation:
    """What somebody dictates: a recording that was sent before (by its upload key), or typed words."""

    title: str
    upload: str = ""
    words: str = ""
    modality: str = ""
    template_id: str = ""
    language: str = "tr"
    output_language: str = ""


@dataclass(frozen=True)
class Dictation:
    """A dictation, and its report as it is now: None until there is one."""

    id: str
    title: str
    language: str
    spoken: bool
    modality: str
    status: Status
    reason: str
    estimated_seconds: int
    audio_kind: str
    sections: dict[str, str] | None
    version: int
    created_at: Any
    updated_at: Any


def begin(services: Services, scope: Scope, new: NewDictation) -> str:
    """Take a dictation; its identifier. The same upload is taken once.

    Raises BadRequest, InvalidAudio, NotConfigured, NotFound (the template), DuplicateSubmission, InsufficientCredits.
    """
    title = " ".join(new.title.split())[:LONGEST_TITLE]
    request = request_of(services, scope, new, title)
    submitted = submitted_of(services, scope, new, request)
    with services.database.transaction() as statements:
        named = {"id": submitted.job.id, "title": title, "language": request.output_language}
        statements.fetch(ADD, {**own(scope), **named, "spoken": bool(new.upload), "now": services.clock.now()})
        record(statements, scope, Deed("write-report", subject=f"dictation {submitted.job.id}"))
    return submitted.job.id


def request_of(services: Services, scope: Scope, new: NewDictation, title: str) -> JobRequest:
    """What the job is told."""
    written = new.output_language or new.language
    if new.language not in LANGUAGES or written not in LANGUAGES:
        raise BadRequest(f"languages are {', '.join(LANGUAGES)}", field="language")
    modality = new.modality
    if modality and modality not in MODALITIES:
        raise BadRequest(f"modalities are {', '.join(MODALITIES)}", field="modality")
    if new.template_id not in ("", NO_TEMPLATE):
        template = find_template(services.database, scope, new.template_id)
        modality = modality or template["modality"]
    exam = Exam("", modality=modality, name=title, template_id=new.template_id)
    return JobRequest((exam,), input_language=new.language, output_language=written)


def submitted_of(services: Services, scope: Scope, new: NewDictation, request: JobRequest) -> Submitted:
    if bool(new.upload) == bool(new.words.strip()):
        raise BadRequest("a dictation is either a recording or words", field="text")
    if len(new.words) > LONGEST_TEXT:
        raise BadRequest(f"at most {LONGEST_TEXT} letters are typed", field="text")
    if new.words:
        return submit_text(services, scope, request, new.words, kind=KIND)
    audio = read_upload(services, scope, new.upload)
    return submit(services, scope, request, audio, kind=KIND, idempotency_key=new.upload)


def read(services: Services, scope: Scope, dictation_id: str) -> Dictation:
    """A dictation of one's own, with its report if there is one. Raises NotFound."""
    found = find(services.database, scope, dictation_id)
    if found.status == "completed" and found.sections is None:
        take_over(services, scope, found)
        found = find(services.database, scope, dictation_id)
    return found


def find(statements: Statements, scope: Scope, dictation_id: str) -> Dictation:
    rows = statements.fetch(FIND, {**own(scope), "id": dictation_id}) if is_uuid(dictation_id) else []
    if not rows:
        raise NotFound("there is no such dictation", field="dictation")
    return Dictation(**rows[0])


def take_over(services: Services, scope: Scope, found: Dictation) -> None:
    """The report that the job has made becomes its author's, who may have begun to write it elsewhere already."""
    sections = checked(made_of(services, scope, found.id).get("sections", {}))
    taken = {"id": found.id, "sections": json.dumps(sections), "words": words_of(sections)}
    services.database.fetch(TAKE_OVER, {**taken, "now": services.clock.now()})


def made_of(services: Services, scope: Scope, dictation_id: str) -> Mapping[str, Any]:
    """What the job has made, as long as it is kept: `sentences` with their moments, `warnings`, `templateName`."""
    try:
        return read_document(services, exam_key(scope, dictation_id, 0))
    except ObjectNotFound:
        return {}


def save(
    services: Services, scope: Scope, dictation_id: str, version: int, sections: Sections, title: str
) -> dict[str, int]:
    """Save over the version that was read. Raises NotFound, BadRequest; Conflict when somebody has saved since."""
    made = checked(sections)
    given = {"id": dictation_id, "version": version, "title": " ".join(title.split())[:LONGEST_TITLE]}
    given |= {"sections": json.dumps(made), "words": words_of(made), "now": services.clock.now()}
    find(services.database, scope, dictation_id)
    rows = services.database.fetch(SAVE, {**own(scope), **given})
    if not rows:
        raise Conflict("this was saved in another place since", field="version")
    return {"version": int(rows[0]["version"])}


def list_dictations(services: Services, scope: Scope, *, words: str = "", before: str = "") -> Rows:
    """One's own, the newest first, thirty at a time; those that ended since are taken over."""
    escaped = words.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    asked = {"like": f"%{escaped}%" if escaped else "", "before": before or None, "limit": PAGE}
    rows = services.database.fetch(LIST, {**own(scope), **asked})
    for row in rows:
        if row["status"] == "completed" and row["sections"] is None:
            take_over(services, scope, Dictation(**row))
    return rows


def audio_address(services: Services, scope: Scope, dictation_id: str) -> str:
    """Where its recording is, for an hour. Raises NotFound: it was typed, or the recording is not kept any more."""
    found = find(services.database, scope, dictation_id)
    key = audio_key(scope, found.id)
    try:
        services.exchange.head(key)
    except ObjectNotFound as error:
        raise NotFound("there is no recording of this", field="dictation") from error
    media_type = MEDIA_TYPES[cast("Kind", found.audio_kind)]
    return services.exchange.presign_get(key, expires_s=AUDIO_LIFE_S, content_type=media_type)


def words_of(sections: Sections) -> str:
    return "\n".join(plain(sections[name]) for name in SECTIONS)


def own(scope: Scope) -> dict[str, str]:
    return {"organization_id": scope.organization_id, "member_id": scope.member_id}


def known_modalities(templates: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that people choose from, and those that templates have."""
    return sorted({*MODALITIES, *(each["modality"] for each in templates)} - {""})
