"""Which pre-reports were asked for, and how far is each? Called by functions/ai; the queue's worker: `working`.

One press of a button is one job, however often it is sent. A job is seen by everybody who sees its study.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text

from pacs.ai.offering import require_possible
from pacs.ai.presets import preset_for
from pacs.ai.providers import ORCHESTRATOR
from pacs.archive.search import scope_conditions
from pacs.errors import BadRequest, Conflict, Forbidden, IdempotencyKeyReused, NotFound
from pacs.people.audit import Deed, record
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.ports import Rows, Services, Statements
from pacs.reading.naming import code_of
from pacs.reading.studies import find_study

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
OPEN: tuple[Status, ...] = ("queued", "running")
QUEUE = "ai"
# Of the one who looks: what nobody has begun for so long, or has left, is given to the queue again.
FORGOTTEN_AFTER = timedelta(seconds=60)
MOST_TRIES = 5
GAVE_UP = "GAVE_UP"
LISTED = 50
RACES = 3
REQUEST_KEY = re.compile(r"[\x21-\x7e]{1,200}")

COLUMNS = (
    "cast(j.id as text) as id, s.code, j.study_instance_uid, cast(j.member_id as text) as member_id, j.provider,"
    " j.preset, j.language, j.status, j.step, j.reason, j.attempts, j.images, j.tries, j.held_until, j.created_at,"
    " j.started_at, j.ended_at, cast(d.id as text) as draft_id"
)
JOINED = (
    " from ai_jobs j join studies s using (organization_id, study_instance_uid)"
    " left join ai_report_drafts d on d.job_id = j.id"
)
ADD = text(
    "insert into ai_jobs (id, organization_id, study_instance_uid, member_id, request_key, provider, preset, language,"
    " step, created_at) values (cast(:id as uuid), cast(:organization_id as uuid), :study, cast(:me as uuid),"
    " :request_key, :provider, :preset, :language, 'queued', :now) on conflict do nothing returning id"
)
SAME_WISH = (
    "j.status in ('queued', 'running') and j.study_instance_uid = :study and j.provider = :provider"
    " and j.preset = :preset and j.language = :language and j.member_id is not distinct from cast(:me as uuid)"
)
OWN = "id = cast(:id as uuid) and organization_id = cast(:organization_id as uuid)"
CANCEL = text(
    "update ai_jobs set status = 'cancelled', step = '', held_until = null, ended_at = :now"  # noqa: S608 - our words
    f" where {OWN} and status in ('queued', 'running') and step <> 'telling' returning id"
)
FORGOTTEN = (
    "(status = 'queued' and coalesce(held_until, created_at) <= :before or status = 'running' and held_until <= :now)"
)
TAKE_UP = text(
    "update ai_jobs set status = 'queued', step = 'queued', held_until = :now"  # noqa: S608 - our own words
    f" where {OWN} and {FORGOTTEN} and tries < :most returning id"
)
GIVE_UP = text(
    f"update ai_jobs set status = 'failed', step = '', reason = '{GAVE_UP}', held_until = null, ended_at = :now"  # noqa: S608
    f" where {OWN} and {FORGOTTEN} and tries >= :most returning id"
)


@dataclass(frozen=True)
class Wanted:
    """What somebody wants: of which provider, by which preset (empty: what suits the study), in which language."""

    provider: str = ORCHESTRATOR
    preset: str = ""
    language: str = "tr"


@dataclass(frozen=True)
class Job:
    """A job and how far it is. `attempts` tells who was asked or passed over, and why; `images` how many were sent."""

    id: str
    code: str
    study_instance_uid: str
    member_id: str | None
    provider: str
    preset: str
    language: str
    status: Status
    step: str
    reason: str
    attempts: list[dict[str, Any]]
    images: int
    tries: int
    held_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    draft_id: str | None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def is_forgotten(self, now: datetime) -> bool:
        """Whether nobody seems to work on it."""
        if self.status == "queued":
            return (self.held_until or self.created_at) <= now - FORGOTTEN_AFTER
        return self.status == "running" and self.held_until is not None and self.held_until <= now

    def seconds(self, now: datetime) -> float:
        """From the press to the end, or until now."""
        return round(((self.ended_at or now) - self.created_at).total_seconds(), 1)


def ask(
    services: Services, scope: Scope, code: str, wanted: Wanted, *, request_key: str = "", source_ip: str = ""
) -> Job:
    """Ask for a pre-report of a study. The same request key is the same job; so is the same wish while one is open.

    Raises NotFound (the study), BadRequest, ConsentNeeded, NotConfigured, IdempotencyKeyReused, Unavailable.
    """
    study = find_study(services, scope, code)
    preset = wanted.preset or preset_for(study["modalities"], [study["study_description"]])
    require_possible(services, scope, wanted.provider, preset, wanted.language)
    if request_key and not REQUEST_KEY.fullmatch(request_key):
        raise BadRequest("a request key has 1 to 200 visible characters", field="request_id")
    values = {
        "id": str(uuid.uuid4()),
        "organization_id": scope.organization_id,
        "study": study["study_instance_uid"],
        "me": scope.member_id or None,
        "request_key": f"{scope.member_id} {request_key or uuid.uuid4()}",
        **wanted.__dict__,
        "preset": preset,
        "now": services.clock.now(),
    }
    for _ in range(RACES):  # what was in the way may have ended meanwhile
        job = decide(services, scope, values, source_ip)
        if job and job.id == values["id"]:
            send(services, scope, job.id)
        if job:
            return looked_after(services, scope, job)
    raise Conflict("the same was asked for, and ended just now: ask again", field="status")


def decide(services: Services, scope: Scope, values: Mapping[str, Any], source_ip: str) -> Job | None:
    """The job of a press, new or not. Raises IdempotencyKeyReused."""
    with services.database.transaction() as statements:
        if statements.fetch(ADD, values):
            deed = Deed("ask-ai", values["study"], subject=f"{values['id']}: {values['provider']}")
            record(statements, scope, deed, source_ip=source_ip)
            return found_job(statements, scope, values["id"])
        rows = query(statements, scope, "j.request_key = :request_key", {"request_key": values["request_key"]})
        if not rows:
            wish = {name: values[name] for name in ("study", "provider", "preset", "language", "me")}
            rows = query(statements, scope, SAME_WISH, wish)
        job = Job(**rows[0]) if rows else None
        if job and any(getattr(job, name) != values[name] for name in ("provider", "preset", "language")):
            raise IdempotencyKeyReused("something else was asked for under this key before", field="request_id")
        if job and job.study_instance_uid != values["study"]:
            raise IdempotencyKeyReused("another study was meant under this key before", field="request_id")
        return job


def send(services: Services, scope: Scope, job_id: str) -> None:
    """Give a job to the queue. A message too many finds that the job is held, or has ended."""
    services.queue.send(QUEUE, [json.dumps({"organization": scope.organization_id, "job": job_id})])


def find_job(services: Services, scope: Scope, job_id: str) -> Job:
    """One job; whoever looks takes it up again when it was left. Raises NotFound."""
    return looked_after(services, scope, found_job(services.database, scope, job_id))


def list_jobs(services: Services, scope: Scope, code: str) -> list[Job]:
    """The latest jobs of a study, the newest first. Raises NotFound for the study."""
    find_study(services, scope, code)
    ended = f" order by j.created_at desc, j.id limit {LISTED}"
    rows = query(services.database, scope, "s.code = :code", {"code": code_of(code)}, ended)
    return [looked_after(services, scope, Job(**row)) for row in rows]


def looked_after(services: Services, scope: Scope, job: Job) -> Job:
    """A job as it is after one that nobody works on was given to the queue again, or given up after many tries.

    In the cloud the message of a worker that died comes back after an hour and a half; whoever waits looks sooner.
    """
    now = services.clock.now()
    if not job.is_forgotten(now):
        return job
    values = {**named(scope, job.id), "now": now, "most": MOST_TRIES, "before": now - FORGOTTEN_AFTER}
    if services.database.fetch(TAKE_UP, values):
        send(services, scope, job.id)
    elif not services.database.fetch(GIVE_UP, values):
        return job
    return found_job(services.database, scope, job.id)


def cancel(services: Services, scope: Scope, job_id: str) -> Job:
    """Ask no more: one's own job, or anybody's for those who manage. Safe to repeat.

    What was answered already is paid for, and thrown away. Raises NotFound, Forbidden, Conflict when it has ended.
    """
    job = found_job(services.database, scope, job_id)
    if job.member_id != (scope.member_id or None) and not may(scope, "ai.manage"):
        raise Forbidden("this job is somebody else's")
    with services.database.transaction() as statements:
        if statements.fetch(CANCEL, {**named(scope, job_id), "now": services.clock.now()}):
            record(statements, scope, Deed("ask-ai", job.study_instance_uid, subject=f"{job_id}: cancelled"))
        job = found_job(statements, scope, job_id)
    if job.status != "cancelled":
        raise Conflict("the job has ended", field="status")
    return job


def found_job(statements: Statements, scope: Scope, job_id: str) -> Job:
    """Raises NotFound, also for a job of a study that the scope does not cover."""
    rows = query(statements, scope, "j.id = cast(:id as uuid)", {"id": job_id})
    if not rows:
        raise NotFound("there is no such job", field="job")
    return Job(**rows[0])


def query(statements: Statements, scope: Scope, condition: str, values: Mapping[str, Any], ended: str = "") -> Rows:
    parameters = dict(values)
    where = " and ".join([*scope_conditions(scope, parameters), condition])
    return statements.fetch(text(f"select {COLUMNS}{JOINED} where {where}{ended}"), parameters)


def named(scope: Scope, job_id: str) -> dict[str, Any]:
    return {"id": job_id, "organization_id": scope.organization_id}
