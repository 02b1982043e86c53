"""Whom an OpenID provider vouches for: where a browser is sent, and who has come back. Called by functions/pages.

Authorization code with PKCE, state and nonce; a secret only where the provider wants one. What must be remembered in
between lies sealed in a cookie of the browser.

Source: OpenID Connect Core 1.0 §3.1, Discovery 1.0 §4; RFC 7636; RFC 9207; RFC 9700
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pacs.errors import NotConfigured, ProviderRefused
from pacs.people.provider import Provider
from pacs.people.sealing import seal, unseal
from pacs.ports import Services
from pacs.settings import Settings

CALLBACK = "/auth/oidc/callback"
TICKET_LIFE_S = 600
LEEWAY_S = 60  # for clocks that differ
PURPOSE = "the way to the provider"
# Methods that say a second factor was used. Source: RFC 8176 §2
STRONG = {"mfa", "otp", "hwk", "swk", "sc", "sms"}

providers: dict[str, Provider] = {}


@dataclass(frozen=True)
class Ticket:
    """What a browser carries to the provider and back, sealed."""

    state: str
    nonce: str
    verifier: str
    door: str
    next: str
    until: float


@dataclass(frozen=True)
class Vouched:
    """Somebody for whom the provider vouches. `subject` is the provider's name for it, and never changes."""

    subject: str
    email: str
    name: str
    groups: tuple[str, ...]
    strong: bool


def doors(settings: Settings) -> tuple[str, ...]:
    """The doors that offer the provider."""
    return tuple(each.strip() for each in settings.oidc_doors.split(",")) if settings.oidc_issuer else ()


def begin(services: Services, door: str, next: str) -> tuple[str, str]:
    """Where to send a browser that knocks at a door, and the ticket that it keeps.

    Raises Unavailable, NotConfigured.
    """
    settings = services.settings
    if door not in doors(settings):
        raise NotConfigured("this door has no provider", field="door")
    until = services.clock.now().timestamp() + TICKET_LIFE_S
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    ticket = Ticket(state, nonce, verifier, door, next, until)
    challenge = urlsafe_b64encode(hashlib.sha256(ticket.verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": settings.origin + CALLBACK,
        "scope": settings.oidc_scope,
        "state": ticket.state,
        "nonce": ticket.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = provider_of(settings).endpoint("authorization_endpoint")
    mark = "&" if "?" in address else "?"
    return f"{address}{mark}{urlencode(query)}", seal(services.secrets.sealing_keys(), told(ticket), PURPOSE)


def open_ticket(services: Services, sealed: str) -> Ticket:
    """The ticket that a browser brings back. Raises ProviderRefused when it has none, or has been away too long."""
    try:
        ticket = Ticket(**json.loads(unseal(services.secrets.sealing_keys(), sealed, PURPOSE)))
    except NotConfigured as error:
        raise ProviderRefused("this browser did not come from a door of ours") from error
    if ticket.until <= services.clock.now().timestamp():
        raise ProviderRefused("signing in took too long: begin again")
    return ticket


def finish(services: Services, ticket: Ticket, query: Mapping[str, str]) -> Vouched:
    """Who has come back with these parameters. Raises ProviderRefused, Unavailable."""
    settings = services.settings
    if not hmac.compare_digest(query.get("state", "").encode(), ticket.state.encode()):
        raise ProviderRefused("this is not the answer to what was asked")
    if query.get("iss", settings.oidc_issuer) != settings.oidc_issuer:
        raise ProviderRefused("another provider has answered")
    if "code" not in query:
        raise ProviderRefused("the provider did not let anybody in")
    provider = provider_of(settings)
    form = {
        "grant_type": "authorization_code",
        "code": query["code"],
        "redirect_uri": settings.origin + CALLBACK,
        "code_verifier": ticket.verifier,
    }
    answer = provider.exchange(form, settings.oidc_client_id, settings.oidc_client_secret)
    claims = provider.verified(str(answer.get("id_token", "")), settings.oidc_client_id)
    require_fresh(claims, ticket, settings.oidc_client_id, services.clock.now())
    return vouched(claims, settings)


def require_fresh(claims: Mapping[str, Any], ticket: Ticket, client_id: str, now: datetime) -> None:
    """Whether a token is about this very visit, and still good. Raises ProviderRefused.

    Source: OpenID Connect Core 1.0 §3.1.3.7
    """
    moment = now.timestamp()
    good = isinstance(claims["exp"], int | float) and moment - LEEWAY_S < claims["exp"]
    good = good and isinstance(claims["iat"], int | float) and claims["iat"] <= moment + LEEWAY_S
    good = good and hmac.compare_digest(str(claims.get("nonce", "")).encode(), ticket.nonce.encode())
    if not good or claims.get("azp", client_id) != client_id:
        raise ProviderRefused("the provider's word is not about this visit, or not good any more")


def vouched(claims: Mapping[str, Any], settings: Settings) -> Vouched:
    """Who the claims speak of; without an e-mail unless the provider has verified it."""
    believed = settings.oidc_trust_email or claims.get("email_verified") in (True, "true")
    groups = claims.get(settings.oidc_groups_claim) or []
    methods = claims.get("amr") or []
    return Vouched(
        subject=f"{claims['iss']} {claims['sub']}",
        email=str(claims.get("email") or "").strip().lower() if believed else "",
        name=str(claims.get("name") or "")[:200],
        groups=tuple(str(each) for each in ([groups] if isinstance(groups, str) else groups)),
        strong=bool(STRONG & {str(each) for each in methods}),
    )


def provider_of(settings: Settings) -> Provider:
    """The provider of the settings; what it has published is remembered by this process."""
    issuer = settings.oidc_issuer
    if not issuer or not settings.oidc_client_id:
        raise NotConfigured("no provider is configured", field="PACS_OIDC_ISSUER")
    return providers.setdefault(issuer, Provider(issuer))


def told(ticket: Ticket) -> str:
    return json.dumps(asdict(ticket))
