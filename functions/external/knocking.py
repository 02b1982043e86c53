"""Who knocks at the report API, and how it is told what went wrong: in the words of its contract.

The key, its rate, and only then anything else: so the gateway asks nobody, and this function does.
"""

from contextlib import suppress
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request, Response

from pacs.bootstrap import services
from pacs.dictation.answers import remaining_credits
from pacs.entry.authorizer import api_key_of, scope_of_api_key
from pacs.entry.http import client_address, request_id, told
from pacs.errors import Forbidden, PacsError, TooManyRequests, Unauthenticated
from pacs.people.audit import caller_address
from pacs.people.limits import knock
from pacs.people.permissions import may
from pacs.people.scope import Scope

# What the contract calls differently.
CODES = {401: "UNAUTHORIZED", 429: "RATE_LIMIT"}


async def knocking(request: Request, authorization: Annotated[str, Header()] = "") -> Scope:
    """The scope of a manager's key. Raises Unauthenticated, Forbidden, TooManyRequests."""
    key = api_key_of(request.headers)
    if not key:
        raise Unauthenticated("an API key is needed: Authorization: Bearer rapi_…")
    scope = scope_of_api_key(key)
    if not may(scope, "reports.dictate"):
        raise Forbidden("this key may not submit reports: that is for keys of active managers of an organization")
    caller_address.set(client_address(request))
    request.state.scope = scope
    knock(services().database, f"key {scope.session_id}", services().clock.now())
    return scope


Knocking = Annotated[Scope, Depends(knocking)]


async def tell(request: Request, error: Exception) -> Response:
    """Any error as an answer; to whom is known with what is left of its credits."""
    said = told(error)
    body: dict[str, Any] = {"code": CODES.get(said.status, said.code), "message": said.message}
    body["requestId"] = request_id(request)
    if said.field:
        body["field"] = said.field
    if scope := getattr(request.state, "scope", None):
        body["creditsUsed"] = 0
        with suppress(PacsError):  # what went wrong may be the database
            body["remainingCredits"] = remaining_credits(services(), scope)
    headers = {"WWW-Authenticate": "Bearer"} if said.status == 401 else {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    return Response(orjson.dumps(body), said.status, headers, media_type="application/json")
