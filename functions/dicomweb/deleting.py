"""Deleting and bringing back. Not in the standard; paths and answers are those of dcm4chee and others."""

from fastapi import APIRouter, Request, Response

from pacs.archive.lookup import Level
from pacs.archive.trash import delete_instances, undelete_instances
from pacs.bootstrap import services
from pacs.entry.levels import at_every_level
from pacs.people.scope import Scope

router = APIRouter()


def source_ip(request: Request) -> str:
    return request.client.host if request.client else ""


@at_every_level(router, methods=("DELETE",))
def delete(request: Request, scope: Scope, level: Level) -> Response:
    """It is not there any more; until the retention is over it can be brought back."""
    delete_instances(services(), scope, level, source_ip=source_ip(request))
    return Response(status_code=204)


@at_every_level(router, "/undelete", methods=("POST",), status_code=202)
def undelete(request: Request, scope: Scope, level: Level) -> dict[str, int]:
    """Whatever was deleted of it comes back, within moments."""
    return {"instances": undelete_instances(services(), scope, level, source_ip=source_ip(request))}
