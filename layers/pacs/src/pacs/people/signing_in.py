"""Signing in, and staying in: from a password (and a code) to a scope and a session. Called by functions/portal.

Whatever is wrong (e-mail, password, code, door, a disabled member, an importer outside its window), the answer is the
same, after the same work. Source: RFC 6749 §4.3 and §6.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from pacs.errors import BadRequest, SecondFactorNeeded, Unauthenticated
from pacs.people import limits, second_factor
from pacs.people.audit import REFUSED, Deed, record
from pacs.people.membership import Member, find_by_email, find_by_id
from pacs.people.passwords import matches
from pacs.people.scope import MEMBER_ROLES, MemberRole, Scope
from pacs.people.sessions import Session, end_session, open_session, refresh_session
from pacs.ports import Services
from pacs.settings import Settings

Door = Literal["individual", "corporate", "admin", "accounting"]
DOORS: tuple[Door, ...] = get_args(Door)
# Whom each door lets in. Programs, which name none, are let in with every role.
LETS_IN: dict[str, tuple[MemberRole, ...]] = {
    "individual": ("individual",),
    "corporate": ("centre", "technician", "radiologist"),
    "admin": ("admin",),
    "accounting": ("accounting",),
    "": MEMBER_ROLES,
}
WRONG = "wrong e-mail or password"


@dataclass(frozen=True)
class Credentials:
    """What somebody signs in with. `organization` (an identifier) is where a reader of a network wants to work."""

    email: str
    password: str
    door: str = ""
    code: str = ""
    organization: str = ""


@dataclass(frozen=True)
class Caller:
    """Where somebody signs in from."""

    address: str
    user_agent: str = ""


@dataclass(frozen=True)
class SignedIn:
    """A session with its scope; access tokens of it are good for `life_s`, never longer than an importer's window."""

    scope: Scope
    session: Session
    life_s: int


def sign_in(services: Services, credentials: Credentials, caller: Caller) -> SignedIn:
    """Begin a session. Raises Unauthenticated, SecondFactorNeeded, TooManyRequests; BadRequest for an unknown door."""
    if credentials.door not in LETS_IN:
        raise BadRequest(f"the door is none of {', '.join(DOORS)}", field="door")
    database, now = services.database, services.clock.now()
    limits.knock(database, limits.address_subject(caller.address), now)
    limits.count_attempt(database, credentials.email, caller.address, now)
    member = find_by_email(database, credentials.email)
    try:
        member, scope = admitted(services, member, credentials)
    except SecondFactorNeeded:
        raise
    except Unauthenticated:
        record_refusal(services, member, credentials, caller)
        raise
    limits.forgive(database, credentials.email, caller.address, now)
    return begun(services, member, scope, caller, credentials.door)


def begun(services: Services, member: Member, scope: Scope, caller: Caller, subject: str) -> SignedIn:
    """A new session of somebody who has been let in."""
    session = open_session(
        services.database,
        member.id,
        scope.organization_id,
        now=services.clock.now(),
        ttl_s=services.settings.refresh_ttl_s,
        source_ip=caller.address,
        user_agent=caller.user_agent,
    )
    record(services.database, scope, Deed("sign-in", subject=subject), source_ip=caller.address)
    return signed_in(services, member, scope, session)


def admitted(services: Services, member: Member | None, credentials: Credentials) -> tuple[Member, Scope]:
    """The member that is let in, and where. Raises Unauthenticated, SecondFactorNeeded."""
    right = matches(member.password_hash if member else None, credentials.password)
    scope = welcome(services, member, credentials) if member and right else None
    if member is None or scope is None:
        raise Unauthenticated(WRONG)
    require_code(services, member, credentials.code)
    return member, scope


def record_refusal(services: Services, member: Member | None, credentials: Credentials, caller: Caller) -> None:
    """Of an account that does not exist only a hash is kept: people type passwords into the wrong field."""
    if member:
        who, subject = Scope(member.organization_id, member.role, member_id=member.id), credentials.door
    else:
        who, subject = Scope("", "system"), limits.account_subject(credentials.email)
    deed = Deed("sign-in", subject=subject, outcome=REFUSED)
    record(services.database, who, deed, source_ip=caller.address)


def sign_out(services: Services, token: str, caller: Caller) -> None:
    """End the session of a refresh token. Safe to repeat."""
    ended = end_session(services.database, token, services.clock.now())
    member = find_by_id(services.database, ended["member_id"]) if ended else None
    if ended and member:
        scope = Scope(ended["organization_id"], member.role, member_id=member.id)
        record(services.database, scope, Deed("sign-out"), source_ip=caller.address)


def require_code(services: Services, member: Member, code: str) -> None:
    """Who has a second factor gives a code. Raises SecondFactorNeeded without one, Unauthenticated for a wrong one."""
    if member.totp_since is None:
        return
    if not code:
        raise SecondFactorNeeded("a code of your second factor is needed", field="code")
    if not second_factor.take(services, member, code):
        raise Unauthenticated(WRONG)


def welcome(services: Services, member: Member, credentials: Credentials) -> Scope | None:
    """The scope in which a member whose password was right comes in; None when it may not."""
    if member.role not in LETS_IN[credentials.door] or not member.is_let_in(services.clock.now()):
        return None
    return scope_of(services.settings, member, credentials.organization or member.organization_id)


def scope_of(settings: Settings, member: Member, organization_id: str) -> Scope | None:
    """A member's scope in an organization; an administrator who owes a second factor may do nothing else before."""
    scope = member.scope_in(organization_id)
    if scope and settings.admin_totp_required and member.role == "admin" and member.totp_since is None:
        return replace(scope, role="enrolling", manager=False)
    return scope


def refresh(services: Services, token: str, caller: Caller) -> SignedIn:
    """Go on with a session, with the rights that its member has by now. Raises Unauthenticated, TooManyRequests."""
    database, now = services.database, services.clock.now()
    limits.knock(database, limits.address_subject(caller.address), now)
    session = refresh_session(database, token, now=now, ttl_s=services.settings.refresh_ttl_s)
    member = find_by_id(database, session.member_id)
    scope = scope_of(services.settings, member, session.organization_id) if member and member.is_let_in(now) else None
    if member is None or scope is None:
        raise Unauthenticated("the session has ended: sign in again")
    return signed_in(services, member, scope, session)


def signed_in(services: Services, member: Member, scope: Scope, session: Session) -> SignedIn:
    life_s = services.settings.session_ttl_s
    if member.importer_until:
        life_s = min(life_s, int((member.importer_until - services.clock.now()).total_seconds()))
    return SignedIn(replace(scope, session_id=session.id), session, life_s)
