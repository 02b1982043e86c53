"""What does a report cost, and who has paid? One credit a report; a ledger that is only ever added to.

A job holds as many credits as it has exams. When it ends, each report that came out right uses one, and the rest is
let go. Called by report jobs, by accounting and by `pacs credits`.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, InsufficientCredits
from pacs.people.scope import Scope
from pacs.ports import Clock, Statements

Account = Literal["granted", "available", "held", "used"]

MOST = 10_000_000
LONGEST_REASON = 500
MOVE = text(
    "select move_credits(cast(:organization_id as uuid), :once, :source, :target, :credits, cast(:job_id as uuid),"
    " :member_id, :reason, :now) as outcome"
)
BALANCES = text("select account, balance from credit_balances where organization_id = cast(:organization_id as uuid)")
HELD = text("select credits from credit_moves where organization_id = cast(:organization_id as uuid) and once = :once")
STATEMENT = text(
    "select moved_at, source, target, credits, job_id, reason, member, available from ("
    "select m.id, m.moved_at, m.source, m.target, m.credits, cast(m.job_id as text) as job_id, m.reason,"
    " coalesce(p.email, m.member_id) as member,"
    " cast(sum(case 'available' when m.target then m.credits when m.source then -m.credits else 0 end)"
    " over (order by m.moved_at, m.id) as bigint) as available"
    " from credit_moves m left join organization_members p on cast(p.id as text) = m.member_id"
    " where m.organization_id = cast(:organization_id as uuid) and m.moved_at < :ends) moves"
    " where moved_at >= :begins order by moved_at, id"
)
KINDS: dict[tuple[str, str], str] = {
    ("granted", "available"): "top-up",
    ("available", "granted"): "adjustment",
    ("available", "held"): "hold",
    ("held", "used"): "capture",
    ("held", "available"): "release",
}


@dataclass(frozen=True)
class Balance:
    """Credits that can be spent, those that jobs hold which still run, and those that reports have used so far."""

    available: int
    held: int
    used: int


def read_balance(statements: Statements, scope: Scope) -> Balance:
    """What an organization has."""
    rows = statements.fetch(BALANCES, {"organization_id": scope.organization_id})
    found = {row["account"]: row["balance"] for row in rows}
    return Balance(found.get("available", 0), found.get("held", 0), found.get("used", 0))


def add_credits(statements: Statements, clock: Clock, scope: Scope, credits: int, reason: str) -> Balance:
    """Top up, or with a number below nothing take back.

    Raises BadRequest, InsufficientCredits when more would be taken back than is there.
    """
    if not 0 < abs(credits) <= MOST:
        raise BadRequest(f"credits are added or taken back, at most {MOST} at once", field="credits")
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadRequest(f"say why, in at most {LONGEST_REASON} letters", field="reason")
    way: tuple[Account, Account] = ("granted", "available") if credits > 0 else ("available", "granted")
    move(statements, clock, scope, way, abs(credits), once=f"add:{uuid.uuid4()}", reason=reason)
    return read_balance(statements, scope)


def hold_credits(statements: Statements, clock: Clock, scope: Scope, job_id: str, credits: int) -> None:
    """Set credits aside for a job, once. Raises InsufficientCredits."""
    move(statements, clock, scope, ("available", "held"), credits, once=f"hold:{job_id}", job_id=job_id)


def settle_credits(statements: Statements, clock: Clock, scope: Scope, job_id: str, used: int) -> None:
    """End what a job holds: this many are used, the rest is let go. Safe to repeat. Raises Conflict."""
    rows = statements.fetch(HELD, {"organization_id": scope.organization_id, "once": f"hold:{job_id}"})
    held = int(rows[0]["credits"]) if rows else 0
    if not 0 <= used <= held:
        raise Conflict("the job holds fewer credits", field="used")
    ends: tuple[tuple[Account, int], ...] = (("used", used), ("available", held - used))
    for target, credits in ends:
        if credits:
            move(statements, clock, scope, ("held", target), credits, once=f"{target}:{job_id}", job_id=job_id)


def move(
    statements: Statements,
    clock: Clock,
    scope: Scope,
    way: tuple[Account, Account],
    credits: int,
    *,
    once: str,
    job_id: str | None = None,
    reason: str = "",
) -> None:
    """From one account to another, unless it has happened already. Raises InsufficientCredits."""
    given = {"organization_id": scope.organization_id, "member_id": scope.member_id, "now": clock.now()}
    moved = {"once": once, "source": way[0], "target": way[1], "credits": credits, "job_id": job_id, "reason": reason}
    [row] = statements.fetch(MOVE, given | moved)
    if row["outcome"] == "short":
        raise InsufficientCredits(f"{credits} credits are needed, and there are fewer", field="credits")


def month_of(year: int, month: int) -> tuple[datetime, datetime]:
    """When a month begins and ends. Raises BadRequest."""
    try:
        begins = datetime(year, month, 1, tzinfo=UTC)
        return begins, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    except ValueError as error:
        raise BadRequest("a month is given as YYYY-MM", field="month") from error


def read_statement(statements: Statements, scope: Scope, year: int, month: int) -> list[dict[str, Any]]:
    """The moves of a month, oldest first, each with what was available after it. Raises BadRequest."""
    begins, ends = month_of(year, month)
    period = {"organization_id": scope.organization_id, "begins": begins, "ends": ends}
    return [
        {**row, "kind": KINDS[row["source"], row["target"]], "moved_at": row["moved_at"].isoformat()}
        for row in statements.fetch(STATEMENT, period)
    ]
