"""HTTP on one machine: authorizer, handlers, errors, CORS and limits as API Gateway has them."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request

from functions.entries import Function, Route
from infra.local import gateway as module
from infra.local.gateway import Gateway
from infra.local.invocation import Handler
from pacs.entry.http import CurrentScope, make_app, make_handler
from pacs.people.scope import Scope
from tests.local.asking import ask

SCOPE = Scope("11111111-1111-4111-8111-111111111111", "radiologist")
FUNCTIONS = (
    Function("authorizer", ""),
    Function("door", "", routes=(Route("GET", "/open", public=True),)),
    Function(
        "room",
        "",
        routes=(
            *(Route(method, "/rooms/{room}") for method in ("GET", "HEAD")),
            Route("POST", "/rooms/{room}", streamed=True),
        ),
    ),
    Function("web", "", routes=(Route("GET", "/web/{name}"),)),
)
TOKEN = {"authorization": "Bearer good"}


def authorizer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    token = event["headers"].get("authorization")
    if token == "Bearer broken":
        raise ValueError("the key ring is empty")
    if token not in ("Bearer good", "Bearer banned"):
        raise RuntimeError("Unauthorized")
    effect = "Allow" if token == "Bearer good" else "Deny"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Resource": event["methodArn"]}]}
    return {"principalId": "me", "policyDocument": policy, "context": {"scope": SCOPE.to_json()}}


class Room:
    """A handler that remembers its events and answers what it is told to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Any = {"statusCode": 200, "body": "hello"}

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        self.events.append(event)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(event) if callable(self.answer) else self.answer


router = APIRouter()


@router.get("/web/{name}")
def answer_web(name: str, scope: CurrentScope, request: Request) -> dict[str, Any]:
    return {"name": name, "role": scope.role, "words": request.query_params.getlist("word")}


WEB = make_handler(make_app(router))


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def gateway(room: Room) -> Iterator[Gateway]:
    handlers: dict[str, Handler] = {"authorizer": authorizer, "door": room, "room": room, "web": WEB}
    made = Gateway(FUNCTIONS, handlers, origins=frozenset({"https://viewer.example"}))
    yield made
    made.close()


def test_a_call_reaches_its_handler_with_what_the_authorizer_found(gateway: Gateway, room: Room) -> None:
    heard = ask(gateway, "GET", "/rooms/7?x=1", headers=TOKEN)
    assert (heard.status, heard.body) == (200, b"hello")
    context = room.events[0]["requestContext"]
    assert room.events[0]["pathParameters"] == {"room": "7"}
    assert context["authorizer"] == {"principalId": "me", "scope": SCOPE.to_json()}
    assert heard.header["x-request-id"] == context["requestId"]


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("", 401, "UNAUTHENTICATED"),
        ("Bearer bad", 401, "UNAUTHENTICATED"),
        ("Bearer banned", 403, "FORBIDDEN"),
        ("Bearer broken", 502, "INTERNAL_ERROR"),
    ],
)
def test_who_is_not_let_in_does_not_reach_the_handler(
    gateway: Gateway, room: Room, token: str, status: int, code: str
) -> None:
    heard = ask(gateway, "GET", "/rooms/7", headers={"authorization": token})
    assert (heard.status, heard.json["code"]) == (status, code)
    assert set(heard.json) == {"code", "message", "requestId"}
    assert heard.json["requestId"] == heard.header["x-request-id"]
    assert ("www-authenticate" in heard.header) == (status == 401)
    assert room.events == []


def test_a_public_route_asks_for_no_token(gateway: Gateway, room: Room) -> None:
    assert ask(gateway, "GET", "/open").status == 200
    assert "authorizer" not in room.events[0]["requestContext"]


