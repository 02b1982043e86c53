"""Which study, series or instance does a path name? Serves what there is at each of these levels in the same way.

Used by the routers of functions/dicomweb and functions/frames.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request

from pacs.archive.lookup import Level
from pacs.entry.http import READ, CurrentScope
from pacs.entry.noting import noted
from pacs.people.scope import Scope

# Source: PS3.18 Table 10.1-1
STUDY = "/dicomweb/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"

Answer = Callable[[Request, Scope, Level], Any]


async def of_study(study: str) -> Level:
    return Level(study)


async def of_series(study: str, series: str) -> Level:
    return Level(study, series)


async def of_instance(study: str, series: str, instance: str) -> Level:
    return Level(study, series, instance)


LEVELS: tuple[tuple[str, Callable[..., Awaitable[Level]]], ...] = (
    (STUDY, of_study),
    (SERIES, of_series),
    (INSTANCE, of_instance),
)
NamedInstance = Annotated[Level, Depends(of_instance)]


def at_every_level(
    router: APIRouter,
    kind: str = "",
    *,
    methods: tuple[str, ...] = READ,
    status_code: int = 200,
    deed: Literal["view", "download", ""] = "",
) -> Callable[[Answer], Answer]:
    """Let a function answer for studies, series and instances, at their paths followed by `kind`.

    `deed` is what the audit calls it.
    """

    def add(answer: Answer) -> Answer:
        for path, level_of in LEVELS:

            async def endpoint(
                request: Request, scope: CurrentScope, level: Annotated[Level, Depends(level_of)]
            ) -> Any:
                answered = answer(request, scope, level)
                return noted(request, scope, level.study, answered, deed) if deed else answered

            endpoint.__doc__ = answer.__doc__
            router.add_api_route(path + kind, endpoint, methods=[*methods], status_code=status_code)
        return answer

    return add
