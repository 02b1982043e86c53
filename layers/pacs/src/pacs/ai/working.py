"""How does a press of the button become a draft? The one job of a worker of the queue. Called by functions/ai_jobs."""

from pacs.ai.holding import Held, claim, renewed
from pacs.ports import Services

NOBODY_ANSWERED = "NOBODY_ANSWERED"


def work(services: Services, organization_id: str, job_id: str) -> None:
    """Work on a job, unless another one does, or it has ended. Safe to repeat."""
    held = claim(services, organization_id, job_id)
    if held is None:
        return
    with renewed(held):
        work_on(held)


def work_on(held: Held) -> None:
    held.end(held.services.database, "failed", reason=NOBODY_ANSWERED)
