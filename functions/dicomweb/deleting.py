"""Deleting and bringing back. Not in the standard; paths and answers are those of dcm4chee and others."""

from fastapi import APIRouter, Request, Response

from pacs.archive.lookup import Level
from pacs.archive.trash import delete_instances, undelete_instances
from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.people.scope import Role, Scope

router = APIRouter(prefix="/dicomweb")
STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
ROLES: tuple[Role, ...] = ("admin", "centre")


def source_ip(request: Request) -> str:
    return request.client.host if request.client else ""


def delete(request: Request, scope: Scope, level: Level) -> Response:
    scope.require_role(*ROLES)
    delete_instances(services(), scope, level, source_ip=source_ip(request))
    return Response(status_code=204)


def undelete(request: Request, scope: Scope, level: Level) -> dict[str, int]:
    scope.require_role(*ROLES)
    return {"instances": undelete_instances(services(), scope, level, source_ip=source_ip(request))}


@router.delete(STUDY)
async def delete_study(request: Request, scope: CurrentScope, study: str) -> Response:
    """A study is not there any more; until the retention is over it can be brought back."""
    return delete(request, scope, Level(study))


@router.delete(SERIES)
async def delete_series(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """A series is not there any more."""
    return delete(request, scope, Level(study, series))


@router.delete(INSTANCE)
async def delete_instance(request: Request, scope: CurrentScope, study: str, series: str, instance: str) -> Response:
    """An instance is not there any more."""
    return delete(request, scope, Level(study, series, instance))


@router.post(STUDY + "/undelete", status_code=202)
async def undelete_study(request: Request, scope: CurrentScope, study: str) -> dict[str, int]:
    """Whatever was deleted of a study comes back, within moments."""
    return undelete(request, scope, Level(study))


@router.post(SERIES + "/undelete", status_code=202)
async def undelete_series(request: Request, scope: CurrentScope, study: str, series: str) -> dict[str, int]:
    """Whatever was deleted of a series comes back."""
    return undelete(request, scope, Level(study, series))


@router.post(INSTANCE + "/undelete", status_code=202)
async def undelete_instance(
    request: Request, scope: CurrentScope, study: str, series: str, instance: str
) -> dict[str, int]:
    """An instance comes back."""
    return undelete(request, scope, Level(study, series, instance))
