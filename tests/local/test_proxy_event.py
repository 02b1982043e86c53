"""The events of one machine have the shape that AWS documents: compared with samples of it."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.catalogue import FUNCTIONS
from functions.routing import Match, Routes
from infra.local.proxy_event import BODY_IN_BASE64_BYTES_MAX, Request, answer_of, authorizer_event, proxy_event
from infra.local.workers import sqs_event
from pacs.local.queue import ReceivedMessage

EVENTS = Path(__file__).parents[1] / "events"


def sample(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def match(request: Request) -> Match:
    found = Routes(FUNCTIONS).match(request.method, request.path)
    assert found
    return found


SEARCH = Request(
    method="GET",
    path="/dicomweb/studies/1.2.840.1/series",
    query="PatientName=%C3%96Z*&includefield=00081030&includefield=00080060&limit=",
    headers=[
        (b"host", b"pacs.example"),
        (b"accept", b"application/dicom+json"),
        (b"authorization", b"Bearer abc.def.ghi"),
        (b"user-agent", b"viewer/1"),
    ],
    body=b"",
    source_ip="192.0.2.7",
    scheme="https",
    request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
)
STORE = Request(
    method="POST",
    path="/dicomweb/studies",
    query="",
    headers=[
        (b"host", b"pacs.example"),
        (b"content-type", b'multipart/related; type="application/dicom"; boundary=b'),
    ],
    body=base64.b64decode(sample("api_gateway_store")["body"]),
    source_ip="192.0.2.7",
    scheme="https",
    request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
)
OF_THE_STAGE = ("accountId", "apiId", "requestTime", "requestTimeEpoch", "resourceId", "stage")


def test_a_search_is_the_event_that_api_gateway_sends() -> None:
    ours, theirs = proxy_event(SEARCH, match(SEARCH)), sample("api_gateway_search")
    context, expected = ours.pop("requestContext"), theirs.pop("requestContext")
    assert ours == theirs
    identity = context.pop("identity")
    assert identity.items() <= expected.pop("identity").items()
    assert set(context) <= set(expected)
    for name in set(context) - set(OF_THE_STAGE):
        assert context[name] == expected[name]
    assert len(context["requestTime"]) == len(expected["requestTime"])


def test_a_body_of_any_type_comes_in_base64() -> None:
    ours, theirs = proxy_event(STORE, match(STORE)), sample("api_gateway_store")
    for name in ("resource", "body", "isBase64Encoded", "pathParameters", "multiValueQueryStringParameters"):
        assert ours[name] == theirs[name]
    json.dumps(ours)


def test_a_large_body_is_handed_over_as_it_is_to_who_takes_files_too() -> None:
    body = bytes(BODY_IN_BASE64_BYTES_MAX + 1)
    event = proxy_event(replace(STORE, body=body), match(STORE))
    assert (event["body"], event["isBase64Encoded"], event["bodyBytes"]) == (None, False, body)
    assert "bodyBytes" not in authorizer_event(event)
    elsewhere = replace(STORE, path="/dicomweb/workitems", body=body)
    assert base64.b64decode(proxy_event(elsewhere, match(elsewhere))["body"]) == body


def test_a_body_larger_than_api_gateway_takes_is_handed_over_as_a_file(tmp_path: Path) -> None:
    event = proxy_event(Request(**(vars(STORE) | {"body": tmp_path / "large"})), match(STORE))
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert event["bodyFile"] == str(tmp_path / "large")
    assert "bodyFile" not in authorizer_event(event)


def test_headers_and_addresses_that_come_twice_are_kept() -> None:
    headers = [(b"accept", b"a/b"), (b"accept", b"c/d"), (b"x-forwarded-for", b"198.51.100.1")]
    event = proxy_event(Request(**(vars(SEARCH) | {"headers": headers})), match(SEARCH))
    assert event["multiValueHeaders"]["accept"] == ["a/b", "c/d"]
    assert event["headers"]["accept"] == "c/d"
    assert event["headers"]["x-forwarded-for"] == "198.51.100.1, 192.0.2.7"


def test_the_authorizer_gets_what_api_gateway_gives_it() -> None:
    ours = authorizer_event(proxy_event(SEARCH, match(SEARCH)))
    theirs = sample("authorizer_request")
    assert set(ours) == set(theirs)
    assert ours["type"] == theirs["type"]
    assert ours["methodArn"].split("/")[2:] == theirs["methodArn"].split("/")[2:]


def test_a_batch_has_the_shape_of_an_sqs_event() -> None:
    ours = sqs_event("index", [ReceivedMessage("17", "{}", 3)])["Records"][0]
    theirs = sample("sqs_batch")["Records"][0]
    assert set(ours) <= set(theirs)
    assert (ours["messageId"], ours["body"], ours["attributes"]["ApproximateReceiveCount"]) == ("17", "{}", "3")
    assert ours["eventSourceARN"].endswith(":index")


def test_an_answer_in_text_and_one_in_base64() -> None:
    text = answer_of({"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "ış"})
    assert (text.status, text.headers, text.body) == (200, [(b"content-type", b"text/plain")], "ış".encode())
    binary = answer_of({"statusCode": "206", "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True})
    assert (binary.status, binary.body) == (206, b"\x00\xff")


def test_several_values_of_a_header_win_over_one() -> None:
    result = {
        "statusCode": 200,
        "headers": {"Set-Cookie": "a=1", "ETag": "x"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": None,
    }
    assert sorted(answer_of(result).headers) == [(b"etag", b"x"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


@pytest.mark.parametrize("result", [{}, {"body": "x"}, {"statusCode": "many"}])
def test_a_malformed_answer_is_refused(result: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        answer_of(result)
