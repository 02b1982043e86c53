"""Links for people from outside: who made one, what it opens, until when, how often, and with which PIN.

Of a link only its hash is kept. Every statement that lets somebody in is one conditional update, so that many tries at
once count as many. Called by functions/shares, and asked about tokens that were issued by entry.
"""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal

from sqlalchemy import text

from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest, NotFound, TokenExpired, TooManyRequests, Unauthenticated
from pacs.people.passwords import HASHER, matches
from pacs.people.scope import Scope
from pacs.people.tokens import Tokens
from pacs.ports import Database, Statements
from pacs.settings import Settings

State = Literal["open", "early", "expired", "used", "revoked", "locked"]
MAX_STUDIES = 16
LONGEST = timedelta(days=366)
DEFAULT = timedelta(days=7)
PIN_CHARACTERS = range(4, 33)
# Wrong PINs that cost nothing; the next ones 2, 4, 8, … seconds. So many lock the link until its maker extends it.
FREE_FAILURES, LOCKING_FAILURES = 2, 10

COLUMNS = (
    "cast(s.id as text) as id, cast(s.organization_id as text) as organization_id,"
    " coalesce(cast(s.member_id as text), '') as member_id, s.studies,"
    " coalesce(cast(s.report_id as text), '') as report_id, s.note, s.privacy, s.may_download, s.not_before,"
    " s.expires_at, s.maximum_views, s.views, s.pin_hash, s.pin_failures, s.created_at, s.revoked_at"
)
ADD = text(
    "insert into external_study_shares (id, organization_id, member_id, token_hash, studies, report_id, note, privacy,"
    " may_download, not_before, expires_at, maximum_views, pin_hash, created_at) values (cast(:id as uuid),"
    " cast(:organization_id as uuid), cast(nullif(:member_id, '') as uuid), :token_hash, to_jsonb(cast(:studies as"
    " text[])), cast(nullif(:report, '') as uuid), :note, :privacy, :may_download, :not_before, :expires_at,"
    " :maximum_views, :pin_hash, :now)"
)
# Everybody's own; an administrator's and a program's are all of the organization.
OWN = "s.organization_id = cast(:organization_id as uuid) and (:all or cast(s.member_id as text) = :member_id)"
LIST = text(f"select {COLUMNS} from external_study_shares s where {OWN} order by s.created_at desc, s.id limit 500")  # noqa: S608
BY_ID = text(f"select {COLUMNS} from external_study_shares s where s.id = cast(:id as uuid)")  # noqa: S608
BY_TOKEN = text(f"select {COLUMNS} from external_study_shares s where s.token_hash = :token_hash")  # noqa: S608
ALIVE = text(
    "select s.id from external_study_shares s where s.id = cast(:id as uuid) and s.revoked_at is null"
    " and s.expires_at > :now and not exists (select from organization_members m where m.id = s.member_id"
    " and m.disabled_at is not null)"
)
EXTEND = text(
    "update external_study_shares s set expires_at = :expires_at, pin_failures = 0, pin_blocked_until = null,"  # noqa: S608
    " maximum_views = :maximum_views"
    f" where cast(s.id as text) = :id and s.revoked_at is null and {OWN} returning cast(s.id as text) as id"
)
REVOKE = text(
    "update external_study_shares s set revoked_at = coalesce(s.revoked_at, :now)"  # noqa: S608
    f" where cast(s.id as text) = :id and {OWN} returning cast(s.id as text) as id"
)
DELAY_S = f"case when pin_failures < {FREE_FAILURES} then 0 else power(2, pin_failures - {FREE_FAILURES} + 1) end"
TRY_PIN = text(
    "update external_study_shares set pin_failures = pin_failures + 1,"  # noqa: S608 - our numbers
    f" pin_blocked_until = :now + make_interval(secs => {DELAY_S})"
    f" where id = cast(:id as uuid) and pin_failures < {LOCKING_FAILURES}"
    " and (pin_blocked_until is null or pin_blocked_until <= :now) returning pin_failures"
)
BLOCKED = text("select pin_blocked_until from external_study_shares where id = cast(:id as uuid)")
COUNT_VIEW = text(
    "update external_study_shares set views = views + 1, pin_failures = 0, pin_blocked_until = null"
    " where id = cast(:id as uuid) and revoked_at is null and not_before <= :now and expires_at > :now"
    " and (maximum_views is null or views < maximum_views) returning views"
)


