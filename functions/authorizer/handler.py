"""The Lambda authorizer in front of every route that is not public."""

from functools import cache
from typing import Any
from urllib.parse import unquote

from functions.catalogue import FUNCTIONS, function
from functions.resources import laid_out
from functions.routing import Match, Routes
from pacs.entry.authorizer import authorize
from pacs.errors import Unauthenticated

# The function behind each of API Gateway's resources; the gateway of one machine names routes themselves.
BEHIND = {(each.method, each.path): each.function for each in laid_out(FUNCTIONS)} | {
    (route.method, route.path): each.name for each in FUNCTIONS for route in each.routes
}
NOBODYS = ""  # an action that nobody may do


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let a call pass with its scope. API Gateway answers 401 exactly when the raised text is "Unauthorized"."""
    method, path = event["httpMethod"], event["path"]
    name = BEHIND.get((method, event["resource"])) or BEHIND.get(("ANY", event["resource"]))
    match = routes_of(name).match(method, path) if name else None
    try:
        return authorize({**event, "pathParameters": match and match.path_parameters}, action_of(name, match, path))
    except Unauthenticated as error:
        raise RuntimeError("Unauthorized") from error


def action_of(name: str | None, match: Match | None, path: str) -> str | None:
    """What is asked of the token; None where a function will find nothing and answer 404 or 405 itself.

    A regular expression overlooks a line feed at the end of a path, and so does FastAPI.
    """
    if name is None or "\n" in unquote(path):
        return NOBODYS
    return match.route.action if match else None


@cache
def routes_of(name: str) -> Routes:
    """What one function answers: a path that another function would answer is not found there."""
    return Routes([function(name)])
