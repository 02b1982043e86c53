"""Does the tasks of the state machine report-job: one step of one job, as `report-job.asl.json` asks for it."""

import traceback
from typing import Any

from pacs.bootstrap import services
from pacs.dictation.steps import STEPS
from pacs.entry.observability import logger
from pacs.errors import PacsError, answer_for


class StepFailed(Exception):
    """What is no PacsError. Named by its class alone: histories keep errors, and its message might quote a patient."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take one step: `{"step", "organization", "job"}`, with the `number` of the exam and, when something failed, the
    name of the `error`. The state machine knows errors by the names of their classes.
    """
    about = {"step": event["step"], "job": event["job"], "number": event.get("number")}
    told = {"error": event["error"]} if "error" in event else {}
    try:
        step = STEPS[event["step"]]
        answer = step(services(), event["organization"], event["job"], event.get("number"), **told)
    except PacsError as error:
        logger().warning("failed", extra={**about, "code": answer_for(error).code})
        raise
    except Exception as error:
        frames = traceback.format_tb(error.__traceback__)
        logger().error("failed", extra={**about, "kind": type(error).__name__, "frames": frames})
        raise StepFailed(type(error).__name__) from None
    logger().info("done", extra=about)
    return answer
