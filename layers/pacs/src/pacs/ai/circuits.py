"""Who has failed again and again, and is left alone for a while? Asked by the orchestrator before each provider.

Three failures in a row open a provider's circuit for a minute, each further one for longer. When the time is over one
call is let through, and no other until it is known how that went: a success closes the circuit, a failure opens it
again. A process that dies with the one call in hand blocks the next for `TRIAL` at most.
"""

from datetime import timedelta

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Services

FAILURES = 3
PAUSES = tuple(timedelta(minutes=each) for each in (1, 2, 5, 15))
TRIAL = timedelta(minutes=15)

OF = "organization_id = cast(:organization_id as uuid) and provider = :provider"
# One statement: of several that come when the time is over the first moves it on, and the others find it moved.
PASS = text(
    "with trial as (update ai_circuits set open_until = :trial_until"  # noqa: S608
    f" where {OF} and failures >= :most and open_until <= :now returning 1)"
    f" select exists (select from trial) or not exists (select from ai_circuits where {OF} and failures >= :most)"
    " as passed"
)
FAIL = text(
    "insert into ai_circuits as c (organization_id, provider, failures, open_until)"
    " values (cast(:organization_id as uuid), :provider, 1, null)"
    " on conflict (organization_id, provider) do update set failures = c.failures + 1 returning failures"
)
OPEN = text(f"update ai_circuits set open_until = :open_until where {OF} and failures = :failures")  # noqa: S608
CLOSE = text(f"delete from ai_circuits where {OF}")  # noqa: S608
LET_GO = text(f"update ai_circuits set open_until = :now where {OF} and failures >= :most")  # noqa: S608
OPENED = text(
    "select provider, open_until from ai_circuits where organization_id = cast(:organization_id as uuid)"
    " and failures >= :most order by provider"
)


def passes(services: Services, scope: Scope, provider: str) -> bool:
    """Whether a provider may be asked now. Whoever is let through says what came of it: `close`, `fail` or `let_go`."""
    now = services.clock.now()
    values = keys(scope, provider) | {"now": now, "trial_until": now + TRIAL, "most": FAILURES}
    [row] = services.database.fetch(PASS, values)
    return bool(row["passed"])


def fail(services: Services, scope: Scope, provider: str) -> None:
    """It has failed once more."""
    now = services.clock.now()
    with services.database.transaction() as statements:
        [row] = statements.fetch(FAIL, keys(scope, provider))
        beyond = row["failures"] - FAILURES
        if beyond >= 0:
            until = now + PAUSES[min(beyond, len(PAUSES) - 1)]
            statements.fetch(OPEN, keys(scope, provider) | {"open_until": until, "failures": row["failures"]})


def close(services: Services, scope: Scope, provider: str) -> None:
    """It has answered."""
    services.database.fetch(CLOSE, keys(scope, provider))


def let_go(services: Services, scope: Scope, provider: str) -> None:
    """Whoever was let through has not found out anything: the next may try."""
    services.database.fetch(LET_GO, keys(scope, provider) | {"now": services.clock.now(), "most": FAILURES})


def opened(services: Services, scope: Scope) -> dict[str, str]:
    """The providers that are left alone, each with the moment (ISO 8601) when one call is let through."""
    rows = services.database.fetch(OPENED, {"organization_id": scope.organization_id, "most": FAILURES})
    return {row["provider"]: row["open_until"].isoformat() for row in rows}


def keys(scope: Scope, provider: str) -> dict[str, object]:
    return {"organization_id": scope.organization_id, "provider": provider}
