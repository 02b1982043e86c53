"""WADO-RS frames that no derived object answered yet. Source: PS3.18 §10.4.1.1.6."""

from fastapi import APIRouter, Request, Response

from pacs.archive.privacy import unveiled
from pacs.bootstrap import services
from pacs.entry.http import READ, CurrentScope
from pacs.entry.levels import INSTANCE, NamedInstance
from pacs.entry.noting import noted
from pacs.entry.private import told_frames_answer
from pacs.entry.wado import frames_answer, rendered_answer, thumbnail_answer
from pacs.errors import NotFound

router = APIRouter()


@router.api_route(INSTANCE + "/frames/{frames}", methods=[*READ])
async def retrieve_frames(request: Request, scope: CurrentScope, level: NamedInstance, frames: str) -> Response:
    """One frame or a list of them, each a part with its transfer syntax."""
    answer = told_frames_answer if scope.privacy else frames_answer
    return answer(services(), scope, request, level, frames)


@router.api_route(INSTANCE + "/frames/{frames}/rendered", methods=[*READ])
async def retrieve_rendered(request: Request, scope: CurrentScope, level: NamedInstance, frames: str) -> Response:
    """A picture of one frame, or an animation of a list of them."""
    truth, meant = unveiled(services().database, scope, level)
    return noted(request, scope, level.study, rendered_answer(services(), truth, request, meant, frames))


@router.api_route(INSTANCE + "/frames/{frames}/thumbnail", methods=[*READ])
async def retrieve_thumbnail(request: Request, scope: CurrentScope, level: NamedInstance, frames: str) -> Response:
    """A small JPEG of one frame."""
    truth, meant = unveiled(services().database, scope, level)
    return thumbnail_answer(services(), truth, request, meant, frames)


@router.api_route("/frames/{organization}/{study}/{series}/{instance}/{frame}", methods=[*READ])
async def retrieve_missing_frame(
    request: Request, scope: CurrentScope, level: NamedInstance, organization: str, frame: str
) -> Response:
    """What CloudFront asks for when the derived store has no such frame: the key of the object as a path."""
    if organization != scope.organization_id:
        raise NotFound("no such frame")
    answer = told_frames_answer if scope.privacy else frames_answer
    return answer(services(), scope, request, level, frame)
