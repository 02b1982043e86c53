"""How an HTTP call knocks: the FastAPI app of a function and its Lambda handler. Used by functions/*/handler.py."""

import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as ASGIScope

from pacs.bootstrap import services, settings
from pacs.entry.observability import logger
from pacs.errors import UNKNOWN, PacsError, TooManyRequests, Unauthenticated, Unavailable, answer_for
from pacs.people.audit import caller_address
from pacs.people.scope import SHARED, Scope
from pacs.viewing.headers import ANSWER_HEADERS
from pacs.viewing.origins import allowed_origins, shared_with

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
READ = ("GET", "HEAD")
SAFE = [(name.lower().encode(), value.encode()) for name, value in ANSWER_HEADERS.items()]
STATUS_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}


@dataclass(frozen=True)
class Told:
    """What a caller is told of an error."""

    status: int
    code: str
    message: str
    field: str | None = None


def make_app(*routers: APIRouter, tell: "Tell | None" = None) -> FastAPI:
    """An app of these routers. Errors are told in the one shape {code, message, requestId}, or as `tell` does."""
    tell = tell or tell_error
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for router in routers:
        app.router.routes += router.routes  # including it would make every route once more, at the first call
    app.add_exception_handler(PacsError, tell)
    app.add_exception_handler(HTTPException, tell)
    app.add_exception_handler(RequestValidationError, tell)
    app.add_middleware(Unforeseen, tell=tell)
    app.add_middleware(Unslashed)
    app.add_middleware(Harmless)
    app.add_middleware(Shared)
    return app


def make_handler(app: FastAPI) -> Handler:
    """The Lambda handler of an app. Answers are bytes when their type is not plainly text."""
    return Mangum(app, lifespan="off", text_mime_types=["text/", "application/json"])


async def current_scope(request: Request) -> Scope:
    """What the authorizer found. Raises Unauthenticated where it was not asked, and for what was ended meanwhile."""
    event = request.scope.get("aws.event") or {}
    context = (event.get("requestContext") or {}).get("authorizer") or {}
    if "scope" not in context:
        raise Unauthenticated("a token is needed")
    scope = Scope.from_json(context["scope"])
    if scope.role in SHARED:
        from pacs.entry.sharing import require_open_share  # asks the database, which most calls do not need here

        require_open_share(scope)
    services().ended.require_living(scope)
    caller_address.set(client_address(request))
    return scope


CurrentScope = Annotated[Scope, Depends(current_scope)]


def request_id(request: Request) -> str:
    event = request.scope.get("aws.event") or {}
    return str((event.get("requestContext") or {}).get("requestId", ""))


def client_address(request: Request) -> str:
    """Where a call comes from. In the cloud CloudFront stands between, and says whom it saw before itself."""
    seen = [each.strip() for each in request.headers.get("x-forwarded-for", "").split(",")]
    if settings().platform == "aws" and len(seen) > 1:
        return seen[-2]
    return request.client.host if request.client else ""


def error_body(code: str, message: str, request_id: str, field: str | None = None) -> bytes:
    body = {"code": code, "message": message, "requestId": request_id}
    if field:
        body["field"] = field
    return json.dumps(body, ensure_ascii=False).encode()


def told(error: Exception) -> Told:
    """What is told of any error; of what nobody foresaw only that it happened."""
    if isinstance(error, PacsError):
        answer = answer_for(error)
        return Told(answer.http_status, answer.code, error.message, error.field)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or None
        return Told(400, "BAD_REQUEST", str(first["msg"]), field)
    if isinstance(error, HTTPException):
        return Told(error.status_code, STATUS_CODES.get(error.status_code, "BAD_REQUEST"), str(error.detail))
    return Told(UNKNOWN.http_status, UNKNOWN.code, "something went wrong on our side")


async def tell_error(request: Request, error: Exception) -> Response:
    """Any error as an answer in JSON."""
    said = told(error)
    headers = {"WWW-Authenticate": "Bearer"} if said.status == 401 else {}
    if isinstance(error, TooManyRequests | Unavailable) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    body = error_body(said.code, said.message, request_id(request), said.field)
    return Response(body, said.status, headers, media_type="application/json")


Tell = Callable[[Request, Exception], Awaitable[Response]]


class Unslashed:
    """A slash behind a path means nothing: a redirect would name the host that API Gateway has, not ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "path": scope["path"].rstrip("/") or "/"}, receive, send)


class Shared:
    """Lets pages of the origins that are configured read every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                origins = allowed_origins(settings().cors_origins)
                message = {**message, "headers": shared_with(origins, scope["headers"], message["headers"])}
            await send(message)

        await self.app(scope, receive, tell)


class Harmless:
    """Lets no browser run what an answer holds. Pages say themselves what they need."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                message = {**message, "headers": [*message["headers"], *(each for each in SAFE if each[0] not in said)]}
            await send(message)

        await self.app(scope, receive, tell)


class Unforeseen:
    """Logs and answers what no handler foresaw. Inside Starlette's own last resort, which would raise it again."""

    def __init__(self, app: ASGIApp, tell: Tell) -> None:
        self.app, self.tell = app, tell

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            request = Request(scope)
            # Places in the code, never values: the message of a foreign error may hold a patient's name.
            frames = traceback.extract_tb(error.__traceback__)
            trace = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            logger().error("unforeseen error", request_id=request_id(request), error=type(error).__name__, trace=trace)
            await (await self.tell(request, error))(scope, receive, send)
