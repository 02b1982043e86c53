"""WADO-RS frames that no derived object answered yet. Source: PS3.18 §10.4.1.1.6."""

from fastapi import APIRouter, Request, Response
from pacs.archive.lookup import Level
from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.entry.wado import frames_answer, rendered_answer

router = APIRouter(prefix="/dicomweb/studies/{study}/series/{series}/instances/{instance}")


@router.api_route("/frames/{frames}", methods=["GET", "HEAD"])
async def retrieve_frames(
    request: Request, scope: CurrentScope, study: str, series: str, instance: str, frames: str
) -> Response:
    """One frame or a list of them, each a part with its transfer syntax."""
    return frames_answer(services(), scope, request, Level(study, series, instance), frames)


@router.get("/frames/{frames}/rendered")
async def render_frame(
    request: Request, scope: CurrentScope, study: str, series: str, instance: str, frames: str
) -> Response:
    """A picture of one frame."""
    return rendered_answer(services(), scope, request, Level(study, series, instance), frames)
