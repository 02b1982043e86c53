"""Capabilities: what all of DICOMweb can do here, and each of its resources, whichever function serves it.

Source: PS3.18 §8.9
"""

from fastapi import APIRouter, Request, Response

from pacs.bootstrap import services
from pacs.entry.capabilities import BASE, RESOURCES, options_answer
from pacs.entry.http import READ

router = APIRouter()


@router.api_route(BASE, methods=[*READ])
async def describe_all(request: Request) -> Response:
    """What can be asked of DICOMweb here: as JSON, or as WADL."""
    return options_answer(services(), request, BASE)


def describe(path: str) -> None:
    async def capabilities(request: Request) -> Response:
        """What can be asked of this resource and those below it; a browser hears whether it may call."""
        return options_answer(services(), request, path)

    router.add_api_route(path.replace("+}", ":path}"), capabilities, methods=["OPTIONS"])


for each in (BASE, *RESOURCES):
    describe(each)
