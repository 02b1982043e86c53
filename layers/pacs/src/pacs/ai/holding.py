"""Who works on a job? Whoever holds it, and renews that as long as it lives; nobody else, and never after its end.

Called by `working` alone. A holder that dies lets go by silence: the job is another's then, and what the first one
still writes changes nothing, for every write names the try that it belongs to.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from pacs.ai.jobs import GAVE_UP, MOST_TRIES, OWN
from pacs.errors import PacsError
from pacs.ports import Services, Statements

HELD_FOR = timedelta(seconds=30)
RENEWED_S = 10.0

# What was given up is taken up by a message alone that was put back to work, and as if it were new.
CLAIM = text(
    "update ai_jobs set status = 'running', step = 'looking', reason = '', held_until = :until, ended_at = null,"  # noqa: S608
    " tries = case when tries < :most then tries + 1 else 1 end, started_at = coalesce(started_at, :now)"
    f" where {OWN} and (status = 'failed' and reason = '{GAVE_UP}' or (:fresh or tries < :most)"
    " and (status = 'queued' or status = 'running' and held_until <= :now)) returning study_instance_uid,"
    " cast(member_id as text) as member_id, provider, preset, language, tries,"
    " (select s.code from studies s where s.organization_id = ai_jobs.organization_id"
    " and s.study_instance_uid = ai_jobs.study_instance_uid) as code"
)
LOOK = text(f"select status, tries, held_until from ai_jobs where {OWN}")  # noqa: S608 - our own words
MINE = f"{OWN} and status = 'running' and tries = :tries"
RENEW = text(f"update ai_jobs set held_until = :until where {MINE} returning id")  # noqa: S608 - our own words
TELL = text(
    "update ai_jobs set step = :step, attempts = cast(:attempts as jsonb), images = :images"  # noqa: S608 - our words
    f" where {MINE} returning id"
)
END = text(
    "update ai_jobs set status = :status, step = :step, reason = :reason, attempts = cast(:attempts as jsonb),"  # noqa: S608
    f" images = :images, held_until = null, ended_at = :now where {MINE} returning id"
)
LET_GO = text(
    "update ai_jobs set status = 'queued', step = 'queued', held_until = :now, tries = tries - :uncounted"  # noqa: S608
    f" where {MINE} returning id"
)
GIVE_UP = text(
    f"update ai_jobs set status = 'failed', step = '', reason = '{GAVE_UP}', held_until = null, ended_at = :now"  # noqa: S608
    f" where {OWN} and status in ('queued', 'running') and tries >= :most"
    " and (held_until is null or held_until <= :now) returning id"
)


@dataclass
class Held:
    """A job that this process works on. `attempts` and `images` are what is told of it next."""

    services: Services
    organization_id: str
    id: str
    tries: int
    study_instance_uid: str
    code: str | None  # None: the study has gone
    member_id: str | None
    provider: str
    preset: str
    language: str
    since: datetime
    attempts: Sequence[Mapping[str, Any]] = ()
    images: int = 0

    @property
    def own(self) -> dict[str, Any]:
        return {"id": self.id, "organization_id": self.organization_id, "tries": self.tries}

    @property
    def told(self) -> dict[str, Any]:
        return {**self.own, "attempts": json.dumps(self.attempts, default=str), "images": self.images}

    def tell(self, step: str, statements: Statements | None = None) -> bool:
        """Say how far it is; returns whether it is still ours, and wanted."""
        return bool((statements or self.services.database).fetch(TELL, {**self.told, "step": step}))

    def end(self, statements: Statements, status: str, *, step: str = "", reason: str = "") -> bool:
        """The end of the job; returns whether it was still ours to end."""
        now = self.services.clock.now()
        ended = {**self.told, "status": status, "step": step, "reason": reason, "now": now}
        return bool(statements.fetch(END, ended))

    def let_go(self, *, counted: bool) -> None:
        """Leave it to the next try at once. Not `counted`: as if it had not been tried."""
        now = self.services.clock.now()
        self.services.database.fetch(LET_GO, {**self.own, "now": now, "uncounted": 0 if counted else 1})

    def renew(self) -> bool:
        until = self.services.clock.now() + HELD_FOR
        return bool(self.services.database.fetch(RENEW, {**self.own, "until": until}))


def claim(services: Services, organization_id: str, job_id: str, *, fresh: bool) -> Held | None:
    """Take a job that nobody holds. None: another one holds it, it has ended, or it was tried often enough.

    `fresh`: however often it was tried.
    """
    now = services.clock.now()
    named = {"id": job_id, "organization_id": organization_id, "now": now}
    rows = services.database.fetch(CLAIM, {**named, "until": now + HELD_FOR, "most": MOST_TRIES, "fresh": fresh})
    if rows:
        return Held(services, organization_id, job_id, since=now, **rows[0])
    services.database.fetch(GIVE_UP, {**named, "most": MOST_TRIES})
    return None


def holder_of(services: Services, organization_id: str, job_id: str) -> tuple[int, datetime] | None:
    """Which try holds a job, and until when; None when nobody works on it."""
    rows = services.database.fetch(LOOK, {"id": job_id, "organization_id": organization_id})
    if not rows or rows[0]["status"] != "running":
        return None
    return rows[0]["tries"], rows[0]["held_until"]


@contextmanager
def renewed(held: Held, every_s: float = RENEWED_S) -> Iterator[None]:
    """Hold a job as long as the work on it lasts."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(every_s):
            with suppress(PacsError):  # a database that does not answer now may do so in time
                if not held.renew():
                    return  # it is another's, or nobody wants it

    thread = threading.Thread(target=renew, name=f"job {held.id}")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
