"""What the state machine does with a job when the models answer: one step after the other, and no callback."""

from pacs.dictation.steps import STEPS
from pacs.errors import PacsError
from pacs.people.scope import Scope
from pacs.ports import Services


def work(services: Services, scope: Scope, job_id: str) -> None:
    """Take a job of one exam to its end; what fails a step fails the job."""
    named = (services, scope.organization_id, job_id)
    try:
        STEPS["transcribe"](*named)
        for number in STEPS["split"](*named)["numbers"]:
            STEPS["report"](*named, number)
        STEPS["settle"](*named)
    except PacsError as error:
        STEPS["fail"](*named, error=type(error).__name__)
