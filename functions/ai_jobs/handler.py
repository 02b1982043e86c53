"""Reads from the `ai` queue of jobs and works on each in a thread of its own: models take their time."""

import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pacs.ai.health_runs import run_health
from pacs.ai.working import work
from pacs.bootstrap import services
from pacs.entry.batch import Message, make_batch_handler
from pacs.entry.observability import logger
from pacs.errors import PacsError, Unavailable, answer_for

AT_ONCE = 4


def process(messages: Sequence[Message]) -> set[str]:
    """Work on every job; the ids of the messages of those that must come again.

    Raises Unavailable for a store or database that does not answer, which is no job's fault.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(outcome, messages))
    for each in outcomes:
        if isinstance(each, Unavailable):
            raise each
    return {message.message_id for message, each in zip(messages, outcomes, strict=True) if each}


def outcome(message: Message) -> Exception | None:
    """What went wrong with one message, if anything did. Told by places in the code, never by words."""
    about = {name: value for name, value in message.body.items() if isinstance(value, str)}
    try:
        begin(message.body, fresh=message.receive_count == 1)
    except PacsError as error:
        logger().warning("failed", extra={**about, "code": answer_for(error).code})
        return error
    except Exception as error:
        frames = traceback.format_tb(error.__traceback__)
        logger().error("failed", extra={**about, "kind": type(error).__name__, "frames": frames})
        return error
    logger().info("done", extra=about)
    return None


def begin(asked: Mapping[str, Any], *, fresh: bool) -> None:
    """What a message asks for: to work on a job, or to find out which providers work. `fresh`: it is heard for the
    first time, or was put back to work.
    """
    if "health" not in asked:
        return work(services(), asked["organization"], asked["job"], fresh=fresh)
    run = run_health(services(), asked["organization"], asked["health"])
    counts = {"providers": len(run.providers), "failing": len(run.failing)}
    logger().info("health", extra={"run": run.id, **counts, "told": run.told})


handler = make_batch_handler(process)
