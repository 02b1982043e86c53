"""What studies and other things are called in requests: codes of eight characters, UUIDs, names that people choose."""

import re

from pacs.errors import BadRequest

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LONGEST_NAME = 100


def code_of(given: str) -> str:
    """A code as it is kept. What is no code is no study's, either."""
    return given.strip().upper()


def require_uuid(given: str, field: str) -> str:
    """Raises BadRequest, naming the field."""
    if not UUID.fullmatch(given):
        raise BadRequest(f"{field} is not a UUID", field=field)
    return given.lower()


def require_name(given: str, field: str = "name") -> str:
    """A name that people choose. Raises BadRequest, naming the field."""
    name = " ".join(given.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadRequest(f"{field} has 1 to {LONGEST_NAME} characters", field=field)
    return name
