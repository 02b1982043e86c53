"""How the work is arranged: saved filters, readers and their modalities, pools, clocks."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.reading import filters, readers, turnaround

router = APIRouter(prefix="/worklist")

Name = Annotated[str, Field(max_length=200)]
Identifiers = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FilterRequest(Body):
    """`wanted`: parameters of GET /studies, each a list of values."""

    name: Name
    wanted: dict[str, list[Name]]


class PoolRequest(Body):
    name: Name
    members: Identifiers = []


class Modalities(Body):
    modalities: Identifiers


class Turnaround(Body):
    urgent_min: int
    routine_min: int


@router.get("/filters")
async def read_filters(scope: CurrentScope) -> list[dict[str, Any]]:
    """One's own filters, and how many studies each finds; 1000 means as many or more."""
    return filters.list_filters(services(), scope)


@router.post("/filters", status_code=201)
async def create_filter(scope: CurrentScope, asked: FilterRequest) -> dict[str, str]:
    """Save the parameters of a list under a name."""
    return {"id": filters.save_filter(services(), scope, asked.name, asked.wanted)}


@router.delete("/filters/{filter}", status_code=204)
async def delete_filter(scope: CurrentScope, filter: str) -> Response:
    """Forget one's own filter."""
    filters.delete_filter(services(), scope, filter)
    return Response(status_code=204)


@router.get("/readers")
async def read_readers(scope: CurrentScope) -> list[dict[str, Any]]:
    """Whom studies can be assigned to, and how many wait for each."""
    return readers.list_readers(services().database, scope)


@router.put("/readers/{member}", status_code=204)
async def change_reader(scope: CurrentScope, member: str, asked: Modalities) -> Response:
    """The modalities that a reader is offered; an empty list means all."""
    readers.set_modalities(services().database, scope, member, asked.modalities)
    return Response(status_code=204)


@router.get("/pools")
async def read_pools(scope: CurrentScope) -> list[dict[str, Any]]:
    """The pools of readers."""
    return readers.list_pools(services().database, scope)


@router.post("/pools", status_code=201)
async def create_pool(scope: CurrentScope, asked: PoolRequest) -> dict[str, str]:
    """A pool of readers, who may claim what is assigned to it."""
    return {"id": readers.add_pool(services().database, scope, asked.name, asked.members)}


@router.put("/pools/{pool}", status_code=204)
async def change_pool(scope: CurrentScope, pool: str, asked: PoolRequest) -> Response:
    """Another name and other members."""
    readers.change_pool(services().database, scope, pool, asked.name, asked.members)
    return Response(status_code=204)


@router.delete("/pools/{pool}", status_code=204)
async def delete_pool(scope: CurrentScope, pool: str) -> Response:
    """What was assigned to it is assigned to nobody then."""
    readers.delete_pool(services().database, scope, pool)
    return Response(status_code=204)


@router.get("/turnaround")
async def read_turnaround(scope: CurrentScope) -> dict[str, int]:
    """The clocks: minutes from the arrival of a study to its report."""
    return turnaround.read_turnaround(services().database, scope)


@router.put("/turnaround", status_code=204)
async def change_turnaround(scope: CurrentScope, asked: Turnaround) -> Response:
    """Set the clocks, for what is waiting too."""
    turnaround.set_turnaround(services().database, scope, urgent_min=asked.urgent_min, routine_min=asked.routine_min)
    return Response(status_code=204)
