"""The launch function as API Gateway calls it: its pages, its configuration, its cookies, and links on demand."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from functions.launch.handler import handler
from pacs.bootstrap import Services
from pacs.database import tables
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.people.scope import Scope
from pacs.viewing.launch import launch_url
from tests.functions.doors import TurnedClock

from .conftest import ORIGIN

ORGANIZATION = "00000000-0000-4000-8000-000000000001"
RADIOLOGIST = Scope(ORGANIZATION, "radiologist")
OTHERS = Scope("00000000-0000-4000-8000-000000000002", "radiologist")


class Answer:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = int(answer["statusCode"])
        self.body = str(answer["body"])
        one = {name: [value] for name, value in answer["headers"].items()}
        self.headers = {name.lower(): values for name, values in (one | answer["multiValueHeaders"]).items()}

    def header(self, name: str) -> str:
        return str(self.headers[name][0])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    scope: Scope | None = None,
    **query: str,
) -> Answer:
    sent = {"Content-Type": "application/json", **(headers or {})}
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
        "pathParameters": None,
        "requestContext": {
            "requestId": "request-7",
            "authorizer": {"scope": scope.to_json()} if scope else None,
            "identity": {"sourceIp": "192.0.2.1"},
            "stage": "",
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }
    return Answer(handler(event, None))


@pytest.fixture
def token(services: Services) -> str:
    url = launch_url(services.settings, services.tokens, RADIOLOGIST, ["1.2.3", "1.2.4"], ttl_s=600)
    return parse_qs(urlsplit(url).query)["token"][0]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_good_link_opens_the_viewer_without_writing_the_token_into_the_page(token: str) -> None:
    answer = call("GET", "/ohif", token=token, returnUrl="/viewer/1")
    assert answer.status == 200
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert 'data-viewer="/ohif-viewer/viewer?StudyInstanceUIDs=1.2.3,1.2.4"' in answer.body
    assert 'data-return="/viewer/1"' in answer.body
    assert token not in answer.body


def test_the_head_of_a_link_is_answered_as_the_page_is(token: str) -> None:
    for answer, status in ((call("HEAD", "/ohif", token=token), 200), (call("HEAD", "/ohif"), 401)):
        assert (answer.status, answer.header("content-type")) == (status, "text/html; charset=utf-8")


def test_the_page_is_kept_by_nobody_and_runs_its_own_script_alone(token: str) -> None:
    answer = call("GET", "/ohif", token=token)
    nonce = re.search(r"script-src 'nonce-([^']+)'", answer.header("content-security-policy"))
    assert nonce
    assert set(re.findall(r'nonce="([^"]+)"', answer.body)) == {nonce[1]}
    assert "default-src 'none'" in answer.header("content-security-policy")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"
    assert nonce[1] not in call("GET", "/ohif", token=token).body


def test_an_expired_link_says_so_in_both_languages(token: str, clock: TurnedClock) -> None:
    clock.pass_s(601)
    answer = call("GET", "/ohif", token=token, headers={"Accept-Language": "tr-TR,tr;q=0.9,en;q=0.5"})
    assert answer.status == 401
    assert answer.body.index("Bu bağlantının süresi doldu</h1>") < answer.body.index("This link has expired</h1>")
    assert '<html lang="tr">' in answer.body
    assert '<code id="request-id">request-7</code>' in answer.body


@pytest.mark.parametrize(
    ("accepted", "first"),
    [
        ("en-GB,en;q=0.9,tr;q=0.8", "en"),
        ("tr", "tr"),
        ("", "tr"),
        ("de, fr;q=0.9", "tr"),
        ("en;q=0.2, tr;q=0.7", "tr"),
        ("en;q=nonsense, *;q=0.1", "tr"),
    ],
)
def test_the_language_that_the_browser_prefers_stands_first(services: Services, accepted: str, first: str) -> None:
    answer = call("GET", "/ohif", headers={"Accept-Language": accepted})
    assert f'<html lang="{first}">' in answer.body
    assert '<section lang="tr">' in answer.body
    assert '<section lang="en">' in answer.body


def test_a_link_that_is_wrong_tells_what_is_wrong(services: Services, token: str) -> None:
    session = services.tokens.sign(RADIOLOGIST, "session", ttl_s=60)
    for bad in (token[:-3] + "AAA", session, "<script>"):
        answer = call("GET", "/ohif", token=bad)
        assert (answer.status, "This link is not valid" in answer.body) == (401, True)
        assert bad not in answer.body
    missing = call("GET", "/ohif")
    assert (missing.status, "No study is open in this tab" in missing.body) == (401, True)
    while_reading = call("GET", "/ohif", expired="1")
    assert (while_reading.status, "This link has expired" in while_reading.body) == (401, True)
    hostile = call("GET", "/ohif", token=token, returnUrl="//evil.example/viewer/")
    assert (hostile.status, "evil" in hostile.body) == (400, False)
    assert "The return address in this link is not allowed" in hostile.body


def test_the_configuration_is_for_the_bearer_of_the_token(services: Services, token: str, clock: TurnedClock) -> None:
    answer = call("GET", "/ohif/config", headers=bearer(token), returnUrl=f"{ORIGIN}/viewer/1")
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    assert answer.json["studies"] == ["1.2.3", "1.2.4"]
    assert answer.json["returnUrl"] == "/viewer/1"
    assert call("GET", "/ohif/config", token=token).json["returnUrl"] is None
    hostile = call("GET", "/ohif/config", headers=bearer(token), returnUrl="https://evil.example/viewer/")
    assert (hostile.status, hostile.json["field"]) == (400, "returnUrl")
    session = services.tokens.sign(RADIOLOGIST, "session", ttl_s=60)
    for headers in ({}, bearer(session), {"Authorization": "Basic eDp5"}):
        assert call("GET", "/ohif/config", headers=headers).status == 401
    clock.pass_s(601)
    assert call("GET", "/ohif/config", headers=bearer(token)).json["code"] == "TOKEN_EXPIRED"


def test_the_session_sets_a_cookie_a_study(services: Services, token: str, clock: TurnedClock) -> None:
    clock.pass_s(100)
    answer = call("POST", "/ohif/session", headers=bearer(token))
    assert answer.status == 204
    cookies = answer.headers["set-cookie"]
    assert len(cookies) == 2
    for cookie, study in zip(cookies, ("1.2.3", "1.2.4"), strict=True):
        name, value = cookie.split(";")[0].split("=", 1)
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert name.startswith("pacs_launch_")
        assert {"httponly", "secure", "samesite=strict", "max-age=500", f"path=/dicomweb/studies/{study}"} <= attributes
        assert services.tokens.verify(value, "launch").studies == (study,)
    assert call("POST", "/ohif/session").status == 401


def test_a_public_viewer_is_sent_to_at_once(services: Services, token: str) -> None:
    services.settings = replace(services.settings, public_ohif_url="https://viewer.example")
    answer = call("GET", "/ohif", token=token)
    assert answer.status == 303
    assert answer.header("location").startswith("https://viewer.example/viewer/dicomwebproxy?")
    assert urlencode({"url": f"{ORIGIN}/ohif/config?token={token}"}) in answer.header("location")


@pytest.fixture
def archive(services: Services, database: PsycopgDatabase, clock: TurnedClock) -> PsycopgDatabase:
    for study in ("1.2.3", "1.2.4"):
        row = {"organization_id": ORGANIZATION, "study_instance_uid": study, "patient_key": "p"}
        database.fetch(tables.studies.insert().values(row | {"attributes_received_at": clock.now()}))
    services.__dict__["database"] = database
    return database


def test_a_member_gets_a_link_for_studies_of_theirs(
    services: Services, archive: PsycopgDatabase, clock: TurnedClock
) -> None:
    body = {"studies": ["1.2.4"], "ttl_s": 90, "privacy": True, "returnUrl": "/viewer/1"}
    answer = call("POST", "/api/launch", body=body, scope=RADIOLOGIST)
    assert answer.status == 200
    assert answer.json["expires_at"] == "2026-01-05T09:01:30+00:00"
    query = parse_qs(urlsplit(answer.json["url"]).query)
    scope = services.tokens.verify(query["token"][0], "launch")
    [told] = scope.studies or ()
    assert told.startswith("2.25.")
    assert scope == Scope(ORGANIZATION, "launch", studies=(told,), privacy=True)
    assert call("GET", "/ohif", token=query["token"][0], returnUrl=query["returnUrl"][0]).status == 200


@pytest.mark.parametrize(
    ("scope", "body", "status", "field"),
    [
        (OTHERS, {"studies": ["1.2.3"]}, 404, "studies"),
        (RADIOLOGIST, {"studies": ["1.2.3", "1.2.9"]}, 404, "studies"),
        (Scope(ORGANIZATION, "centre", studies=("1.2.3",)), {"studies": ["1.2.4"]}, 404, "studies"),
        (RADIOLOGIST, {"studies": []}, 400, "studies"),
        (RADIOLOGIST, {"studies": ["*"]}, 400, "studies"),
        (RADIOLOGIST, {"studies": ["1.2.3"], "ttl_s": 0}, 400, "ttl_s"),
        (RADIOLOGIST, {"studies": ["1.2.3"], "returnUrl": "/viewer/../x"}, 400, "returnUrl"),
        (RADIOLOGIST, {"studies": ["1.2.3"], "pricavy": True}, 400, "pricavy"),
        (None, {"studies": ["1.2.3"]}, 401, None),
    ],
)
def test_a_link_is_refused(
    archive: PsycopgDatabase, scope: Scope | None, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = call("POST", "/api/launch", body=body, scope=scope)
    assert (answer.status, answer.json.get("field")) == (status, field)
