"""Rows of pre-reports, for tests of what can be seen of them."""

import json
import uuid

from sqlalchemy import text

from pacs.ai.keeping import folder_of, write_document, write_image
from pacs.people.scope import Scope
from pacs.ports import Services

ADD_JOB = text(
    "insert into ai_jobs (id, organization_id, study_instance_uid, member_id, request_key, provider, preset, language,"
    " status, images, created_at, started_at, ended_at) values (cast(:id as uuid), cast(:organization_id as uuid),"
    " :study, cast(:me as uuid), :id, 'rai-mock', 'general', 'tr', 'completed', 1, :now, :now, :now)"
)
ADD_DRAFT = text(
    "insert into ai_report_drafts (id, organization_id, study_instance_uid, job_id, provider, model, preset, language,"
    " document, images, critical, created_at) values (cast(:draft as uuid), cast(:organization_id as uuid), :study,"
    " cast(:id as uuid), 'rai-mock', 'rai-mock', 'general', 'tr', cast(:document as jsonb), '[]', false, :now)"
)


def document_of(findings: str) -> dict[str, object]:
    """What a model says that has these findings and knows nothing more."""
    texts = {"technique": "", "comparison": "", "findings": findings, "impression": ""}
    return {**texts, "critical_findings": [], "confidence": "low", "images_used": [1]}


def add_prereport(services: Services, scope: Scope, study: str, findings: str) -> dict[str, str]:
    """A job that has ended, what it sent, and its draft: the identifiers of `job` and `draft`."""
    made = {"job": str(uuid.uuid4()), "draft": str(uuid.uuid4())}
    row = {"id": made["job"], "organization_id": scope.organization_id, "study": study, "now": services.clock.now()}
    services.database.fetch(ADD_JOB, {**row, "me": scope.member_id or None})
    document = json.dumps(document_of(findings))
    services.database.fetch(ADD_DRAFT, {**row, "draft": made["draft"], "document": document})
    folder = folder_of(scope.organization_id, study, made["job"])
    attempt = {"provider": "rai-mock", "model": "rai-mock", "images": [{"number": 1}], "calls": []}
    write_document(services, folder, "request.json", {"attempts": [attempt]})
    write_image(services, folder, 1, 1, b"\xff\xd8\xff\xd9")
    return made
