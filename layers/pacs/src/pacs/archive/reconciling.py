"""Store against index, by night: objects without rows are indexed, rows without objects reported.

Called by functions/crons; the `pacs` command rebuilds with what stands here.
"""

import heapq
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from urllib.parse import quote_plus

from sqlalchemy import text

from pacs.archive.failures import clear_failures, record_failures
from pacs.archive.keys import ORIGINAL_SUFFIX, derived_prefixes, parse_original, series_metadata
from pacs.errors import BadRequest, NotFound, ObjectNotFound, PacsError
from pacs.ports import Services

PAGE = 5000
QUEUE = "index"
KEYS = text(
    "select object_key from (select object_key from instances union all"
    " select object_key from non_patient_instances) i where object_key > :after and object_key like :prefix"
    " order by object_key limit :limit"
)


def reconcile(services: Services, prefix: str = "") -> dict[str, int]:
    """Compare both sides; returns how many objects were seen, queued and found missing."""
    seen = queued = 0
    missing: dict[str, PacsError] = {}
    present: list[str] = []
    pending: list[str] = []
    for key, stored, indexed in compare(services, prefix):
        seen += stored
        if not stored:
            missing[key] = ObjectNotFound("the index has this instance, the store has not")
        elif indexed:
            present.append(key)
        else:
            pending.append(key)
            if len(pending) == PAGE:
                queued += request_indexing(services, pending)
                pending = []
    queued += request_indexing(services, pending)
    record_failures(services.database, "reconcile", missing)
    clear_failures(services.database, ("reconcile",), present)
    return {"seen": seen, "queued": queued, "missing": len(missing)}


def compare(services: Services, prefix: str) -> Iterator[tuple[str, bool, bool]]:
    """Every key that either side has, in byte order: whether it is in the store, and whether in the index."""
    stored = ((key, "store") for key in original_keys(services, prefix))
    indexed = ((key, "index") for key in indexed_keys(services, prefix))
    for key, found in groupby(heapq.merge(stored, indexed), key=lambda each: each[0]):
        sides = {side for _, side in found}
        yield key, "store" in sides, "index" in sides


def original_keys(services: Services, prefix: str) -> Iterator[str]:
    """The keys of the store's originals in byte order, the order in which the database compares them too."""
    return (info.key for info in services.originals.scan(prefix) if info.key.endswith(ORIGINAL_SUFFIX))


def indexed_keys(services: Services, prefix: str) -> Iterator[str]:
    after = ""
    while True:
        page = services.database.fetch(KEYS, {"after": after, "prefix": prefix + "%", "limit": PAGE})
        yield from (row["object_key"] for row in page)
        if len(page) < PAGE:
            return
        after = page[-1]["object_key"]


def request_indexing(services: Services, object_keys: Iterable[str]) -> int:
    """Put these originals into the index queue, in the shape of the store's own events; returns how many."""
    bodies = [
        json.dumps(
            {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": quote_plus(key, safe="/")}}}]}
        )
        for key in object_keys
    ]
    services.queue.send(QUEUE, bodies)
    return len(bodies)


def reindex_originals(services: Services, organization_id: str, study: str = "") -> int:
    """Queue every original of an organization, or of one study, as if it had just come; returns how many.

    What was derived from a study is deleted first. Its rows stay, and requests make what they miss themselves, so
    nothing disappears from view while it goes on. Raises NotFound when there are no originals.
    """
    prefix = f"{organization_id}/{study}/" if study else f"{organization_id}/"
    queued = 0
    for _, found in groupby(original_keys(services, prefix), key=lambda key: key.split("/")[:2]):
        keys = list(found)
        delete_derived(services, keys)
        for start in range(0, len(keys), PAGE):
            queued += request_indexing(services, keys[start : start + PAGE])
    if not queued:
        raise NotFound(f"no such study: {study}" if study else "there are no originals to index", field="study")
    return queued


def delete_derived(services: Services, object_keys: Iterable[str]) -> None:
    """Delete what was derived from the series of these originals.

    The parts of their metadata stay: the index writes them anew, and should an original not be readable any more,
    the rest of its series is shown all the same.
    """
    for path in sorted({parse_original(key).series_path for key in object_keys if is_original(key)}):
        services.derived.delete(series_metadata(*path))
        for prefix in derived_prefixes(*path):
            services.derived.delete_prefix(prefix)


def is_original(key: str) -> bool:
    """Whether a writer of ours made this key; the indexer tells of others."""
    try:
        parse_original(key)
    except BadRequest:
        return False
    return True
