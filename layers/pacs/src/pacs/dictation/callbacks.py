"""How does an integrator hear that a job has ended? Signed calls of its address, again and again, each written down.

`deliver` calls once; the workflow waits as its answer says and asks again. What nobody took is listed, and sent again
when somebody asks. How a receiver verifies a call stands in docs/report-api.md.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text

from pacs.dictation.jobs import is_uuid
from pacs.dictation.starting import MACHINE
from pacs.errors import NotFound
from pacs.outgoing import REFUSALS, Door, Sent, parse_origins
from pacs.people import audit
from pacs.people.scope import Scope
from pacs.ports import Services, Statements

Outcome = Literal["delivered", "failed", "gone", "refused", "asked"]

MINUTE_S, HOUR_S = 60, 3600
WAITS_S = (5, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 10 * HOUR_S)
ONCE = timedelta(minutes=1)
GONE = 410

COLUMNS = (
    "d.id, cast(d.job_id as text) as job_id, d.attempt, d.attempted_at, d.outcome, d.status, d.failure, d.took_ms,"
    " d.again_at"
)
OWN = "d.organization_id = cast(:organization_id as uuid)"
OF_JOB = f"{OWN} and d.job_id = cast(:job_id as uuid)"
LATEST = text(f"select {COLUMNS} from callback_deliveries d where {OF_JOB} order by d.id desc limit 1")  # noqa: S608
ADD = text(
    "insert into callback_deliveries as d (organization_id, job_id, attempt, attempted_at, outcome, status, failure,"  # noqa: S608
    " took_ms, again_at) values (cast(:organization_id as uuid), cast(:job_id as uuid), :attempt, :attempted_at,"
    f" :outcome, cast(:status as integer), :failure, :took_ms, cast(:again_at as timestamptz)) returning {COLUMNS}"
)
DEAD = (
    "d.again_at is null and d.outcome in ('failed', 'gone', 'refused') and not exists"
    " (select from callback_deliveries later where later.job_id = d.job_id and later.id > d.id)"
)


@dataclass(frozen=True)
class Delivery:
    """One call, or (outcome "asked", attempt 0) that somebody wants the result sent again.

    `status` is what was answered, `failure` why nothing was: see `pacs.outgoing`.
    """

    id: int
    job_id: str
    attempt: int
    attempted_at: datetime
    outcome: Outcome
    status: int | None
    failure: str
    took_ms: int
    again_at: datetime | None

    @property
    def again_after_s(self) -> int | None:
        """How long to wait before the next attempt; None: there is none."""
        return next_after_s(self.attempt) if self.outcome == "failed" else None

    @property
    def has_ended(self) -> bool:
        return self.outcome != "asked" and self.again_after_s is None


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a call: HMAC-SHA256 over the timestamp, a full stop and the body, in hexadecimal digits.

    Source: RFC 2104; RFC 6234
    """
    return hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()


def next_after_s(attempt: int) -> int | None:
    """How long to wait after an attempt (the first is 1) that failed; None: it was the last."""
    return WAITS_S[attempt - 1] if attempt <= len(WAITS_S) else None


def deliver(
    services: Services,
    organization_id: str,
    job_id: str,
    url: str,
    secret: str,
    body: bytes,
    *,
    door: Door | None = None,
) -> Delivery:
    """Call an address once, and write down what came of it. What has ended already is told, and not called again."""
    owned = {"organization_id": organization_id, "job_id": job_id}
    latest = [Delivery(**row) for row in services.database.fetch(LATEST, owned)]
    if latest and latest[0].has_ended:
        return latest[0]
    attempt = latest[0].attempt + 1 if latest else 1
    began = services.clock.now()
    timestamp = began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Bulut-PACS",
        "X-RaportAI-Timestamp": timestamp,
        "X-RaportAI-Signature": sign(secret, timestamp, body),
    }
    sent = (door or door_of(services)).post(url, body, headers)
    outcome = outcome_of(sent)
    wait_s = next_after_s(attempt) if outcome == "failed" else None
    row = {"attempt": attempt, "attempted_at": began, "outcome": outcome, "status": sent.status}
    row |= {"failure": sent.failure, "took_ms": sent.took_ms}
    row["again_at"] = None if wait_s is None else began + timedelta(milliseconds=sent.took_ms, seconds=wait_s)
    return Delivery(**services.database.fetch(ADD, {**owned, **row})[0])


def door_of(services: Services) -> Door:
    """The way out as the settings want it. Raises NotConfigured."""
    return Door(parse_origins(services.settings.callback_allow, "PACS_CALLBACK_ALLOW"))


def outcome_of(sent: Sent) -> Outcome:
    """Every 2xx is a yes, and 410 a no for good. Whom we may not call is not tried again either."""
    if sent.failure:
        return "refused" if sent.failure in REFUSALS else "failed"
    if sent.status == GONE:
        return "gone"
    return "delivered" if sent.status is not None and 200 <= sent.status < 300 else "failed"


def list_deliveries(
    statements: Statements, scope: Scope, *, job_id: str = "", dead: bool = False, before: int = 0, limit: int = 100
) -> list[Delivery]:
    """Calls of an organization, or of one of its jobs, the last first; further ones come `before` the id of the last.

    `dead` are those after which nothing more will be tried though nobody took the result, one for each job.
    """
    if job_id and not is_uuid(job_id):
        return []
    asked = [OWN]
    asked += ["d.job_id = cast(:job_id as uuid)"] if job_id else []
    asked += ["d.id < :before"] if before else []
    asked += [DEAD] if dead else []
    query = f"select {COLUMNS} from callback_deliveries d where {' and '.join(asked)} order by d.id desc limit :limit"  # noqa: S608
    given: dict[str, Any] = {"organization_id": scope.organization_id, "limit": limit}
    given |= {"job_id": job_id} if job_id else {}
    given |= {"before": before} if before else {}
    return [Delivery(**row) for row in statements.fetch(text(query), given)]


def send_again(services: Services, scope: Scope, job_id: str) -> Delivery:
    """Have the result of a job sent again, with all attempts; twice within a minute is once.

    Raises NotFound for jobs that nobody was called for.
    """
    now, latest = services.clock.now(), list_deliveries(services.database, scope, job_id=job_id, limit=1)
    if not latest:
        raise NotFound("the job has had no callback", field="job")
    [delivery] = latest
    if delivery.outcome != "asked" or now - delivery.attempted_at > ONCE:
        asked = {"organization_id": scope.organization_id, "job_id": job_id, "attempt": 0, "outcome": "asked"}
        asked |= {"attempted_at": now, "status": None, "failure": "", "took_ms": 0, "again_at": None}
        with services.database.transaction() as statements:
            delivery = Delivery(**statements.fetch(ADD, asked)[0])
            audit.record(statements, scope, audit.Deed("send-callback", subject=job_id))
    told = {"organization": scope.organization_id, "job": job_id, "resend": True}
    services.workflow.start(MACHINE, f"{job_id}-again-{delivery.id}", told)
    return delivery