def test_unknown_addresses_and_methods_are_told_in_the_one_shape(gateway: Gateway) -> None:
    missing = ask(gateway, "GET", "/nothing", headers=TOKEN)
    assert (missing.status, missing.json["code"]) == (404, "NOT_FOUND")
    wrong = ask(gateway, "DELETE", "/rooms/7", headers=TOKEN)
    assert (wrong.status, wrong.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.header["allow"] == "GET, HEAD, POST"
    assert set(missing.json) == set(wrong.json) == {"code", "message", "requestId"}


@pytest.mark.parametrize("answer", [ValueError("AYŞE^YILMAZ"), {"body": "no status"}, None])
def test_a_handler_that_fails_tells_nothing_of_what_it_knew(
    gateway: Gateway, room: Room, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    room.answer = answer
    heard = ask(gateway, "GET", "/rooms/7", headers=TOKEN)
    assert (heard.status, heard.json["code"]) == (502, "INTERNAL_ERROR")
    captured = capsys.readouterr()
    assert "AYŞE" not in heard.body.decode() + captured.out + captured.err


def test_bytes_and_several_cookies_come_through(gateway: Gateway, room: Room) -> None:
    room.answer = {
        "statusCode": 200,
        "headers": {"content-type": "image/jpeg", "content-length": "999"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\xff\xd8\x00").decode(),
        "isBase64Encoded": True,
    }
    heard = ask(gateway, "GET", "/rooms/7", headers=TOKEN)
    assert heard.body == b"\xff\xd8\x00"
    assert heard.header["content-length"] == "3"
    assert [value for name, value in heard.headers if name == "set-cookie"] == ["a=1", "b=2"]


def test_head_keeps_the_length_that_the_handler_tells(gateway: Gateway, room: Room) -> None:
    room.answer = {"statusCode": 200, "headers": {"content-length": "524288"}, "body": ""}
    heard = ask(gateway, "HEAD", "/rooms/7", headers=TOKEN)
    assert (heard.header["content-length"], heard.body) == ("524288", b"")


def test_a_body_arrives_whole_and_in_base64(gateway: Gateway, room: Room) -> None:
    ask(gateway, "POST", "/rooms/7", headers=TOKEN, body=(b"\xff\x00", b"", b"end"))
    event = room.events[0]
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00end"


def test_too_large_a_body_is_refused_announced_or_not(
    gateway: Gateway, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = ask(gateway, "POST", "/rooms/7", headers=TOKEN | {"content-length": str(1 << 40)}, body=())
    monkeypatch.setattr(module, "BODY_BYTES_MAX", 5)
    counted = ask(gateway, "POST", "/rooms/7", headers=TOKEN, body=(b"1234", b"56", b"never read"))
    for heard in (announced, counted):
        assert (heard.status, heard.json["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert room.events == []


def test_a_large_body_becomes_a_file_while_it_is_handled(
    gateway: Gateway, room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "BODY_IN_MEMORY_BYTES_MAX", 5)
    gateway.spool = tmp_path
    room.answer = lambda event: {"statusCode": 200, "body": Path(event["bodyFile"]).read_text()}
    heard = ask(gateway, "POST", "/rooms/7", headers=TOKEN, body=(b"1234", b"56", b"78"))
    assert (heard.status, heard.body) == (200, b"12345678")
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer banned"}, 403),
        ({"authorization": "Bearer broken"}, 503),
    ):
        refused = ask(gateway, "POST", "/rooms/7", headers=headers, body=(b"1234", b"56", b"never read"))
        assert refused.status == status
    assert ask(gateway, "GET", "/open", body=(b"123456", b"never read")).status == 413
    assert list(tmp_path.iterdir()) == []
    gateway.spool = tmp_path / "gone"
    assert ask(gateway, "POST", "/rooms/7", headers=TOKEN, body=(b"1234", b"56", b"78")).status == 503


def test_only_configured_origins_may_call_from_elsewhere(gateway: Gateway) -> None:
    theirs = ask(gateway, "GET", "/rooms/7", headers=TOKEN | {"origin": "https://viewer.example"})
    assert theirs.header["access-control-allow-origin"] == "https://viewer.example"
    assert "content-range" in theirs.header["access-control-expose-headers"]
    strange = ask(gateway, "GET", "/rooms/7", headers=TOKEN | {"origin": "https://viewer.example.evil"})
    assert "access-control-allow-origin" not in strange.header
    assert strange.header["vary"] == "origin"


def test_a_browser_that_asks_before_it_calls_is_answered(gateway: Gateway, room: Room) -> None:
    heard = ask(gateway, "OPTIONS", "/rooms/7", headers={"origin": "https://viewer.example"})
    assert heard.status == 204
    assert heard.header["access-control-allow-methods"] == "GET, HEAD, POST"
    assert "authorization" in heard.header["access-control-allow-headers"]
    assert "content-length" not in heard.header
    assert room.events == []


def test_errors_can_be_read_from_allowed_origins_too(gateway: Gateway) -> None:
    heard = ask(gateway, "GET", "/rooms/7", headers={"origin": "https://viewer.example"})
    assert heard.status == 401
    assert heard.header["access-control-allow-origin"] == "https://viewer.example"


def test_the_log_names_no_query(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    ask(gateway, "GET", "/rooms/7?token=secret&PatientName=AYŞE", headers=TOKEN)
    line = capsys.readouterr().out
    assert line.startswith("GET '/rooms/7' 200 5 ")
    assert "secret" not in line
    assert "AYŞE" not in line


def test_fastapi_behind_mangum_answers_from_any_thread(gateway: Gateway) -> None:
    for _ in range(3):
        heard = ask(gateway, "GET", "/web/a%20b?word=x&word=%C5%9F", headers=TOKEN)
        assert heard.json == {"name": "a b", "role": "radiologist", "words": ["x", "ş"]}
