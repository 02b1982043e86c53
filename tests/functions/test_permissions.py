"""Every route of the catalogue, asked by every role: the answers agree with the table of permissions."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.authorizer.handler import handler
from pacs.people.permissions import ACTIONS, ALLOWED
from pacs.people.scope import LINKED, SHARED, Role, Scope
from pacs.viewing.shares import NewShare, create_share
from tests.functions.places import GUARDED, NOBODYS, ROLES, ROUTES, body_of, name, path_of
from tests.functions.test_capabilities import called


def shared(clinic: Any) -> str:
    """The identifier of a share that is open."""
    new = NewShare((NOBODYS["study"],))
    return create_share(clinic.services.database, clinic.scope, new, clinic.services.clock.now())[0]


def test_every_guarded_route_names_an_action_and_no_public_one_does() -> None:
    for route in ROUTES:
        assert route.action in ACTIONS or (route.public and not route.action), name(route)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_call_what_the_table_allows_and_nothing_else(clinic: Any, role: Role) -> None:
    launch = role in LINKED
    scope = Scope(clinic.made.organization_id, role, studies=(NOBODYS["study"],) if launch else None)
    if role in SHARED:
        scope = replace(scope, session_id=shared(clinic))
    bearer = clinic.bearer(scope, "launch" if launch else "session")
    told = {}
    for route in GUARDED:
        path, body = path_of(route, NOBODYS), body_of(route, NOBODYS)
        answer = clinic.client.request(route.method, path, headers=bearer, json=body, follow_redirects=False)
        told[name(route)] = answer.status_code != 403
        assert answer.status_code != 401
        if answer.status_code == 403 and route.method != "HEAD":
            assert set(answer.json()) == {"code", "message", "requestId"} and answer.json()["code"] == "FORBIDDEN"
    allowed = {name(route): role in ALLOWED[route.action] for route in GUARDED}  # type: ignore[index]
    assert told == allowed


def test_accounting_gets_no_frame_that_lies_ready(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.derive()
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}/frames/1"
    assert clinic.get(path).status_code == 200
    assert clinic.get(path, scope=Scope(clinic.made.organization_id, "accounting")).status_code == 403


def test_a_slash_written_otherwise_opens_no_other_route(clinic: Any, sample: Callable[[str], bytes]) -> None:
    """A link that may not download asked for a study as if it were the name of a category."""
    stored = clinic.add(sample("CT_small.dcm"))
    link = Scope(clinic.made.organization_id, "share", studies=(stored.study,), session_id=shared(clinic))
    for slash in ("/", "%2F", "%2f"):
        path = f"/dicomweb/studies{slash}{stored.study}"
        assert clinic.client.get(path, headers=clinic.bearer(link, "launch")).status_code == 403
        assert clinic.client.get(path, headers=clinic.bearer()).status_code == 200


def test_what_is_not_there_passes_to_be_told_so_and_what_nobody_knows_is_denied(clinic: Any) -> None:
    event = {
        "httpMethod": "PATCH",
        "resource": "/dicomweb/studies",
        "path": "/dicomweb/studies",
        "headers": clinic.bearer(),
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:a/v1/PATCH/dicomweb/studies",
    }

    def effect(**changed: str) -> str:
        return str(handler(event | changed, None)["policyDocument"]["Statement"][0]["Effect"])

    assert effect() == effect(httpMethod="GET") == "Allow"
    assert effect(resource="/dicomweb/{path+}", path="/dicomweb/nothing/there/is") == "Allow"
    assert effect(resource="/nobody/knows", path="/nobody/knows") == "Deny"
    assert effect(httpMethod="GET", path="/dicomweb/studies%0A") == "Deny"
    with pytest.raises(RuntimeError, match=r"^Unauthorized$"):
        handler(event | {"headers": {}}, None)


@pytest.mark.parametrize(
    ("function", "method", "path", "status"),
    [
        ("dicomweb", "GET", "/dicomweb/nothing/of/this/kind", 404),
        ("dicomweb", "PATCH", "/dicomweb/studies", 405),
        ("reports", "GET", "/api/reports/nothing/of/this", 404),
        ("reports", "DELETE", "/api/report-templates", 405),
    ],
)
def test_a_function_tells_of_what_is_not_there_as_the_gateway_of_one_machine_does(
    clinic: Any, function: str, method: str, path: str, status: int
) -> None:
    """In the cloud the function hears of it; on one machine nobody is called."""
    told = clinic.client.request(method, path, headers=clinic.bearer())
    heard = called(function, method, path, {})
    assert heard["statusCode"] == told.status_code == status
    assert json.loads(heard["body"])["code"] == told.json()["code"]
