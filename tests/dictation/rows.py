"""Rows of report jobs, for tests of what comes after a job."""

import uuid
from datetime import datetime

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Statements

ADD_JOB = text(
    "insert into report_jobs (id, organization_id, member_id, kind, exam_count, audio_sha256, audio_kind,"
    " audio_seconds, input_language, output_language, callback_url, secret, request_hash, estimated_seconds,"
    " remaining_credits, created_at) values (cast(:id as uuid), cast(:organization_id as uuid),"
    " cast(:member_id as uuid), 'multi', 1, '', 'wav', 9, 'tr', 'tr', '', '', '', 30, 7, :now)"
)
END_JOB = text("update report_jobs set kind = 'own', status = 'completed' where id = cast(:id as uuid)")
ADD_EXAM = text(
    "insert into report_exams (job_id, number, accession_number, sut_code, tele_code, modality, exam_name)"
    " values (cast(:id as uuid), 0, '', '', '', 'CT', :title)"
)
ADD_DICTATION = text(
    "insert into dictations (id, organization_id, member_id, title, language, spoken, sections, words, created_at,"
    " updated_at) values (cast(:id as uuid), cast(:organization_id as uuid), cast(:member_id as uuid), :title, 'tr',"
    " true, jsonb_build_object('findings', cast(:title as text)), :title, :now, :now)"
)


def add_job(statements: Statements, scope: Scope, member_id: str, now: datetime) -> str:
    """A job of one exam that a member has submitted; its identifier."""
    job_id = str(uuid.uuid4())
    row = {"id": job_id, "organization_id": scope.organization_id, "member_id": member_id, "now": now}
    statements.fetch(ADD_JOB, row)
    return job_id


def add_dictation(statements: Statements, scope: Scope, title: str, now: datetime) -> str:
    """What the member of a scope has dictated in the portal, with its report; its identifier."""
    job_id = add_job(statements, scope, scope.member_id, now)
    statements.fetch(END_JOB, {"id": job_id})
    statements.fetch(ADD_EXAM, {"id": job_id, "title": title})
    whose = {"organization_id": scope.organization_id, "member_id": scope.member_id}
    statements.fetch(ADD_DICTATION, {"id": job_id, **whose, "title": title, "now": now})
    return job_id
