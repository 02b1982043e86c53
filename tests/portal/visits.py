"""Visiting pages without a browser: sessions in cookies, forms that are ours."""

import re
from typing import Any

from pacs.entry.authorizer import SESSION_COOKIE
from pacs.people.scope import Scope
from tests.functions.doors import PASSWORD

SESSION = "5e551011-0000-4000-8000-000000000000"
REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def scope_of(clinic: Any, role: Any, **values: Any) -> Scope:
    return Scope(clinic.made.organization_id, role, session_id=SESSION, **values)


def headers(clinic: Any, scope: Scope | None, **more: str) -> dict[str, str]:
    """Those of a browser that is in a session, in English."""
    made = {"Accept-Language": "en", **more}
    if scope:
        made["Cookie"] = f"{SESSION_COOKIE}={clinic.services.tokens.sign(scope, 'session', ttl_s=600)}"
    return made


def show(clinic: Any, path: str, scope: Scope | None = None, **more: str) -> Any:
    return clinic.client.get(path, headers=headers(clinic, scope, **more), follow_redirects=False)


def send(clinic: Any, path: str, scope: Scope, **form: Any) -> Any:
    """Send a form of ours."""
    form["csrf"] = clinic.services.tokens.csrf(scope.session_id)
    return clinic.client.post(path, data=form, headers=headers(clinic, scope), follow_redirects=False)


def knock(clinic: Any, door: str, email: str, password: str = PASSWORD, **form: str) -> Any:
    sent = {"door": door, "username": email, "password": password, **form}
    return clinic.client.post("/auth/door", data=sent, headers={"Accept-Language": "en"}, follow_redirects=False)


def without_reference(html: str) -> str:
    return REQUEST_ID.sub("", html)
