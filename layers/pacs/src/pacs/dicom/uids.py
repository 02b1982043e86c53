"""Is this text a UID? Asked of every dataset that is kept, and of every UID in a URL. And the UID of ourselves.

Source: PS3.5 §9.1
"""

import re

from pacs.errors import MissingUid

LONGEST = 64
# Who wrote a file, or speaks in an association. Source: PS3.7 §D.3.3.2
IMPLEMENTATION_CLASS_UID = "2.25.7745100516778077740613604775905794500"
IMPLEMENTATION_VERSION_NAME = "BULUTPACS"
# Leading zeros in a component are against the standard, but real devices write them.
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """At most 64 characters, digits and dots, no empty component."""
    return len(text) <= LONGEST and _UID.fullmatch(text) is not None


def require_uid(text: str, keyword: str) -> str:
    """The UID itself.

    Raises MissingUid, whose field is the keyword, when it is empty or malformed.
    """
    if not text:
        raise MissingUid(f"{keyword} is missing", field=keyword)
    if not is_uid(text):
        raise MissingUid(f"{keyword} is not a UID", field=keyword)
    return text
