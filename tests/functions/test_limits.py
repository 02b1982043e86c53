"""Every door has a limit: for an address, and for whom it is about; it says how long to wait, and opens again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from functions.catalogue import function
from pacs.people.limits import PER_MINUTE
from tests.functions.doors import PASSWORD, TurnedClock, bearer, token


def calls(clinic: Any, holder: dict[str, str]) -> dict[str, tuple[Callable[[], Any], int]]:
    """A call of each door, and how many of it are answered at once."""
    client = clinic.client
    wrong = {"username": "admin@example.org", "password": "guess"}
    share, anew = {"s": "nothing", "pin": "1234"}, {"token": "x", "password": PASSWORD}
    # Nobody is told whether an account exists: unknown ones wait as well.
    return {
        "POST /auth/token": (lambda: client.post("/auth/token", data=wrong), 5),
        "POST /auth/token refresh": (lambda: client.post("/auth/token", data=renewal("x")), PER_MINUTE),
        "POST /auth/session": (lambda: client.post("/auth/session", data=wrong | {"username": "ghost"}), 5),
        "POST /auth/session/refresh": (lambda: client.post("/auth/session/refresh", headers=cookie()), PER_MINUTE),
        "POST /auth/password/forgotten": (
            lambda: client.post("/auth/password/forgotten", json={"email": "ghost@example.org"}),
            PER_MINUTE,
        ),
        "POST /auth/password/reset": (lambda: client.post("/auth/password/reset", json=anew), PER_MINUTE),
        "POST /auth/password": (
            lambda: client.post("/auth/password", json={"current": "x", "password": PASSWORD}, headers=holder),
            5,
        ),
        "POST /auth/totp": (lambda: client.post("/auth/totp", headers=holder), PER_MINUTE),
        "POST /auth/totp/confirm": (lambda: client.post("/auth/totp/confirm", json={"code": "0"}, headers=holder), 5),
        "POST /auth/totp/remove": (
            lambda: client.post("/auth/totp/remove", json={"password": "x"}, headers=holder),
            5,
        ),
        "POST /auth/door": (lambda: client.post("/auth/door", data=wrong | {"door": "admin"}), 5),
        "GET /auth/renew": (lambda: client.get("/auth/renew", headers=cookie(), follow_redirects=False), PER_MINUTE),
        "GET /auth/oidc": (lambda: client.get("/auth/oidc?door=corporate"), PER_MINUTE),
        "GET /auth/oidc/callback": (lambda: client.get("/auth/oidc/callback"), PER_MINUTE),
        "POST /auth/forgotten": (lambda: client.post("/auth/forgotten", data={"email": "ghost@a.org"}), PER_MINUTE),
        "POST /auth/reset": (lambda: client.post("/auth/reset", data=anew), PER_MINUTE),
        "GET /api/share/{token}": (lambda: client.get("/api/share/nothing"), PER_MINUTE),
        "GET /share": (lambda: client.get("/share", params=share), PER_MINUTE),
        "POST /share": (lambda: client.post("/share", data=share), PER_MINUTE),
    }


# A minute's calls of every address and member but one, which would take long to make.
NEARLY_FULL = text("update rate_limits set full_until = :until")
# What ends a session, and what only the token of a link that was opened leads to.
FREE = {"POST /auth/logout", "POST /auth/leave", "GET /share/report", "GET /share/report.pdf"}


def renewal(refresh_token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}


def cookie() -> dict[str, str]:
    return {"Cookie": "pacs_refresh=x"}


def test_every_door_makes_whoever_tries_too_often_wait_and_then_opens_again(doors: Any, clock: TurnedClock) -> None:
    tried = calls(doors, {})
    known = {
        f"{route.method} {route.path}" for name in ("portal", "pages", "shares") for route in function(name).routes
    }
    public = {
        f"{route.method} {route.path}"
        for name in ("portal", "pages", "shares")
        for route in function(name).routes
        if route.public and not route.action and (route.path.startswith(("/auth", "/share", "/api/share")))
    }
    assert public - set(tried) == FREE and {each for each in tried if " refresh" not in each} <= known
    for name in tried:
        clock.pass_s(25 * 3600)  # a day without failures forgives all
        holder = bearer(token(doors))
        clock.pass_s(60)
        call, free = calls(doors, holder)[name]
        answers = [call() for _ in range(min(free, 5))]
        if free == PER_MINUTE:
            doors.services.database.fetch(NEARLY_FULL, {"until": clock.now() + timedelta(seconds=59)})
            answers.append(call())
        assert {answer.status_code for answer in answers} & {429, 500, 502} == set(), name
        refused = call()
        assert (refused.status_code, 0 < int(refused.headers["retry-after"]) <= 900) == (429, True), name
        clock.pass_s(int(refused.headers["retry-after"]))
        assert call().status_code != 429, name