@dataclass(frozen=True)
class NewShare:
    """What is asked of a link. A moment of None: now, and a week later. With a `report` it shows that alone."""

    studies: Sequence[str]
    expires_at: datetime | None = None
    not_before: datetime | None = None
    maximum_views: int | None = None
    pin: str = ""
    may_download: bool = False
    privacy: bool = True
    note: str = ""
    report: str = ""


@dataclass(frozen=True)
class Share:
    """A link as it is kept."""

    id: str
    organization_id: str
    member_id: str
    studies: tuple[str, ...]
    report_id: str
    note: str
    privacy: bool
    may_download: bool
    not_before: datetime
    expires_at: datetime
    maximum_views: int | None
    views: int
    pin_hash: str | None
    pin_failures: int
    created_at: datetime
    revoked_at: datetime | None

    def state(self, now: datetime) -> State:
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        if now < self.not_before:
            return "early"
        if self.maximum_views is not None and self.views >= self.maximum_views:
            return "used"
        return "locked" if self.pin_failures >= LOCKING_FAILURES else "open"


def create_share(statements: Statements, scope: Scope, new: NewShare, now: datetime) -> tuple[str, str]:
    """Keep a link; returns its identifier and the secret that the link says, which is kept nowhere.

    That the maker may see the studies is the caller's to check. Raises BadRequest, naming the field.
    """
    check_studies(new.studies)
    begins = new.not_before or now
    ends = new.expires_at or max(begins, now) + DEFAULT
    check_times(begins, ends, now)
    check_views(new.maximum_views)
    if new.pin and len(new.pin) not in PIN_CHARACTERS:
        raise BadRequest(f"a PIN has {PIN_CHARACTERS[0]} to {PIN_CHARACTERS[-1]} characters", field="pin")
    if len(new.note) > 200:
        raise BadRequest("the note is longer than 200 characters", field="note")
    made, secret = str(uuid.uuid4()), secrets.token_urlsafe(24)
    values = {
        "id": made,
        "organization_id": scope.organization_id,
        "member_id": scope.member_id,
        "token_hash": token_hash(secret),
        "studies": list(dict.fromkeys(new.studies)),
        "report": new.report,
        "note": new.note,
        "privacy": new.privacy or scope.privacy,
        "may_download": new.may_download,
        "not_before": begins,
        "expires_at": ends,
        "maximum_views": new.maximum_views,
        "pin_hash": HASHER.hash(new.pin) if new.pin else None,
        "now": now,
    }
    statements.fetch(ADD, values)
    return made, secret


def list_shares(statements: Statements, scope: Scope) -> list[Share]:
    """The links of a member, newest first; an administrator's are all of the organization."""
    return [share_of(row) for row in statements.fetch(LIST, owner(scope))]


def extend_share(
    statements: Statements, scope: Scope, id: str, expires_at: datetime, maximum_views: int | None, now: datetime
) -> None:
    """Let a link end at another time and after so many views in all, and unlock it. Raises NotFound, BadRequest."""
    check_times(now, expires_at, now)
    check_views(maximum_views)
    values = {**owner(scope), "id": id, "expires_at": expires_at, "maximum_views": maximum_views}
    if not statements.fetch(EXTEND, values):
        raise NotFound("no such share, or it was revoked", field="share")


def revoke_share(statements: Statements, scope: Scope, id: str, now: datetime) -> None:
    """End a link for good, and within seconds what was opened by it. Safe to repeat. Raises NotFound."""
    if not statements.fetch(REVOKE, {**owner(scope), "id": id, "now": now}):
        raise NotFound("no such share", field="share")


