"""The Lambda authorizer in front of every route that is not public."""

from typing import Any

from pacs.entry.authorizer import authorize
from pacs.errors import Unauthenticated


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let a call pass with its scope. API Gateway answers 401 exactly when the raised text is "Unauthorized"."""
    try:
        return authorize(event)
    except Unauthenticated as error:
        raise RuntimeError("Unauthorized") from error
