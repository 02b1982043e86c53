"""How does a draft of a model become words of a report? By one press of the reader who has claimed the study.

Called by functions/ai and the pages. Nothing is signed by it, and nothing final.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from pacs.ai.prereports import PreReport, find_prereport
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.assisting import Brought, bring_in

TAKEN_FROM = ("technique", "comparison", "findings", "impression")
HOLD = text(
    "select id from ai_report_drafts where id = cast(:id as uuid)"
    " and organization_id = cast(:organization_id as uuid) for update"
)
TAKE = text(
    "update ai_report_drafts set report_id = cast(:report_id as uuid), taken_by = cast(:me as uuid), taken_at = :now"
    " where id = cast(:id as uuid) and organization_id = cast(:organization_id as uuid)"
)


@dataclass(frozen=True)
class Taken:
    """The report into which a draft went, and section by section the words that it brought."""

    draft: PreReport
    brought: Brought


def take_over(services: Services, scope: Scope, draft_id: str, *, source_ip: str = "") -> Taken:
    """Take a draft over into one's own report. Again: what the report says already is not said twice.

    Raises NotFound, Forbidden; Conflict when the study is not claimed by the scope's member.
    """
    draft = find_prereport(services.database, scope, draft_id)
    with services.database.transaction() as statements:
        whose = {"id": draft_id, "organization_id": scope.organization_id}
        statements.fetch(HOLD, whose)  # of two presses the second finds what the first has brought
        brought = bring_in(
            services,
            statements,
            scope,
            draft.code,
            sections_of(draft.document),
            by=author_of(draft),
            language=draft.language,
        )
        report_id = brought.report["id"]
        taken = {"report_id": report_id, "me": scope.member_id, "now": services.clock.now()}
        statements.fetch(TAKE, {**whose, **taken})
        deed = Deed("write-report", draft.study_instance_uid, subject=f"{report_id}: draft {draft_id} taken over")
        record(statements, scope, deed, source_ip=source_ip)
        return Taken(find_prereport(statements, scope, draft_id), brought)


def author_of(draft: PreReport) -> str:
    """Who the history of a report says has written what came from a draft."""
    return f"{draft.provider} ({draft.model})" if draft.model != draft.provider else draft.provider


def sections_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The sections of a report, of plain texts. What cannot wait stands first in the impression."""
    sections = {name: paragraphs(document.get(name, "")) for name in TAKEN_FROM}
    urgent = [each["finding"] for each in document.get("critical_findings", ())]
    first = "".join(f"<p><b>{html.escape(' '.join(each.split()))}</b></p>" for each in urgent if each.strip())
    return {**sections, "impression": first + sections["impression"]}


def paragraphs(words: str) -> str:
    """Plain text as HTML: a paragraph for each line."""
    return "".join(f"<p>{html.escape(line.strip())}</p>" for line in words.splitlines() if line.strip())