def find_share(statements: Statements, secret: str) -> Share:
    """The link that says this. Raises NotFound."""
    rows = statements.fetch(BY_TOKEN, {"token_hash": token_hash(secret)})
    if not rows:
        raise NotFound("no such share")
    return share_of(rows[0])


def opened_share(statements: Statements, id: str, now: datetime) -> Share:
    """The link by which somebody was let in, as long as it goes on. Raises TokenExpired."""
    if not is_alive(statements, id, now):
        raise TokenExpired("this share is over")
    return share_of(statements.fetch(BY_ID, {"id": id})[0])


def enter_share(database: Database, share: Share, pin: str, now: datetime) -> None:
    """Count a view of a link by somebody who knows its PIN.

    Raises Unauthenticated for a wrong PIN and a link that is not open, TooManyRequests for too many of these.
    """
    if share.state(now) != "open":
        raise Unauthenticated("the share is not open")
    if share.pin_hash is not None:
        if not database.fetch(TRY_PIN, {"id": share.id, "now": now}):
            until = database.fetch(BLOCKED, {"id": share.id})[0]["pin_blocked_until"] or now
            wait_s = max(1, ceil((until - now).total_seconds()))
            raise TooManyRequests("too many wrong PINs: wait a little", retry_after_s=wait_s)
        if not matches(share.pin_hash, pin):
            raise Unauthenticated("the PIN is wrong")
    if not database.fetch(COUNT_VIEW, {"id": share.id, "now": now}):
        raise Unauthenticated("the share is not open")


def share_launch(settings: Settings, tokens: Tokens, share: Share, studies: Sequence[str], now: datetime) -> str:
    """Where the viewer opens for somebody who was let in; `studies`: as the link calls them. That of a report is a page
    of ours, whose token opens nothing else.
    """
    ttl_s = min(settings.launch_ttl_s, ceil((share.expires_at - now).total_seconds()))
    bearer = Scope(
        share.organization_id,
        "share-download" if share.may_download else "share",
        studies=tuple(studies),
        privacy=share.privacy,
        session_id=share.id,
    )
    if share.report_id:
        return f"{settings.origin}/share/report?token={tokens.sign(bearer, 'share', ttl_s=ttl_s)}"
    return f"{settings.origin}/ohif?token={tokens.sign(bearer, 'launch', ttl_s=ttl_s)}"


def is_alive(statements: Statements, id: str, now: datetime) -> bool:
    """Whether what was opened by a link may go on: it was not revoked, its time is not over, its maker is a member."""
    return bool(statements.fetch(ALIVE, {"id": id, "now": now}))


def check_studies(studies: Sequence[str]) -> None:
    if not 0 < len(studies) <= MAX_STUDIES or not all(is_uid(each) for each in studies):
        raise BadRequest(f"studies must be 1 to {MAX_STUDIES} Study Instance UIDs", field="studies")


def check_times(begins: datetime, ends: datetime, now: datetime) -> None:
    if begins.tzinfo is None or ends.tzinfo is None:
        raise BadRequest("a moment has an offset from UTC", field="expires_at")
    if not begins < ends or not now < ends <= now + LONGEST:
        raise BadRequest(f"a share ends after it begins, and within {LONGEST.days} days", field="expires_at")


def check_views(maximum_views: int | None) -> None:
    if maximum_views is not None and not 0 < maximum_views <= 1_000_000:
        raise BadRequest("maximum_views is a number from 1", field="maximum_views")


def owner(scope: Scope) -> dict[str, Any]:
    everything = scope.role in ("admin", "system")
    return {"organization_id": scope.organization_id, "member_id": scope.member_id, "all": everything}


def token_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def share_of(row: Mapping[str, Any]) -> Share:
    return Share(**{**row, "studies": tuple(row["studies"])})
