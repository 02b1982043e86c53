"""When is it found out which providers work? Every morning by the clock, and when a program with a cron token asks for
it. Called by functions/crons and functions/ai; the queue `ai` does the rest.
"""

import json
import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.configuring import Configured, list_configured
from pacs.ai.providers import MOCK
from pacs.people.scope import Scope
from pacs.ports import Services

QUEUE = "ai"
RUNS = uuid.UUID("3d0f6a3e-55c4-4a0b-9a58-8b1f0c6f2a77")  # the name space of their identifiers
# For the clock alone, which is nobody's.
ORGANIZATIONS = text("select cast(id as text) as id from organizations order by created_at, id")


def active(services: Services, scope: Scope) -> list[Configured]:
    """The providers that an organization uses. The mock is none of them: it asks nobody, so it always works."""
    return [each for each in list_configured(services, scope) if each.ready and each.provider.name != MOCK]


def start_daily(services: Services) -> dict[str, int]:
    """Start the day's run of every organization that uses a provider; returns how many. Starting it again is no other
    run: its identifier follows from the day.
    """
    started = 0
    for organization in services.database.fetch(ORGANIZATIONS):
        scope = Scope(organization["id"], "system")
        if active(services, scope):
            send(services, scope, run_of_day(scope, services.clock.now(), services.settings.time_zone))
            started += 1
    return {"started": started}


def run_of_day(scope: Scope, now: datetime, zone: str) -> str:
    return str(uuid.uuid5(RUNS, f"{scope.organization_id} {now.astimezone(ZoneInfo(zone)):%Y-%m-%d}"))


def start_run(services: Services, scope: Scope) -> tuple[str, int]:
    """Start a run at once; its identifier, and how many providers it asks. There is one a minute, however often it is
    asked for; without providers there is none.
    """
    run_id = str(uuid.uuid5(RUNS, f"{scope.organization_id} {services.clock.now():%Y-%m-%dT%H:%MZ}"))
    asked = len(active(services, scope))
    if asked:
        send(services, scope, run_id)
    return run_id, asked


def send(services: Services, scope: Scope, run_id: str) -> None:
    services.queue.send(QUEUE, [json.dumps({"organization": scope.organization_id, "health": run_id})])
