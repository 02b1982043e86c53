"""Forgotten passwords: asking for a link, and setting a new password by it."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import require_same_origin
from pacs.entry.http import client_address
from pacs.entry.portal import page, waiting
from pacs.errors import BadRequest, TooManyRequests, answer_for
from pacs.people.recovery import reset_password, send_reset_link

router = APIRouter()
Text = Annotated[str, Form(max_length=512)]


@router.get("/forgotten")
async def show_forgotten(request: Request) -> Response:
    return page(request, "forgotten.html", sent=False, code="")


@router.post("/auth/forgotten")
async def forget(request: Request, email: Text = "") -> Response:
    """Send a link, if there is such a member. The page says the same if not."""
    require_same_origin(request)
    try:
        send_reset_link(services(), services().mailer, email, client_address(request))
    except TooManyRequests as error:
        answer = answer_for(error)
        return waiting(page(request, "forgotten.html", sent=False, code=answer.code, status=answer.http_status), error)
    return page(request, "forgotten.html", sent=True, code="")


@router.get("/reset")
async def show_reset(request: Request, token: str = "") -> Response:
    """Where the link of the e-mail leads."""
    return page(request, "reset.html", token=token, done=False, field="", code="")


@router.post("/auth/reset")
async def reset(request: Request, token: Text = "", password: Text = "") -> Response:
    """A new password by the token of a link; every session ends."""
    require_same_origin(request)
    try:
        reset_password(services(), token, password, client_address(request))
    except (BadRequest, TooManyRequests) as error:
        answer = answer_for(error)
        values: dict[str, Any] = {"token": token, "done": False, "field": error.field or "", "code": answer.code}
        return waiting(page(request, "reset.html", status=answer.http_status, **values), error)
    return page(request, "reset.html", token="", done=True, field="", code="")
