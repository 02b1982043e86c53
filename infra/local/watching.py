"""How far is the archive that runs here? Counts, queues and failures, and waiting for them. Asked by `pacs`."""

import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from infra.local.running import Home
from pacs.archive.arrivals import received_since
from pacs.archive.failures import count_failures, list_failures
from pacs.archive.keys import NON_PATIENT_FOLDER
from pacs.archive.rebuilding import named_keys, retry_failures
from pacs.bootstrap import local_queue, local_workflow
from pacs.errors import Unavailable
from pacs.ports import DeadLetter, QueueDepth

QUEUES = tuple(source.queue for function in FUNCTIONS for source in function.sources)
INDEX = "index"
DEAD_LETTERS_MAX = FAILURES_MAX = 100_000
LOOK_S = 0.2
COUNTS = text(
    "select (select count(*) from patients) as patients, (select count(*) from studies) as studies,"
    " (select count(*) from series) as series, (select count(*) from instances) as instances,"
    " (select count(*) from non_patient_instances) as non_patient_instances,"
    " cast(coalesce(sum(size_bytes), 0) as bigint) as size_bytes"
    " from (select size_bytes from instances union all select size_bytes from non_patient_instances) i"
)
ARRIVED = text(
    "select study_instance_uid, count(*) as instances from instances"  # noqa: S608 - nobody's values
    " where organization_id = cast(:organization_id as uuid) and study_instance_uid = any(:studies)"
    " and received_at >= :since group by study_instance_uid"
    f" union all select '{NON_PATIENT_FOLDER}', count(*) from non_patient_instances"
    " where organization_id = cast(:organization_id as uuid) and received_at >= :since"
)
FAILED_SINCE = text("select stage, object_key from failures where last_at >= :since")


def status_document(home: Home) -> dict[str, Any]:
    """Everything that `pacs status` tells. Raises NotConfigured when nothing runs."""
    running = home.require_running()
    disk = shutil.disk_usage(home.services.settings.home)
    return {
        "running": running,
        "counts": dict(home.services.database.fetch(COUNTS)[0]),
        "received_today": received_since(home.services.database, midnight()),
        "queues": {name: vars(depth) for name, depth in queue_depths(home).items()},
        "executions": local_workflow(home.services.settings).count(),
        "failures": count_failures(home.services.database),
        "disk": {"home": str(home.services.settings.home), "free_bytes": disk.free, "total_bytes": disk.total},
    }


def midnight() -> datetime:
    """When today began where this machine stands."""
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def queue_depths(home: Home) -> dict[str, QueueDepth]:
    return {queue: home.services.queue.depth(queue) for queue in QUEUES}


def failures_document(home: Home) -> dict[str, Any]:
    """What failed, the newest first, and what was given up: `objects` names the originals a message is about."""
    letters = dead_letters(home)
    return {
        "failures": list_failures(home.services.database, home.system_scope()),
        "failures_total": sum(count_failures(home.services.database).values()),
        "dead_letters": [vars(each) | {"objects": named_keys(each.body)} for each in letters],
    }


def retry_all(home: Home) -> int:
    """Put everything that failed or was given up back to work; returns how many originals or messages that are."""
    failures = list_failures(home.services.database, home.system_scope(), limit=FAILURES_MAX)
    queues = local_queue(home.services.settings)
    messages = {queue: queues.restart(queue) for queue in QUEUES}
    retry_failures(home.services, failures, messages[INDEX])
    bodies = {body for each in messages.values() for body in each}
    originals = {each["object_key"] for each in failures} | {key for body in bodies for key in named_keys(body)}
    # What is to be made of a series whose originals are tried again is no work of its own.
    others = [body for body in bodies if not named_keys(body) and not any(map(originals_of(body), originals))]
    return len(originals) + len(others)


def originals_of(body: str) -> Callable[[str], bool]:
    """Whether a key is that of an original of the series that a message is about."""
    prefix = "/".join([*json.loads(body).get("series", ()), ""])
    return lambda key: prefix != "" and key.startswith(prefix)


def dead_letters(home: Home) -> list[DeadLetter]:
    return [each for queue in QUEUES for each in home.services.queue.dead_letters(queue, limit=DEAD_LETTERS_MAX)]


def until_indexed(home: Home, created: Mapping[str, int], since: datetime, stop: threading.Event) -> Iterator[int]:
    """How many of the instances created `since`, counted by study, the index shows (or lists as failed), until all.

    Ends early when the archive does, or when told to stop.
    """
    missing = {study: count for study, count in created.items() if count}
    total = sum(missing.values())
    parameters = {"organization_id": home.default_branch()[0], "since": since}
    while missing:
        try:
            shown = Counter(key.split("/")[1] for stage, key in failed_since(home, since) if stage == "index")
            rows = home.services.database.fetch(ARRIVED, {**parameters, "studies": list(missing)})
        except Unavailable:  # PostgreSQL is just being started again, or everything ends
            rows = []
            shown = Counter()
        shown.update({row["study_instance_uid"]: row["instances"] for row in rows})
        yield total - sum(max(0, count - shown[study]) for study, count in missing.items())
        missing = {study: count for study, count in missing.items() if shown[study] < count}
        if missing and (not home.runs() or stop.wait(LOOK_S)):
            return


def failed_since(home: Home, since: datetime) -> list[tuple[str, str]]:
    """Stage and original of every failure since then."""
    rows = home.services.database.fetch(FAILED_SINCE, {"since": since})
    return [(row["stage"], row["object_key"]) for row in rows if row["object_key"].count("/") == 3]


def until_settled(home: Home, since: datetime, stop: threading.Event) -> Iterator[int]:
    """How many messages are still to be worked on, until none is: those that failed since then wait to be tried again.

    Ends early when told to stop. Raises Unavailable when the archive ends.
    """
    while True:
        depths = queue_depths(home).values()
        in_flight = sum(depth.in_flight for depth in depths)
        left = sum(depth.waiting for depth in depths) + in_flight
        failed = len(failed_since(home, since)) if left else 0
        yield left
        if left == in_flight <= failed or stop.wait(LOOK_S):
            return
