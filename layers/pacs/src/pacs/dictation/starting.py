"""Who hands a job to the workflow? Whoever has taken it; and the clock, when that one died before it could.

Before a job is taken an empty object says that it may have to be started, and goes when it was. So nobody asks the
database every minute, which may sleep. Called by `submitting` and functions/crons.
"""

from datetime import timedelta

from sqlalchemy import text

from pacs.dictation.keys import STARTING, starting_key
from pacs.people.scope import Scope
from pacs.ports import Services

MACHINE = "report-job"
FORGOTTEN_AFTER = timedelta(minutes=1)
TAKEN = text(
    "select 1 as one from report_jobs where id = cast(:id as uuid) and organization_id = cast(:organization_id as uuid)"
)


def start(services: Services, scope: Scope, job_id: str) -> None:
    """Hand a job to the workflow; once however often it is asked for. Raises Unavailable."""
    services.workflow.start(MACHINE, job_id, {"organization": scope.organization_id, "job": job_id})
    services.exchange.delete(starting_key(scope, job_id))


def start_forgotten(services: Services) -> dict[str, int]:
    """Start jobs whose sender died between taking and starting them; returns how many."""
    started, before = 0, services.clock.now() - FORGOTTEN_AFTER
    for info in list(services.exchange.scan(STARTING)):
        if info.last_modified > before:
            continue
        _, organization_id, job_id = info.key.split("/")
        scope = Scope(organization_id, "system")
        if services.database.fetch(TAKEN, {"id": job_id, "organization_id": organization_id}):
            start(services, scope, job_id)
            started += 1
        else:  # its sender died before taking it: the rest of what it kept expires
            services.exchange.delete(info.key)
    return {"started": started}
