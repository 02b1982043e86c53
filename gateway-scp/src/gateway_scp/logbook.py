"""Associations that have ended, and what peers were given, written into the database; whether that works or not.

Written by a thread of its own: neither an association nor a modality ever waits for the database.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway_scp import log
from gateway_scp.records import Visit
from pacs.errors import PacsError

RETRY_S = 15.0
KEPT = 1000  # as many wait for a database that does not answer; of associations the exchange store has them all
LAST_S = 5.0

Row = dict[str, Any]


class Logbook:
    """`record` writes rows of what `name` says, all or none of them, and raises PacsError when it cannot."""

    def __init__(self, name: str, record: Callable[[Sequence[Row]], None]) -> None:
        self._name = name
        self._record = record
        self._arrived: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        self._waiting: deque[Row] = deque(maxlen=KEPT)
        self._thread = threading.Thread(target=self._run, name=f"logbook of {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self, rows: Iterable[Row]) -> None:
        """Let these be written down."""
        for row in rows:
            self._arrived.put(row)

    def stop(self) -> None:
        """Write the last ones, if the database answers soon."""
        self._arrived.put(None)
        self._thread.join(LAST_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._collect()
            try:
                if self._waiting:
                    self._record(list(self._waiting))
                    self._waiting.clear()
            except PacsError as error:
                log.warning(f"{self._name} not written down yet", reason=error.message, waiting=len(self._waiting))

    def _collect(self) -> bool:
        """Wait for the next ones, or for the time to try again; whether these were the last."""
        try:
            row = self._arrived.get(timeout=RETRY_S if self._waiting else None)
            while row is not None:
                self._waiting.append(row)
                row = self._arrived.get_nowait()
        except queue.Empty:
            return False
        return True


def row_of(visit: Visit) -> Row:
    """What the table `connections` holds of an association."""
    summary = visit.summary()
    return {
        "association": f"{visit.began:%Y%m%d}-{visit.id}",
        "organization_id": summary["organization_id"] or None,
        "branch_id": summary["branch_id"] or None,
        "began_at": summary["began_at"],
        "took_ms": round(summary["seconds"] * 1000),
        "address": summary["peer"],
        "calling_ae": summary["calling_ae"],
        "called_ae": summary["called_ae"],
        "modality": summary["modality"],
        "outcome": summary["end"],
        "reason": summary["reason"],
        "instances": summary["instances"],
        "size_bytes": summary["bytes"],
        "failed": sum(summary["failures"].values()),
        "queries": sum(summary["queries"].values()),
    }
