"""Which providers of an organization work today, and who is told? A run asks all of them at once, keeps what came of it
and sends one e-mail. Done by functions/ai_jobs and `pacs ai`; what came of it is read by pages and programs.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.configuring import configured, consent_of
from pacs.ai.health import HealthCheck, Kind, check
from pacs.ai.health_mail import report
from pacs.ai.health_starting import active
from pacs.ai.providers import MOCK, ORCHESTRATOR, ROUTE, Provider
from pacs.errors import BadRequest, NotConfigured
from pacs.people.scope import Scope
from pacs.ports import Services, Statements

AT_ONCE = 8  # waiting, not computing
TIMEOUT_S = 60.0
# One that has to start first is waited for, and not as long as by a reader's job.
PATIENCE_S = 240.0
MOST_ROWS = 2000
KINDS: tuple[Kind, ...] = ("text", "image")
NOBODY_ANSWERS = "none of its providers works"
NO_CONSENT = "the organization has not consented"

COLUMNS = "cast(run_id as text) as run_id, provider, model, checked_at, kind, failure, latency_ms, cost"
OWN = "organization_id = cast(:organization_id as uuid)"
NAME = text("select name from organizations where id = cast(:organization_id as uuid)")
KEEP = text(
    "insert into ai_health_checks (organization_id, run_id, provider, model, checked_at, kind, failure, latency_ms,"
    " cost) values (cast(:organization_id as uuid), cast(:run_id as uuid), :provider, :model, :checked_at, :kind,"
    " :failure, :latency_ms, cast(:cost as numeric)) on conflict do nothing returning id"
)
OF_RUN = text(
    f"select {COLUMNS} from ai_health_checks where {OWN} and run_id = cast(:run_id as uuid) order by id"  # noqa: S608
)
SINCE = text(
    f"select {COLUMNS} from ai_health_checks where {OWN} and checked_at >= :since"  # noqa: S608
    f" order by checked_at desc, id desc limit {MOST_ROWS}"
)

# "before": somebody else has told of the run.
Told = Literal[
    "by e-mail",
    "before",
    "nobody: PACS_AI_HEALTH_MAIL is empty",
    "nobody: no e-mail can be sent",
    "nobody: no provider is in use",
]


@dataclass(frozen=True)
class Run:
    """What a run came to. `answers` is who would make drafts now: the first of the orchestrator's that works."""

    id: str
    checks: tuple[HealthCheck, ...]
    answers: str
    told: Told

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.provider for each in self.checks))

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.provider for each in self.checks if each.failure))


def run_health(services: Services, organization_id: str, run_id: str) -> Run:
    """Ask every provider in use that this run has not asked yet, and tell of it, once. May be called again.

    Raises Unavailable when the e-mail was not taken: it is to be tried again, and the providers are not asked again.
    """
    scope = Scope(organization_id, "system")
    found, done = active(services, scope), results(services, scope, run_id)
    if not (found or done):
        return Run(run_id, (), "", "nobody: no provider is in use")
    with ThreadPoolExecutor(AT_ONCE, "health") as pool:
        list(pool.map(lambda each: ask(services, scope, run_id, each.provider, done), found))
    return tell(services, scope, run_id)


def ask(services: Services, scope: Scope, run_id: str, provider: Provider, done: Sequence[HealthCheck]) -> None:
    """Ask one provider for what it has not been asked for. One that fails with words fails with an image as well, and
    as slowly: it is spared that.
    """
    before = {each.kind: each for each in done if each.provider == provider.name}
    for kind in KINDS[: 2 if provider.vision else 1]:
        made = before.get(kind)
        if made is None:
            made = check(services, scope, provider.name, kind=kind, within_s=TIMEOUT_S, patience_s=PATIENCE_S)
            made = replace(made, run_id=run_id)
            keep(services.database, scope, made)
        if made.failure:
            return


def tell(services: Services, scope: Scope, run_id: str) -> Run:
    """Who answers now is the last row of a run: whoever writes it tells of the run, and if that fails nobody has."""
    checks = tuple(each for each in results(services, scope, run_id) if each.provider != ORCHESTRATOR)
    last = who_answers(services, scope, checks, run_id)
    run = Run(run_id, checks, last.model, "before")
    with services.database.transaction() as statements:
        if not keep(statements, scope, last):
            return run
        to = services.settings.ai_health_mail.strip()
        if not to:
            return replace(run, told="nobody: PACS_AI_HEALTH_MAIL is empty")
        [owner] = statements.fetch(NAME, {"organization_id": scope.organization_id})
        made = report(owner["name"], checks, last, ZoneInfo(services.settings.time_zone))
        try:
            services.mailer.send(to, made.subject, made.text, html=made.html)
        except NotConfigured:
            return replace(run, told="nobody: no e-mail can be sent")
    return replace(run, told="by e-mail")


def who_answers(services: Services, scope: Scope, checks: Sequence[HealthCheck], run_id: str) -> HealthCheck:
    """What there is to say of the orchestrator: as its model, the first of its route that may be asked and works."""
    failing = {each.provider for each in checks if each.failure}
    working = {each.provider for each in checks} - failing
    consent = consent_of(services, scope).given
    usable = [*(working if consent else ()), *([MOCK] if mock_answers(services, scope) else ())]
    answers = next((each for each in ROUTE if each in usable), "")
    why = "" if answers else NOBODY_ANSWERS if consent else NO_CONSENT
    return HealthCheck(ORCHESTRATOR, answers, "text", why, 0, None, services.clock.now(), run_id)


def mock_answers(services: Services, scope: Scope) -> bool:
    """Whether the mock may make drafts here."""
    allowed = services.settings.ai_mock or services.settings.stage != "prod"
    return allowed and configured(services, scope, MOCK).ready


def keep(statements: Statements, scope: Scope, made: HealthCheck) -> bool:
    """Keep what came of a request; False when this run has it already."""
    values = asdict(made) | {"organization_id": scope.organization_id}
    return bool(statements.fetch(KEEP, values | {"cost": None if made.cost is None else str(made.cost)}))


def results(services: Services, scope: Scope, run_id: str) -> list[HealthCheck]:
    """What a run has found so far, in this order; its last row is the orchestrator's. Raises BadRequest."""
    try:
        told = str(uuid.UUID(run_id))
    except ValueError as error:
        raise BadRequest("a run is named by a UUID", field="run") from error
    rows = services.database.fetch(OF_RUN, {"organization_id": scope.organization_id, "run_id": told})
    return [HealthCheck(**row) for row in rows]


def last_days(services: Services, scope: Scope, days: int = 30) -> list[HealthCheck]:
    """What was found in the last days, the newest first; rows of the orchestrator name as model who answered then."""
    since = services.clock.now() - timedelta(days=days)
    rows = services.database.fetch(SINCE, {"organization_id": scope.organization_id, "since": since})
    return [HealthCheck(**row) for row in rows]
