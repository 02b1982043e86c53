"""What this node says of itself in the exchange store: whether it can store, and who is connected now."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from gateway_scp import log
from gateway_scp.records import Visit
from pacs.dicom.presence import BUSY_S, NODES, RESTING_S
from pacs.errors import PacsError
from pacs.ports import ObjectStore


class Presence:
    """Tells `about` (what does not change), `ill` (why it cannot store, or an empty text) and the open `visits`."""

    def __init__(
        self,
        exchange: ObjectStore,
        about: dict[str, Any],
        ill: Callable[[], str],
        visits: Callable[[], Iterable[Visit]],
    ) -> None:
        self._exchange = exchange
        self._about = {"node": secrets.token_hex(4), "started_at": log.now(), **about}
        self._ill = ill
        self._visits = visits
        self._told: list[dict[str, Any]] = []
        self._told_at = 0.0
        self._trouble = ""
        self._telling = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        self.tell()
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def stop(self) -> None:
        """Say that the node has left."""
        self._stopped.set()
        with self._telling:
            self._tell([], "left")

    def tell(self) -> None:
        """Say how the node is, if that is news or was said long ago."""
        with self._telling:
            now = [described(each) for each in self._visits() if each.requested]
            due = not self._told_at or time.monotonic() - self._told_at >= RESTING_S
            if (due or now != self._told) and not self._stopped.is_set():
                self._tell(now, self._ill())

    def _tell(self, now: list[dict[str, Any]], ill: str) -> None:
        document = {**self._about, "seen_at": log.now(), "ill": ill, "open": now}
        key = f"{NODES}{self._about['node']}.json"
        trouble = ""
        try:
            self._exchange.put(key, json.dumps(document).encode(), content_type="application/json")
            self._told, self._told_at = now, time.monotonic()
        except PacsError as error:
            trouble = error.message
        if trouble and trouble != self._trouble:
            log.error(f"the node cannot say how it is: {trouble}")
        self._trouble = trouble

    def _run(self) -> None:
        while not self._stopped.wait(BUSY_S):
            self.tell()


def described(visit: Visit) -> dict[str, Any]:
    """An association that is open, without what it carries; other threads fill it meanwhile."""
    return {
        "id": visit.id,
        "began_at": visit.began.isoformat(timespec="milliseconds"),
        "peer": visit.address,
        "calling_ae": visit.calling_ae,
        "called_ae": visit.called_ae,
        "organization_id": visit.match.place.organization_id if visit.match else "",
        "instances": sum(dict(visit.outcomes).values()),
        "bytes": visit.size_bytes,
    }
