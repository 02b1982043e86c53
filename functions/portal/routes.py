"""Sign-in, and who am I."""

from typing import Annotated, Any

from fastapi import APIRouter, Form

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.people.accounts import sign_in

router = APIRouter()


@router.post("/auth/token")
async def create_token(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, Any]:
    """The OAuth2 password form (RFC 6749 §4.3): e-mail and password for a session's Bearer token."""
    ttl_s = services().settings.session_ttl_s
    scope = sign_in(services().database, username, password, services().clock.now())
    return {
        "access_token": services().tokens.sign(scope, "session", ttl_s=ttl_s),
        "token_type": "bearer",
        "expires_in": ttl_s,
    }


@router.get("/auth/me")
async def read_me(scope: CurrentScope) -> dict[str, Any]:
    """Who the token is of, and what it may see."""
    return {
        "member_id": scope.member_id,
        "organization_id": scope.organization_id,
        "role": scope.role,
        "branches": scope.branches,
        "studies": scope.studies,
        "privacy": scope.privacy,
    }
