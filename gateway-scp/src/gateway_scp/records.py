"""What one association was: kept while it lasts, then written into the exchange store, the log and the metrics.

Filled by the wire and the handlers, each from its own thread; `finish` is called once, after both have ended.
"""

import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from gateway_scp import log
from pacs.dicom.modalities import Match, Peer
from pacs.errors import PacsError
from pacs.ports import ObjectStore

End = Literal["released", "aborted", "lost", "rejected"]
METRICS = {"Instances": "Count", "Bytes": "Bytes", "Failures": "Count", "Rejections": "Count", "Seconds": "Seconds"}


@dataclass
class Visit:
    """One association. `requested` says whether an A-ASSOCIATE-RQ came at all; `queries` how often what was asked,
    `given` how many matches and instances that came to.
    """

    address: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    requested: bool = False
    calling_ae: str = ""
    called_ae: str = ""
    match: Match | None = None
    contexts: list[dict[str, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    queries: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    end: End = "lost"
    reason: str = ""
    _clock: float = field(default_factory=time.monotonic)

    @property
    def peer(self) -> Peer:
        return Peer(self.calling_ae, self.called_ae, self.address)

    @property
    def key(self) -> str:
        return f"associations/{self.began:%Y-%m-%d}/{self.began:%H%M%S}-{self.id}.json"

    def summary(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "began_at": self.began.isoformat(timespec="milliseconds"),
            "peer": self.address,
            "calling_ae": self.calling_ae,
            "called_ae": self.called_ae,
            "modality": self.match.modality if self.match else "",
            "organization_id": self.match.place.organization_id if self.match else "",
            "branch_id": self.match.place.branch_id if self.match else "",
            "instances": self.outcomes.total(),
            "outcomes": dict(self.outcomes),
            "bytes": self.size_bytes,
            "failures": dict(self.failures),
            "queries": dict(self.queries),
            "given": dict(self.given),
            "seconds": round(time.monotonic() - self._clock, 3),
            "end": self.end,
            "reason": self.reason,
        }


def finish(visit: Visit, exchange: ObjectStore) -> None:
    """Leave the record of an association that has ended. A store that fails costs the record, nothing else."""
    summary = visit.summary()
    body = json.dumps({**summary, "contexts": visit.contexts}, indent=1).encode()
    log.info("association ended", **summary, **metrics(summary))
    try:
        exchange.put(visit.key, body, content_type="application/json")
    except PacsError as error:
        log.error("association record not kept", error, id=visit.id)


def metrics(summary: dict[str, Any]) -> dict[str, Any]:
    """The members that make a log line a metric (CloudWatch embedded metric format)."""
    return {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Pacs/Gateway",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
                }
            ],
        },
        "Instances": summary["instances"],
        "Bytes": summary["bytes"],
        "Failures": sum(summary["failures"].values()),
        "Rejections": int(summary["end"] == "rejected"),
        "Seconds": summary["seconds"],
    }
