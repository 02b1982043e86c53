"""How passwords are kept: as Argon2id hashes. Asked by sign-in and by whoever makes or changes a member.

Source: RFC 9106; OWASP Password Storage Cheat Sheet.
"""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pacs.errors import BadRequest

# 19 MiB, two passes, one lane: OWASP's figure for Argon2id, 120 ms where the library's default takes 1.4 s.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified when there is no such member, so that the answer takes as long as for a wrong password. Of random bytes that
# nobody kept; not made at each start, which would wait for it.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$CFgkW2fk4kvMhkgacCV6/w$OcCO3gRX3JbN0GEmQyBfPO7R4rWDVI7cemWrMankRO0"
SHORTEST, LONGEST = 12, 256


def generated() -> str:
    """A password that nobody guesses, to be shown once."""
    return secrets.token_urlsafe(12)


def hashed(password: str) -> str:
    """The hash that is kept. Raises BadRequest for a password that is too short or absurdly long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadRequest(f"a password has {SHORTEST} to {LONGEST} characters", field="password")
    return HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the hashed one; takes as long, and is false, when there is no hash."""
    try:
        HASHER.verify(password_hash or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
