"""The Lambda authorizer in front of every route that is not public."""

from typing import Any

from functions.catalogue import FUNCTIONS
from pacs.entry.authorizer import authorize
from pacs.errors import Unauthenticated

ACTIONS = {(route.method, route.path): route.action for function in FUNCTIONS for route in function.routes}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let a call pass with its scope. API Gateway answers 401 exactly when the raised text is "Unauthorized"."""
    action = ACTIONS.get((event["httpMethod"], event["resource"]), "")
    try:
        return authorize(event, action)
    except Unauthenticated as error:
        raise RuntimeError("Unauthorized") from error
