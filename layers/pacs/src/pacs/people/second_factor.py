"""The second factor: codes by time (TOTP), made by an app from a secret that we share with it. Asked by the portal.

Source: RFC 6238.
"""

import pyotp
from sqlalchemy import text

from pacs.errors import BadRequest, Conflict
from pacs.people import limits
from pacs.people.membership import Member
from pacs.people.sealing import seal, unseal
from pacs.ports import Services, Statements

STEP_S = 30
# A code is good one step before and after its own, for clocks that differ.
DRIFT = (0, -1, 1)
ISSUER = "Bulut PACS"

BEGIN = text(
    "update organization_members set totp_secret = :secret where id = cast(:id as uuid) and totp_since is null"
    " returning id"
)
# A code counts once, though many ask at once.
TAKE = text(
    "update organization_members set totp_counter = :counter, totp_since = coalesce(totp_since, :now)"
    " where id = cast(:id as uuid) and totp_counter < :counter returning id"
)
REMOVE = text(
    "update organization_members set totp_secret = null, totp_since = null where id = cast(:id as uuid) returning id"
)


def begin(services: Services, member: Member) -> dict[str, str]:
    """A new secret, which counts from the first code on; the app reads it from `uri`.

    Raises Conflict (there is one), TooManyRequests.
    """
    limits.knock(services.database, f"member {member.id}", services.clock.now())
    secret = pyotp.random_base32()
    sealed = seal(services.secrets.sealing_keys(), secret, purpose(member))
    if not services.database.fetch(BEGIN, {"id": member.id, "secret": sealed}):
        raise Conflict("there is a second factor already: remove it first")
    return {"secret": secret, "uri": pyotp.TOTP(secret).provisioning_uri(name=member.email, issuer_name=ISSUER)}


def take(services: Services, member: Member, code: str) -> bool:
    """Whether a code is the member's, now, and was not taken before. The first one that is makes the factor count."""
    if not member.totp_secret:
        return False
    now = services.clock.now()
    generator = pyotp.TOTP(unseal(services.secrets.sealing_keys(), member.totp_secret, purpose(member)))
    current = int(now.timestamp()) // STEP_S
    for counter in (current + drift for drift in DRIFT):
        if pyotp.utils.strings_equal(code, generator.generate_otp(counter)):
            return bool(services.database.fetch(TAKE, {"id": member.id, "counter": counter, "now": now}))
    return False


def confirm(services: Services, member: Member, code: str, address: str) -> None:
    """Let the factor count from now on. Raises BadRequest for a wrong code, TooManyRequests after several."""
    now = services.clock.now()
    limits.count_attempt(services.database, member.email, address, now)
    if not take(services, member, code):
        raise BadRequest("the code is wrong, or was used already", field="code")
    limits.forgive(services.database, member.email, address, now)


def purpose(member: Member) -> str:
    return f"second factor of {member.id}"


def remove(statements: Statements, member: Member) -> None:
    """Without a second factor from now on."""
    statements.fetch(REMOVE, {"id": member.id})
