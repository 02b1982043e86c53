"""By the word of an OpenID provider: out to it, and in again when it has let somebody in."""

from fastapi import APIRouter, Request, Response

from functions.pages.doors import door_page, next_sign
from pacs.bootstrap import services
from pacs.entry.browser import NO_STORE, caller, with_cookies
from pacs.entry.http import client_address
from pacs.entry.portal import DOOR_COOKIE, home_of, keep, lead, local_path
from pacs.errors import NotConfigured, PacsError, ProviderRefused, SecondFactorNeeded, TooManyRequests, Unavailable
from pacs.people import oidc
from pacs.people.limits import address_subject, knock
from pacs.people.provided import sign_in_vouched
from pacs.portal.pages import DOOR_SIGNS

router = APIRouter(prefix="/auth/oidc")
TICKET_COOKIE, TICKET_PATH = "pacs_oidc", "/auth/oidc"
TOLD = (ProviderRefused, SecondFactorNeeded, TooManyRequests, Unavailable, NotConfigured)


@router.get("")
async def leave_for_provider(request: Request, door: str = "", next: str = "") -> Response:
    """To the provider, from one of the doors that offer it."""
    sign = next_sign(door)
    try:
        knock(services().database, address_subject(client_address(request)), services().clock.now())
        address, ticket = oidc.begin(services(), sign.door, local_path(next, ""))
    except TOLD as error:
        return door_page(request, sign, next=next, error=error)
    response = Response(status_code=303, headers={"Location": address, **NO_STORE})
    secure = services().settings.origin.startswith("https:")
    life_s = oidc.TICKET_LIFE_S
    response.set_cookie(
        TICKET_COOKIE, ticket, max_age=life_s, path=TICKET_PATH, secure=secure, httponly=True, samesite="lax"
    )
    return response


@router.get("/callback")
async def come_back(request: Request) -> Response:
    """From the provider, with a code that tells us who has come, or with the news that nobody has."""
    door, next = "", ""
    try:
        knock(services().database, address_subject(client_address(request)), services().clock.now())
        ticket = oidc.open_ticket(services(), request.cookies.get(TICKET_COOKIE, ""))
        door, next = ticket.door, ticket.next
        who = oidc.finish(services(), ticket, request.query_params)
        found = sign_in_vouched(services(), who, door, caller(request))
    except TOLD as error:
        return refused(request, door, next, error)
    response = with_cookies(lead(request, local_path(next, home_of(found.scope))), found)
    keep(response, DOOR_COOKIE, door)
    response.delete_cookie(TICKET_COOKIE, path=TICKET_PATH)
    return response


def refused(request: Request, door: str, next: str, error: PacsError) -> Response:
    """The door again, which says what was wrong; without a ticket nobody knows which one it was."""
    offering = oidc.doors(services().settings)
    sign = next_sign(door or (offering[0] if offering else DOOR_SIGNS[0].door))
    response = door_page(request, sign, next=next, error=error)
    response.delete_cookie(TICKET_COOKIE, path=TICKET_PATH)
    return response
