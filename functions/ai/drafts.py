"""Drafts of models: those of a study, and taking one over into a report."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from pacs.ai.prereports import list_prereports
from pacs.ai.taking import take_over
from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.people.audit import Deed, record_once

router = APIRouter(prefix="/ai")


@router.get("/report/{code}")
async def list_drafts(request: Request, scope: CurrentScope, code: str) -> list[dict[str, Any]]:
    """The drafts of a study, the newest first. A draft is no report: a reader takes it over, and signs."""
    found = list_prereports(services(), scope, code)
    if found:
        deed = Deed("read-report", found[0].study_instance_uid, subject="drafts of models")
        record_once(services().database, scope, deed, source_ip=client_address(request))
    return [dict(each.__dict__) for each in found]


@router.post("/drafts/{draft}/take")
async def take_draft(request: Request, scope: CurrentScope, draft: UUID) -> dict[str, Any]:
    """Take a draft over into one's own report of a study that one has claimed; tells the words that came in."""
    taken = take_over(services(), scope, str(draft), source_ip=client_address(request))
    return {"draft": taken.draft.id, "report": taken.brought.report, "differences": taken.brought.differences}
