"""Who reads which study: assigning, claiming, giving back, and what goes before others."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.errors import BadRequest
from pacs.reading import work
from pacs.reading.naming import code_of
from pacs.reading.studies import find_study

router = APIRouter(prefix="/studies")

Identifier = Annotated[str, Field(max_length=64)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Assignment(Body):
    """To whom: a reader or a pool; to nobody when all are empty. `radiologist_id` is another name of `member_id`."""

    member_id: Identifier = ""
    radiologist_id: Identifier = ""
    pool_id: Identifier = ""

    @property
    def reader(self) -> str:
        return self.member_id or self.radiologist_id


class ManyAssignment(Assignment):
    codes: list[Identifier]


class Urgency(Body):
    urgent: bool


class Next(Body):
    modality: Annotated[str, Field(max_length=16)] = ""


@router.post("/assign")
async def assign_many(scope: CurrentScope, asked: ManyAssignment) -> dict[str, list[str]]:
    """Assign several studies; which could not be is told."""
    done = work.assign(services(), scope, asked.codes, member_id=asked.reader, pool_id=asked.pool_id)
    return {"assigned": done, "left": [each for each in asked.codes if code_of(each) not in done]}


@router.post("/claim-next", responses={204: {"description": "Nothing waits"}})
async def claim_next(scope: CurrentScope, asked: Next) -> Any:
    """Claim the urgent study that waits longest, or else the one that waits longest; 204 when there is none."""
    code = work.claim_next(services(), scope, modality=asked.modality)
    return find_study(services(), scope, code) if code else Response(status_code=204)


@router.post("/{code}/assign")
async def assign(scope: CurrentScope, code: str, asked: Assignment) -> dict[str, Any]:
    """Assign a study to a reader or a pool, or to nobody again."""
    work.assign_one(services(), scope, code, member_id=asked.reader, pool_id=asked.pool_id)
    return find_study(services(), scope, code)


@router.post("/{code}/claim")
async def claim(scope: CurrentScope, code: str) -> dict[str, Any]:
    """Take a study for oneself."""
    work.claim(services(), scope, code)
    return find_study(services(), scope, code)


@router.post("/{code}/release")
async def release(scope: CurrentScope, code: str) -> dict[str, Any]:
    """Give a study back."""
    work.release(services(), scope, code)
    return find_study(services(), scope, code)


@router.post("/{code}/heartbeat", status_code=204)
async def beat(scope: CurrentScope, code: str) -> Response:
    """Say that one has a study open; to be repeated every 30 seconds."""
    work.beat(services(), scope, code)
    return Response(status_code=204)


@router.put("/{code}/urgent")
async def set_urgent(scope: CurrentScope, code: str, asked: Urgency) -> dict[str, Any]:
    """Before others, or not any more."""
    if "." in code:
        raise BadRequest("studies are named by their codes here", field="code")
    work.set_urgent(services(), scope, [code], asked.urgent)
    return find_study(services(), scope, code)
