"""Which AI providers work: a run is started by whoever has a cron token, and its results are told to him."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response

from pacs.ai import health_runs, health_starting
from pacs.ai.health import HealthCheck
from pacs.ai.providers import ORCHESTRATOR
from pacs.bootstrap import services
from pacs.errors import Unauthenticated
from pacs.people.scope import Scope

router = APIRouter(prefix="/api/jobs")


async def cron_scope(authorization: Annotated[str, Header()] = "") -> Scope:
    """The organization that a cron token is for. Raises Unauthenticated; nothing else is looked at before."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("a cron token is needed: Authorization: Bearer …")
    return services().tokens.verify(token.strip(), "cron")


CronScope = Annotated[Scope, Depends(cron_scope)]


@router.post("/ai-provider-health", status_code=202)
async def start_run(scope: CronScope) -> dict[str, Any]:
    """Ask every AI provider in use whether it works, and tell of it by e-mail. Within a minute it is the same run."""
    return started(scope)


@router.get("/ai-provider-health", responses={202: {"description": "One is started"}})
async def start_or_show_run(response: Response, scope: CronScope, run: str = "") -> dict[str, Any]:
    """What a run has found; without `run` one is started, as by POST."""
    if not run:
        response.status_code = 202
        return started(scope)
    found = health_runs.results(services(), scope, run)
    last = next((each for each in found if each.provider == ORCHESTRATOR), None)
    told = [document(each) for each in found if each is not last]
    return {"run": run, "finished": last is not None, "answers": last.model if last else "", "checks": told}


def started(scope: Scope) -> dict[str, Any]:
    run_id, providers = health_starting.start_run(services(), scope)
    return {"run": run_id, "providers": providers}


def document(each: HealthCheck) -> dict[str, Any]:
    return {name: value for name, value in each.__dict__.items() if name != "run_id"}
