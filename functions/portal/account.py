"""One's own account: who am I, where am I signed in, my password, my second factor."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.errors import NotFound
from pacs.people import second_factor
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, describe_organizations, find_by_id
from pacs.people.recovery import change_password, require_password, reset_password, send_reset_link
from pacs.people.sessions import list_sessions, revoke_session, revoke_sessions

router = APIRouter(prefix="/auth")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PasswordChange(Body):
    current: str = Field(max_length=512)
    password: str = Field(max_length=512)


class Code(Body):
    code: str = Field(max_length=16)


class Password(Body):
    password: str = Field(max_length=512)


class Email(Body):
    email: str = Field(max_length=512)


class Reset(Body):
    token: str = Field(max_length=512)
    password: str = Field(max_length=512)


async def current_member(scope: CurrentScope) -> Member:
    """The member whose token it is. Raises NotFound for the token of a program, which has no account."""
    member = find_by_id(services().database, scope.member_id) if scope.member_id else None
    if member is None:
        raise NotFound("this token is no member's")
    return member


CurrentMember = Annotated[Member, Depends(current_member)]


@router.get("/me")
async def read_me(scope: CurrentScope) -> dict[str, Any]:
    """Who the token is of, and what it may see. A link tells nothing of who made it."""
    member = find_by_id(services().database, scope.member_id) if scope.session_id and scope.role != "launch" else None
    return {
        "member_id": scope.member_id,
        "email": member.email if member else "",
        "name": member.name if member else "",
        "organization_id": scope.organization_id,
        "role": scope.role,
        "manager": scope.manager,
        "branches": scope.branches,
        "studies": scope.studies,
        "privacy": scope.privacy,
        "second_factor": bool(member and member.totp_since),
        "organizations": describe_organizations(services().database, member) if member else [],
    }


@router.get("/sessions")
async def read_sessions(scope: CurrentScope, member: CurrentMember) -> list[dict[str, Any]]:
    """Where the member is signed in."""
    found = list_sessions(services().database, member.id, services().clock.now())
    return [{**each, "current": each["id"] == scope.session_id} for each in found]


@router.delete("/sessions")
async def delete_sessions(request: Request, scope: CurrentScope, member: CurrentMember) -> dict[str, int]:
    """Sign out everywhere, here too."""
    ended = revoke_sessions(services().database, member.id, services().clock.now())
    record(services().database, scope, Deed("sign-out", subject="everywhere"), source_ip=client_address(request))
    return {"ended": ended}


@router.delete("/sessions/{session}", status_code=204)
async def delete_session(request: Request, scope: CurrentScope, member: CurrentMember, session: str) -> Response:
    """Sign out in one place."""
    revoke_session(services().database, member.id, session, services().clock.now())
    record(services().database, scope, Deed("sign-out", subject=session), source_ip=client_address(request))
    return Response(status_code=204)


@router.post("/password", status_code=204)
async def replace_password(
    request: Request, scope: CurrentScope, member: CurrentMember, asked: PasswordChange
) -> Response:
    """A new password; every other session ends."""
    change_password(services(), scope, member, asked.current, asked.password, client_address(request))
    return Response(status_code=204)


@router.post("/password/forgotten", status_code=202)
async def forget_password(request: Request, asked: Email) -> Response:
    """Send a link for a new password, if there is such a member. The answer is the same if not."""
    send_reset_link(services(), services().mailer, asked.email, client_address(request))
    return Response(status_code=202)


@router.post("/password/reset", status_code=204)
async def set_password(request: Request, asked: Reset) -> Response:
    """A new password by the token of a link, which is good once and for an hour; every session ends."""
    reset_password(services(), asked.token, asked.password, client_address(request))
    return Response(status_code=204)


@router.post("/totp")
async def create_second_factor(member: CurrentMember, response: Response) -> dict[str, str]:
    """A secret for an app that makes codes. It counts once a code has confirmed it."""
    response.headers["Cache-Control"] = "no-store"
    return second_factor.begin(services(), member)


@router.post("/totp/confirm", status_code=204)
async def confirm_second_factor(request: Request, scope: CurrentScope, member: CurrentMember, asked: Code) -> Response:
    """From now on a code is needed to sign in."""
    second_factor.confirm(services(), member, asked.code, client_address(request))
    deed = Deed("change-account", subject="second factor set up")
    record(services().database, scope, deed, source_ip=client_address(request))
    return Response(status_code=204)


@router.post("/totp/remove", status_code=204)
async def delete_second_factor(
    request: Request, scope: CurrentScope, member: CurrentMember, asked: Password
) -> Response:
    """Without a second factor from now on."""
    require_password(services(), member, asked.password, client_address(request))
    second_factor.remove(services().database, member)
    deed = Deed("change-account", subject="second factor removed")
    record(services().database, scope, deed, source_ip=client_address(request))
    return Response(status_code=204)
