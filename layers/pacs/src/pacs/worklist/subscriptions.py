"""Who is told of what happens to workitems, and what there is to tell. Called by functions/workitems.

The standard sends event reports over a WebSocket; here a subscriber asks for those after the last one it has seen.
Numbers grow within an organization and become visible in their order, so nothing is missed by who asks in time.

Source: PS3.18 §11.10 to §11.13, PS3.4 §CC.2.3
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from pacs.errors import BadRequest, Forbidden, NotFound
from pacs.people.scope import Scope
from pacs.ports import Database, Services
from pacs.worklist.payload import Json
from pacs.worklist.scoping import scope_conditions

ALL = "1.2.840.10008.5.1.4.34.5"
FILTERED = "1.2.840.10008.5.1.4.34.5.1"
NO_FILTER = "Filtered Worklist Subscriptions are not supported."
NOT_SUBSCRIBED = "no such subscription"
MOST_EVENTS = 200
KEPT_DAYS = 30
AE_TITLE = re.compile(r"[!-\[\]-~](?:[ !-\[\]-~]{0,14}[!-\[\]-~])?")

# Over `workitems w`: its own subscription counts before that to all, which may have been suspended before it was made.
OWN = "o.organization_id = w.organization_id and o.workitem_uid = w.workitem_uid"
EVERY = (
    f"a.organization_id = w.organization_id and a.workitem_uid = '{ALL}'"
    " and (a.suspended_at is null or w.created_at <= a.suspended_at)"
)
HEARD = (
    f"(exists (select from workitem_subscriptions o where {OWN} and o.active)"  # noqa: S608 - nobody's values
    f" or exists (select from workitem_subscriptions a where {EVERY} and not exists (select from"
    f" workitem_subscriptions o where {OWN} and o.ae_title = a.ae_title and not o.active)))"
)


@dataclass(frozen=True)
class Events:
    """Event reports in their order; `last` is what to ask after next time."""

    last: int
    reports: tuple[Json, ...]


def subscribe(database: Database, scope: Scope, target: str, ae_title: str, *, deletion_lock: bool) -> None:
    """Tell an AE of a workitem from now on, or of all; first of the state of each that it asks for by name or lock.

    Workitems are never deleted, so a lock is always granted. Raises NotFound, Forbidden for filtered worklists.
    Source: PS3.4 §CC.2.3.3, §CC.2.4.3
    """
    values = checked(scope, target, ae_title)
    scoped = dict(values)
    conditions = scope_conditions(scope, scoped)
    if target != ALL:
        conditions.append("w.workitem_uid = :target")
    elif not deletion_lock:
        conditions.append("false")
    with database.transaction() as transaction:
        # Holds the numbers, so that what happens from now on gets later ones.
        since = transaction.fetch(HOLD_NUMBERS, values)[0]["last"]
        reports = transaction.fetch(text(STATE_REPORTS.format(" and ".join(conditions))), scoped | {"since": since})
        if target != ALL and not reports:
            raise NotFound("no such workitem")
        transaction.fetch(ADVANCE, values | {"last": since + len(reports)})
        if target == ALL:
            transaction.fetch(FORGET, values)
        transaction.fetch(SUBSCRIBE, values | {"since": since, "deletion_lock": deletion_lock})


HOLD_NUMBERS = text(
    "insert into workitem_event_numbers (organization_id, last) values (cast(:organization_id as uuid), 0)"
    " on conflict (organization_id) do update set last = workitem_event_numbers.last returning last"
)
ADVANCE = text("update workitem_event_numbers set last = :last where organization_id = cast(:organization_id as uuid)")
STATE_REPORTS = (
    "insert into workitem_events (organization_id, number, workitem_uid, ae_title, dicom)"
    " select w.organization_id, :since + row_number() over (order by w.created_at, w.workitem_uid), w.workitem_uid,"
    " :ae_title, jsonb_build_object('00000002', w.dicom -> '00080016', '00001000', w.dicom -> '00080018',"
    " '00001002', jsonb_build_object('vr', 'US', 'Value', jsonb_build_array(1)),"
    " '00404041', w.dicom -> '00404041', '00741000', w.dicom -> '00741000')"
    " from workitems w where {} returning number"
)
FORGET = text(
    "delete from workitem_subscriptions where organization_id = cast(:organization_id as uuid) and ae_title = :ae_title"
)
SUBSCRIBE = text(
    "insert into workitem_subscriptions (organization_id, ae_title, workitem_uid, deletion_lock, since)"
    " values (cast(:organization_id as uuid), :ae_title, :target, :deletion_lock, :since)"
    " on conflict (organization_id, ae_title, workitem_uid) do update set active = true, suspended_at = null,"
    " deletion_lock = excluded.deletion_lock, since = excluded.since"
)


def unsubscribe(database: Database, scope: Scope, target: str, ae_title: str) -> None:
    """Tell an AE no more of a workitem, or of any. Raises NotFound when it was not told. Source: PS3.18 §11.11"""
    values = checked(scope, target, ae_title)
    if target == ALL:
        statement = text(f"{FORGET.text} returning workitem_uid")
    else:
        conditions = [*scope_conditions(scope, values), "w.workitem_uid = :target"]
        statement = text(UNSUBSCRIBE.format(" and ".join(conditions)))
    if not database.fetch(statement, values):
        raise NotFound(NOT_SUBSCRIBED)


# A row that is not active keeps the subscription to all from this workitem.
UNSUBSCRIBE = (
    "insert into workitem_subscriptions (organization_id, ae_title, workitem_uid, active, since)"  # noqa: S608
    " select w.organization_id, :ae_title, w.workitem_uid, false, 0 from workitems w where {}"
    f" and coalesce((select o.active from workitem_subscriptions o where {OWN} and o.ae_title = :ae_title),"
    f" (select true from workitem_subscriptions a where {EVERY} and a.ae_title = :ae_title), false)"
    " on conflict (organization_id, ae_title, workitem_uid) do update set active = false returning workitem_uid"
)


def suspend(database: Database, scope: Scope, target: str, ae_title: str) -> None:
    """Tell an AE of no new workitem, but of those that are there on. Raises NotFound. Source: PS3.18 §11.12"""
    values = checked(scope, target, ae_title)
    if target != ALL or not database.fetch(SUSPEND, values):  # one to a single workitem has nothing new to leave out
        raise NotFound(NOT_SUBSCRIBED)


SUSPEND = text(
    "update workitem_subscriptions set suspended_at = coalesce(suspended_at, now())"
    " where organization_id = cast(:organization_id as uuid) and ae_title = :ae_title and workitem_uid = :target"
    " returning workitem_uid"
)


def events_after(database: Database, scope: Scope, ae_title: str, after: int) -> Events:
    """What a subscriber has not seen yet of what this scope may see, at most MOST_EVENTS of them.

    Raises NotFound when nobody has subscribed by this AE title.
    """
    values: dict[str, Any] = {"ae_title": checked_title(ae_title), "after": after, "limit": MOST_EVENTS}
    conditions = scope_conditions(scope, values)
    known = text(
        "select workitem_uid from workitem_subscriptions where ae_title = :ae_title"
        " and organization_id = cast(:organization_id as uuid) limit 1"
    )
    names = {name: values[name] for name in ("organization_id", "ae_title")}
    if not database.fetch(known, names):
        raise NotFound(NOT_SUBSCRIBED)
    rows = database.fetch(text(EVENTS.format(" and ".join(conditions))), values)
    return Events(rows[-1]["number"] if rows else after, tuple(row["dicom"] for row in rows))


EVENTS = (
    "select e.number, e.dicom from workitem_events e join workitems w using (organization_id, workitem_uid)"  # noqa: S608
    f" left join workitem_subscriptions o on {OWN} and o.ae_title = :ae_title"
    f" left join workitem_subscriptions a on {EVERY} and a.ae_title = :ae_title"
    " where {} and e.number > :after and e.number > least(o.since, a.since)"
    " and coalesce(o.active, a.ae_title is not null) and coalesce(e.ae_title, :ae_title) = :ae_title"
    " order by e.number limit :limit"
)


def prune_events(services: Services) -> dict[str, int]:
    """Delete the event reports that are older than KEPT_DAYS; returns how many. Runs every night."""
    before = services.clock.now() - timedelta(days=KEPT_DAYS)
    return {"events": services.database.fetch(PRUNE, {"before": before})[0]["count"]}


PRUNE = text(
    "with old as (delete from workitem_events where created_at < :before returning number)"
    " select count(*) as count from old"
)


def checked(scope: Scope, target: str, ae_title: str) -> dict[str, Any]:
    """The parameters of a subscription. Raises Forbidden, BadRequest."""
    if target == FILTERED:
        raise Forbidden(NO_FILTER)
    return {"organization_id": scope.organization_id, "ae_title": checked_title(ae_title), "target": target}


def checked_title(ae_title: str) -> str:
    """An AE title without spaces around it. Raises BadRequest. Source: PS3.5 §6.2"""
    title = ae_title.strip()
    if not AE_TITLE.fullmatch(title):
        raise BadRequest("an AE title has 1 to 16 characters of ASCII and no backslash", field="ae")
    return title
