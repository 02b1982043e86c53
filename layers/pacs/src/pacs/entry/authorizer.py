"""Who may pass: finds the token of a request and turns it into a scope. Called by functions/authorizer and the edge."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from pacs.bootstrap import services
from pacs.errors import Unauthenticated
from pacs.people.permissions import may
from pacs.people.scope import KEY_PREFIX, LINKED, Scope

BEARER = "bearer "
SESSION_COOKIE = "pacs_session"
LAUNCH_COOKIE = "pacs_launch_"
SAFE = ("GET", "HEAD", "OPTIONS")


def scope_of(headers: Mapping[str, str], study: str = "") -> Scope:
    """The scope of a request, from its header or else its cookies.

    A header wins over every cookie, so that two launches in two tabs do not disturb one another. Of several
    launch cookies (a `<video>` sends them all) the first that names `study` counts, private ones before others.
    Raises Unauthenticated.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if bearer := bearer_of(lower):
        if not bearer.lower().startswith(BEARER):
            raise Unauthenticated("the Authorization header must be a Bearer token")
        return services().tokens.verify(bearer[len(BEARER) :].strip(), "session", "launch")
    return scope_of_cookies(lower.get("cookie", ""), study)


def bearer_of(headers: Mapping[str, str]) -> str:
    """The header that carries a token; ours wins, for a viewer cannot set the other."""
    return headers.get("x-pacs-authorization") or headers.get("authorization") or ""


def api_key_of(headers: Mapping[str, str]) -> str:
    """The API key that speaks for a call; empty for a call with another token or none."""
    scheme, _, token = bearer_of(headers).strip().partition(" ")
    return token.strip() if scheme.lower() == BEARER.strip() and token.strip().startswith(KEY_PREFIX) else ""


def scope_of_api_key(key: str) -> Scope:
    """The scope of a call by an API key. Raises Unauthenticated."""
    from pacs.people.keys import scope_of_key  # asks the database, which calls with tokens do not need here

    return scope_of_key(services().database, key, services().clock.now())


def scope_of_cookies(header: str, study: str) -> Scope:
    """The scope that a Cookie header carries. Raises Unauthenticated when it carries none that is good."""
    try:
        cookies = SimpleCookie(header)
    except CookieError as error:
        raise Unauthenticated("the Cookie header does not parse") from error
    tokens = services().tokens
    if SESSION_COOKIE in cookies:
        return tokens.verify(cookies[SESSION_COOKIE].value, "session")
    launches = []
    problem = Unauthenticated("a token is needed")
    for name, morsel in cookies.items():
        if name.startswith(LAUNCH_COOKIE):
            try:
                launches.append(tokens.verify(morsel.value, "launch"))
            except Unauthenticated as error:
                problem = error
    naming = [scope for scope in launches if not study or scope.studies is None or study in scope.studies]
    if not naming:
        raise problem
    return sorted(naming, key=lambda scope: not scope.privacy)[0]


def is_our_page(method: str, headers: Mapping[str, str], scope: Scope) -> bool:
    """Whether a call comes from a page that knows its session's CSRF token, as far as that matters.

    Browsers send a session's cookie whoever makes the call; a launch's only from our own pages, for it is strict.
    """
    if method in SAFE or scope.role in LINKED or bearer_of(headers):
        return True
    return services().tokens.is_csrf(scope.session_id, headers.get("x-csrf-token", ""))


def authorize(event: Mapping[str, Any], action: str | None) -> dict[str, Any]:
    """The answer of a REQUEST authorizer: a policy for this one call, and its scope as context.

    The call passes when the scope may do the action (None: there is nothing to be done, and its function will say so)
    and, where a session's cookie spoke for it, a page of ours has made it; else the policy denies it, which API
    Gateway tells with 403. It answers 401 when the handler raises the text "Unauthorized".
    Source: API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer".
    """
    study = (event.get("pathParameters") or {}).get("study", "")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = api_key_of(headers)
    scope = scope_of_api_key(key) if key else scope_of(headers, study)
    allowed = action is None or may(scope, action)
    effect = "Allow" if allowed and is_our_page(event["httpMethod"], headers, scope) else "Deny"
    return {
        "principalId": scope.member_id or scope.role,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}],
        },
        "context": {"scope": scope.to_json()},
    }
