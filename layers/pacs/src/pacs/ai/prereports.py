"""What have models made of a study? Drafts, several a study and never reports by themselves. Called by functions/ai."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.ports import Rows, Services, Statements
from pacs.reading.naming import code_of
from pacs.reporting.drafts import find_study

# An answer of the Data API holds 1 MB.
LISTED = 20
COLUMNS = (
    "cast(d.id as text) as id, s.code, d.study_instance_uid, cast(d.job_id as text) as job_id,"
    " cast(j.member_id as text) as member_id, d.provider, d.model, d.preset, d.language, d.document, d.images,"
    " d.critical, d.cost, d.created_at, cast(d.report_id as text) as report_id,"
    " cast(d.taken_by as text) as taken_by, d.taken_at"
)
JOINED = (
    " from ai_report_drafts d join studies s using (organization_id, study_instance_uid)"
    " join ai_jobs j on j.id = d.job_id"
)


@dataclass(frozen=True)
class PreReport:
    """A draft of a model. `document` keeps to `drafts.SCHEMA`; `images` are those that it was shown, by number."""

    id: str
    code: str
    study_instance_uid: str
    job_id: str
    member_id: str | None
    provider: str
    model: str
    preset: str
    language: str
    document: Mapping[str, Any]
    images: list[dict[str, Any]]
    critical: bool
    cost: Decimal | None
    created_at: datetime
    report_id: str | None
    taken_by: str | None
    taken_at: datetime | None


def list_prereports(services: Services, scope: Scope, code: str) -> list[PreReport]:
    """The drafts of a study, the newest first. Raises NotFound for the study."""
    find_study(services.database, scope, code)
    ended = f" order by d.created_at desc, d.id limit {LISTED}"
    return [PreReport(**row) for row in query(services.database, scope, "s.code = :named", code_of(code), ended)]


def find_prereport(statements: Statements, scope: Scope, draft_id: str) -> PreReport:
    """One draft. Raises NotFound, also for one of a study that the scope does not cover."""
    rows = query(statements, scope, "d.id = cast(:named as uuid)", draft_id)
    if not rows:
        raise NotFound("there is no such draft", field="draft")
    return PreReport(**rows[0])


def query(statements: Statements, scope: Scope, condition: str, named: str, ended: str = "") -> Rows:
    parameters: dict[str, Any] = {"named": named}
    where = " and ".join([*scope_conditions(scope, parameters), condition])
    return statements.fetch(text(f"select {COLUMNS}{JOINED} where {where}{ended}"), parameters)
