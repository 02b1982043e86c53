"""Every error leaves in the one shape, with its request id and without what it must not tell."""

import json
from io import StringIO
from typing import Any

import pytest
from fastapi import APIRouter

from pacs.entry.http import CurrentScope, make_app, make_handler
from pacs.entry.observability import logger
from pacs.errors import BadRequest, Unavailable
from pacs.people.scope import Scope

router = APIRouter()


@router.get("/bad")
async def bad() -> None:
    raise BadRequest("limit must be a number", field="limit")


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError("patient DOE^JANE")


@router.get("/busy")
async def busy() -> None:
    raise Unavailable("the language service is busy", retry_after_s=7)


@router.get("/number/{value}")
async def number(value: int) -> int:
    return value


@router.get("/scope")
async def scope(scope: CurrentScope) -> str:
    return scope.role


HANDLER = make_handler(make_app(router))


def call(path: str, authorizer: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
    event = {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {
            "requestId": "r-1",
            "authorizer": authorizer,
            "identity": {"sourceIp": "192.0.2.1"},
            "resourcePath": path,
            "httpMethod": "GET",
            "path": path,
            "stage": "",
        },
        "body": None,
        "isBase64Encoded": False,
    }
    answer = HANDLER(event, None)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return answer["statusCode"], json.loads(answer["body"]), headers


def test_an_error_of_ours_names_code_field_and_request() -> None:
    status, body, _ = call("/bad")
    assert status == 400
    assert body == {"code": "BAD_REQUEST", "message": "limit must be a number", "requestId": "r-1", "field": "limit"}


def test_who_is_told_how_long_to_wait_waits_so_long() -> None:
    status, body, headers = call("/busy")
    assert (status, body["code"], headers["retry-after"]) == (503, "UNAVAILABLE", "7")


def test_an_unforeseen_error_tells_nothing_but_its_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StringIO()
    monkeypatch.setattr(logger().registered_handler, "stream", log)
    status, body, _ = call("/broken")
    assert (status, body["code"], body["requestId"]) == (500, "INTERNAL_ERROR", "r-1")
    assert "ZeroDivisionError" in log.getvalue()
    assert "DOE" not in json.dumps(body) + log.getvalue()


def test_a_path_that_nobody_serves() -> None:
    status, body, _ = call("/nothing")
    assert (status, body["code"]) == (404, "NOT_FOUND")


def test_a_parameter_of_the_wrong_type_is_named() -> None:
    status, body, _ = call("/number/x")
    assert (status, body["code"], body["field"]) == (400, "BAD_REQUEST", "value")


def test_a_route_without_a_scope_answers_401() -> None:
    status, body, headers = call("/scope")
    assert (status, body["code"], headers["www-authenticate"]) == (401, "UNAUTHENTICATED", "Bearer")


def test_a_route_sees_the_scope_that_the_authorizer_found() -> None:
    assert call("/scope", {"scope": Scope("o", "admin").to_json()})[:2] == (200, "admin")
