"""Mending by hand: index and derived objects made anew, failures tried again. Called by the `pacs` command."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from urllib.parse import unquote_plus

from pacs.archive.deleting import delete_rows
from pacs.archive.failures import Stage, clear_failures
from pacs.archive.reconciling import PAGE, compare, original_keys, reindex_originals, request_indexing
from pacs.errors import NotFound, ObjectNotFound
from pacs.ports import Services


def rebuild(services: Services, organization_id: str, study: str = "") -> dict[str, int]:
    """Make index and derived objects of an organization, or of one study, anew from the originals.

    Rows whose originals are gone are deleted. Returns how many originals were queued and how many rows deleted.
    Raises NotFound when there is nothing; a store without any original is taken for a fault, and no row deleted.
    """
    prefix = f"{organization_id}/{study}/" if study else f"{organization_id}/"
    if not study and next(original_keys(services, prefix), None) is None:
        raise NotFound("there are no originals to index")
    deleted = delete_missing(services, prefix)
    try:
        queued = reindex_originals(services, organization_id, study)
    except NotFound:
        if not deleted:
            raise
        queued = 0
    return {"queued": queued, "deleted": deleted}


def delete_missing(services: Services, prefix: str) -> int:
    """Delete the rows below a prefix whose originals are gone, with their failures; returns how many."""
    # Asked again: an instance may have come since the comparison went past its place.
    missing = [key for key, stored, _ in compare(services, prefix) if not stored and not is_stored(services, key)]
    for start in range(0, len(missing), PAGE):
        page = missing[start : start + PAGE]
        delete_rows(services.database, page)
        clear_failures(services.database, get_args(Stage), page)
    return len(missing)


def is_stored(services: Services, object_key: str) -> bool:
    try:
        services.originals.head(object_key)
    except ObjectNotFound:
        return False
    return True


def retry_failures(services: Services, failures: Sequence[Mapping[str, Any]], messages: Sequence[str]) -> int:
    """Forget these failures and index their originals again; returns how many originals.

    Those that one of the index queue's messages (their bodies) is about are left to it. A failure of an original that
    is gone is forgotten, unless it is that the index still has it: that one stays.
    """
    forgotten: dict[Stage, set[str]] = defaultdict(set)
    again: set[str] = set()
    for failure in failures:
        key = failure["object_key"]
        stored = is_stored(services, key)
        if stored or failure["stage"] != "reconcile":
            forgotten[failure["stage"]].add(key)
        if stored:
            again.add(key)
    for stage, keys in forgotten.items():
        clear_failures(services.database, (stage,), keys)
    return request_indexing(services, sorted(again.difference(*map(named_keys, messages))))


def named_keys(message: str) -> list[str]:
    """The originals that a message (its body) of the archive's queues is about."""
    body = json.loads(message)
    if "FilePath" in body:
        return [body["FilePath"]]
    return [unquote_plus(record["s3"]["object"]["key"]) for record in body.get("Records", ())]
