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


def add_job(statements: Statements, scope: Scope, member_id: str, now: datetime) -> str:
    """A job of one exam that a member has submitted; its identifier."""
    job_id = str(uuid.uuid4())
    row = {"id": job_id, "organization_id": scope.organization_id, "member_id": member_id, "now": now}
    statements.fetch(ADD_JOB, row)
    return job_id
