"""Signed tokens: who made a call, for which organization and studies, until when. Used by entry, launch and the CLI."""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

import jwt

from pacs.errors import TokenExpired, Unauthenticated
from pacs.people.scope import Scope
from pacs.ports import Audience, Clock, SigningKeys

ALGORITHM = "HS256"
REQUIRED = ["aud", "exp", "org", "role"]
REMEMBERED = 256
# No token of somebody who has signed in, or of a link that somebody made, lives longer.
LONGEST_S = 7 * 24 * 3600


class Tokens:
    """Signs and verifies. Every audience has keys of its own, so a launch token is never a session."""

    def __init__(self, secrets: SigningKeys, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock

    def sign(self, scope: Scope, audience: Audience, *, ttl_s: int) -> str:
        """A compact JWT whose claims are the scope; expires after `ttl_s` seconds."""
        key = self._secrets.signing_keys(audience)[0]
        now = self._clock.now()
        claims = {
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=ttl_s)).timestamp()),
            "jti": uuid.uuid4().hex[:16],
            "sub": scope.member_id,
            "org": scope.organization_id,
            "role": scope.role,
            "branches": scope.branches,
            "studies": scope.studies,
            "privacy": scope.privacy,
            "manager": scope.manager,
            "sid": scope.session_id,
        }
        return jwt.encode(claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.kid})

    def verify(self, token: str, *audiences: Audience) -> Scope:
        """The scope a token carries. Raises TokenExpired, or Unauthenticated for anything else."""
        return scope_of_claims(self.claims(token, *audiences))

    def claims(self, token: str, *audiences: Audience) -> Mapping[str, Any]:
        """The verified claims of a token, `exp` and `jti` among them. Raises as `verify`."""
        kid, announced = announcement(token)
        if announced not in audiences:
            raise Unauthenticated("the token is for another door")
        keys = self._secrets.signing_keys(cast(Audience, announced))
        key = next((each for each in keys if each.kid == kid), None)
        if key is None:
            raise Unauthenticated("the token was signed with a key that is not in use")
        claims = signed_claims(token, key.secret, announced)
        # The clock is a port: expiry is judged here and not by the library.
        if float(claims["exp"]) <= self._clock.now().timestamp():
            raise TokenExpired("the token has expired")
        return claims

    def csrf(self, session_id: str) -> str:
        """What a page of ours must say in a header when a cookie speaks for its session."""
        return csrf_token(self._secrets.signing_keys("session")[0].secret, session_id)

    def is_csrf(self, session_id: str, told: str) -> bool:
        """Whether a page of this very session says it; one made with a key that still verifies counts, too."""
        keys = self._secrets.signing_keys("session")
        return any(hmac.compare_digest(csrf_token(each.secret, session_id), told) for each in keys)


@lru_cache(REMEMBERED)
def announcement(token: str) -> tuple[Any, Any]:
    """The key and the audience that a token names, which proves nothing; remembered. Raises Unauthenticated."""
    try:
        told = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise Unauthenticated("the token is not a token of ours") from error
    return told["header"].get("kid"), told["payload"].get("aud")


@lru_cache(REMEMBERED)
def signed_claims(token: str, secret: bytes, audience: str) -> Mapping[str, Any]:
    """What a token says that was signed with this secret for this audience; remembered: it comes with every call.

    Raises Unauthenticated. Whether the token has expired is not looked at.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            options={"require": REQUIRED, "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated("the token does not verify") from error
    return MappingProxyType(claims)


def csrf_token(secret: bytes, session_id: str) -> str:
    return hmac.new(secret, b"csrf " + session_id.encode(), hashlib.sha256).hexdigest()


def scope_of_claims(claims: Mapping[str, Any]) -> Scope:
    """The scope that verified claims name."""
    branches, studies = claims.get("branches"), claims.get("studies")
    return Scope(
        organization_id=claims["org"],
        role=claims["role"],
        branches=None if branches is None else tuple(branches),
        studies=None if studies is None else tuple(studies),
        privacy=bool(claims.get("privacy")),
        member_id=claims.get("sub") or "",
        manager=bool(claims.get("manager")),
        session_id=claims.get("sid") or "",
    )
