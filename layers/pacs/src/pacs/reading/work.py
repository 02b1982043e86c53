"""Who reads a study: assigning, claiming, releasing, and how far its report is. Called by functions and reporting.

Every change is one statement, which holds the rows, looks whether they may change, changes them and notes it in their
history. So of two who claim one study one wins, and the other is told Conflict. Studies are named by their codes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.membership import READERS, find_by_id
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.ports import Rows, Services, Statements
from pacs.reading.naming import code_of, require_uuid
from pacs.reading.states import ANYBODYS, BEFORE, RELEASABLE, UNCLAIMED, Written

# A reader's page says so often that the study is open; after three times of silence it is not.
BEAT_S = 30
READING_LIFE = timedelta(seconds=3 * BEAT_S)
MOST_AT_ONCE = 500
NAMED = re.compile(r":(\w+)")

FREE = "(s.reading_until is null or s.reading_until <= :now or s.reading_by = cast(:me as uuid))"
FOR_ME = (
    "(s.assigned_member_id is null and s.assigned_pool_id is null or s.assigned_member_id = cast(:me as uuid)"
    " or exists (select from reader_pool_members p where p.pool_id = s.assigned_pool_id"
    " and p.member_id = cast(:me as uuid)))"
)
READABLE = (
    "(not exists (select from reader_modalities m where m.organization_id = s.organization_id"
    " and m.member_id = cast(:me as uuid)) or exists (select from reader_modalities m"
    " where m.organization_id = s.organization_id and m.member_id = cast(:me as uuid)"
    r" and strpos(s.modalities_in_study, '\' || m.modality || '\') > 0))"
)
CLAIMED = (
    "claimed_by = cast(:me as uuid), claimed_at = :now, state = 'claimed', reading_by = null, reading_until = null"
)
RELEASED = (
    "claimed_by = null, claimed_at = null, reading_by = null, reading_until = null, state = case"
    " when s.assigned_member_id is null and s.assigned_pool_id is null then 'received' else 'assigned' end"
)
ASSIGNED = (
    "assigned_member_id = cast(:to_member as uuid), assigned_pool_id = cast(:to_pool as uuid),"
    " state = case when coalesce(cast(:to_member as uuid), cast(:to_pool as uuid)) is null"
    " then 'received' else 'assigned' end"
)


@dataclass(frozen=True)
class Change:
    """A change of the rows of studies `s`: what must hold, and what is set, as SQL."""

    deed: str
    where: Sequence[str]
    to: str
    order: str = "s.organization_id, s.study_instance_uid"
    limit: str = ""
    subject: str = ""


def assign(
    services: Services, scope: Scope, codes: Sequence[str], *, member_id: str = "", pool_id: str = ""
) -> list[str]:
    """Assign studies to a reader or a pool, or to nobody again; returns the codes of those that are assigned now.

    Left out are those that the scope does not cover, that somebody has claimed, and those of a branch that the reader
    does not see. Raises BadRequest, NotFound (no such reader or pool).
    """
    if member_id and pool_id:
        raise BadRequest("a study is assigned to a member or to a pool", field="pool_id")
    if not 0 < len(codes) <= MOST_AT_ONCE:
        raise BadRequest(f"1 to {MOST_AT_ONCE} studies are assigned at once", field="codes")
    parameters = parameters_of(services, scope) | {"codes": [code_of(each) for each in codes]}
    parameters |= {"to_member": member_id or None, "to_pool": pool_id or None}
    where = ["s.code = any(:codes)", states(UNCLAIMED)]
    if member_id:
        where += seen_by_reader(services, scope, member_id, parameters)
    if pool_id:
        require_pool(services, scope, pool_id)
    change = Change("assign", where, ASSIGNED, subject=member_id or pool_id)
    return [row["code"] for row in carry_out(services.database, scope, change, parameters)]


def assign_one(services: Services, scope: Scope, code: str, *, member_id: str = "", pool_id: str = "") -> str:
    """Assign one study; returns its state. Raises NotFound, Conflict, BadRequest."""
    if not assign(services, scope, [code], member_id=member_id, pool_id=pool_id):
        raise refusal(services, scope, code, "it is claimed, or the reader is not granted its branch")
    return "assigned" if member_id or pool_id else "received"


def claim(services: Services, scope: Scope, code: str) -> None:
    """Take a study for oneself. Safe to repeat. Raises NotFound; Conflict when it is not to be had, or not for me."""
    parameters = parameters_of(services, scope, reader=True) | {"code": code_of(code)}
    where = ["s.code = :code", states(UNCLAIMED), FOR_ME, FREE, READABLE]
    if not carry_out(services.database, scope, Change("claim", where, CLAIMED), parameters):
        mine = "select 1 as mine from studies s where s.code = :code and s.claimed_by = cast(:me as uuid)"
        if not scoped(services.database, scope, mine + f" and {states(RELEASABLE)}", parameters):
            raise refusal(services, scope, code, "somebody else has it, or it is not for you")


def claim_next(services: Services, scope: Scope, *, modality: str = "") -> str | None:
    """Take the urgent study that waits longest, or else the one that waits longest; returns its code.

    Only what is for me and what I read. Two who ask at once get two studies. None: there is nothing to do.
    """
    parameters = parameters_of(services, scope, reader=True)
    where = [states(UNCLAIMED), FOR_ME, FREE, READABLE]
    if modality:
        where.append("strpos(s.modalities_in_study, :modality) > 0")
        parameters["modality"] = f"\\{modality.upper()}\\"
    order = "not s.urgent, s.created_at, s.study_instance_uid"
    rows = carry_out(services.database, scope, Change("claim", where, CLAIMED, order, " limit 1"), parameters)
    return rows[0]["code"] if rows else None


def release(services: Services, scope: Scope, code: str) -> None:
    """Give a study back: one's own, or anybody's for those who assign. Raises NotFound, Conflict."""
    parameters = parameters_of(services, scope) | {"code": code_of(code)}
    where = ["s.code = :code", states(RELEASABLE)]
    if not may(scope, "studies.assign"):
        where.append("s.claimed_by = cast(:me as uuid)")
    if not carry_out(services.database, scope, Change("release", where, RELEASED), parameters):
        raise refusal(services, scope, code, "it is not claimed, or not by you")


def set_urgent(
    services: Services,
    scope: Scope,
    codes: Sequence[str],
    urgent: bool,
    *,
    subject: str = "",
    statements: Statements | None = None,
) -> list[str]:
    """Studies that go before others, or no longer; returns the codes of those that the scope covers.

    `subject` tells the history why; `statements` are those of a transaction.
    """
    parameters = parameters_of(services, scope) | {"codes": [code_of(each) for each in codes], "urgent": urgent}
    change = Change("urgent" if urgent else "routine", ["s.code = any(:codes)"], "urgent = :urgent", subject=subject)
    return [row["code"] for row in carry_out(statements or services.database, scope, change, parameters)]


def beat(services: Services, scope: Scope, code: str) -> None:
    """Say that one has a study open, which keeps others from claiming it. To be repeated every BEAT_S seconds.

    Raises NotFound; Conflict when somebody else has it open, or has claimed it.
    """
    parameters = parameters_of(services, scope, reader=True) | {"code": code_of(code)}
    parameters["until"] = parameters["now"] + READING_LIFE
    open_to_me = f"s.code = :code and {FREE} and (s.claimed_by is null or s.claimed_by = cast(:me as uuid))"
    statement = f"update studies s set reading_by = cast(:me as uuid), reading_until = :until where {open_to_me}"  # noqa: S608
    if not scoped(services.database, scope, statement, parameters, " returning s.code"):
        raise refusal(services, scope, code, "somebody else is reading it")


def written(services: Services, statements: Statements, scope: Scope, study_instance_uid: str, state: Written) -> None:
    """A report of a study has come so far; in the transaction that writes the report. Safe to repeat.

    A study that is only received or assigned must be claimed first, and its drafts are of who claimed it; who
    verifies and signs a preliminary report may be another. Raises NotFound, Conflict.
    """
    parameters = parameters_of(services, scope) | {"study": study_instance_uid}
    mine = f"(s.claimed_by = cast(:me as uuid) or s.state in {listed(ANYBODYS)})"
    where = ["s.study_instance_uid = :study", states(BEFORE[state]), mine]
    if not carry_out(statements, scope, Change(state, where, f"state = '{state}'"), parameters):
        found = "select s.state from studies s where s.study_instance_uid = :study"
        known = scoped(statements, scope, found, parameters)
        if not known:
            raise NotFound("no such study")
        raise Conflict(f"a study that is {known[0]['state']} does not become {state} by you", field="state")


def carry_out(statements: Statements, scope: Scope, change: Change, parameters: Mapping[str, Any]) -> Rows:
    """Change the studies that may be changed, in one statement; the codes of each, and its states before and after."""
    values = {**parameters, "deed": change.deed, "subject": change.subject, "member": scope.member_id}
    where = " and ".join([*scope_conditions(scope, values), *change.where])
    skipping = " skip locked" if change.limit else ""
    statement = (
        "with held as (select s.organization_id, s.study_instance_uid, s.state from studies s"  # noqa: S608 - our own words
        f" where {where} order by {change.order}{change.limit} for update of s{skipping}),"
        f" changed as (update studies s set {change.to} from held h"
        " where (s.organization_id, s.study_instance_uid) = (h.organization_id, h.study_instance_uid)"
        " returning s.organization_id, s.study_instance_uid, s.code, h.state as before, s.state),"
        " noted as (insert into study_history (organization_id, study_instance_uid, at, member_id, deed, state_before,"
        " state_after, subject) select organization_id, study_instance_uid, :now, :member, :deed, before, state,"
        " :subject from changed)"
        " select code, study_instance_uid, before, state from changed order by study_instance_uid"
    )
    asked = set(NAMED.findall(statement))
    return statements.fetch(text(statement), {name: value for name, value in values.items() if name in asked})


def scoped(statements: Statements, scope: Scope, begun: str, parameters: Mapping[str, Any], ended: str = "") -> Rows:
    """Run a statement over `studies s` whose where clause has begun, for what the scope covers."""
    values = dict(parameters)
    statement = f"{begun} and {' and '.join(scope_conditions(scope, values))}{ended}"
    asked = set(NAMED.findall(statement))
    return statements.fetch(text(statement), {name: value for name, value in values.items() if name in asked})


def refusal(services: Services, scope: Scope, code: str, why: str) -> Conflict | NotFound:
    """Why nothing was changed: the scope covers no such study, or its state forbids it."""
    begun = "select s.state from studies s where s.code = :code"
    rows = scoped(services.database, scope, begun, {"code": code_of(code)})
    if not rows:
        return NotFound("no such study", field="code")
    return Conflict(f"the study is {rows[0]['state']}: {why}", field="state")


def parameters_of(services: Services, scope: Scope, *, reader: bool = False) -> dict[str, Any]:
    """Who does it, and when. Raises NotFound for the token of a program where a reader is needed."""
    if reader and not scope.member_id:
        raise NotFound("this token is no member's")
    return {"now": services.clock.now(), "me": scope.member_id or None}


def listed(states: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{each}'" for each in states) + ")"


def states(wanted: Sequence[str]) -> str:
    return f"s.state in {listed(wanted)}"


def seen_by_reader(services: Services, scope: Scope, member_id: str, parameters: dict[str, Any]) -> list[str]:
    """What a study must meet so that this reader sees it. Raises NotFound when the organization has no such reader."""
    reader = find_by_id(services.database, require_uuid(member_id, "member_id"))
    seen = reader.scope_in(scope.organization_id) if reader and not reader.importer else None
    if reader is None or seen is None or seen.role not in READERS or reader.disabled_at is not None:
        raise NotFound("there is no such reader", field="member_id")
    if seen.branches is None:
        return []
    parameters["reader_branches"] = list(seen.branches)
    return ["s.branch_id = any(cast(:reader_branches as uuid[]))"]


def require_pool(services: Services, scope: Scope, pool_id: str) -> None:
    found = services.database.fetch(
        text(
            "select 1 as found from reader_pools where id = cast(:id as uuid)"
            " and organization_id = cast(:organization_id as uuid)"
        ),
        {"id": require_uuid(pool_id, "pool_id"), "organization_id": scope.organization_id},
    )
    if not found:
        raise NotFound("there is no such pool", field="pool_id")
