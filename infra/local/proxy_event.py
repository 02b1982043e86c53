"""HTTP in API Gateway's words: a request as the proxy event a Lambda gets, and what the Lambda answers as HTTP.

Called by the gateway. The format is that of REST APIs (version 1.0) with every media type treated as binary.
Source: API Gateway Developer Guide, "Lambda proxy integrations in API Gateway", input and output format.
"""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from functions.routing import Match
from infra.local.invocation import ACCOUNT, REGION

STAGE = "local"
API = "local"
# API Gateway takes no larger body. One machine does, and hands it over as a file (see pacs.entry.body).
BODY_IN_MEMORY_BYTES_MAX = 10 << 20
# What is larger is handed over as it is to those who take it: base64 would take longer than the parts of a STOW request
# take to be found.
BODY_IN_BASE64_BYTES_MAX = 256 << 10
BODY = ("body", "isBase64Encoded", "bodyBytes", "bodyFile")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Request:
    """One HTTP request, read to its end. `path` is percent-encoded; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes | Path
    source_ip: str
    scheme: str
    request_id: str


@dataclass(frozen=True)
class Files:
    """Stretches of files (offset and length), to be sent one after another in pieces."""

    stretches: tuple[tuple[Path, int, int], ...]

    def __len__(self) -> int:
        return sum(length for _, _, length in self.stretches)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes | Files


def proxy_event(request: Request, match: Match) -> dict[str, Any]:
    """The event of an AWS_PROXY integration, without an authorizer's findings."""
    headers = several([(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers])
    forwarded = [*headers.get("x-forwarded-for", []), request.source_ip]
    headers["x-forwarded-for"] = [", ".join(forwarded)]
    headers["x-forwarded-proto"] = [request.scheme]
    query = several(parse_qsl(request.query, keep_blank_values=True))
    held, beside = carried(request.body, streamed=match.route.streamed)
    return {
        "resource": match.route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": last_of(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last_of(query),
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(match.path_parameters) or None,
        "stageVariables": None,
        "requestContext": request_context(request, match, headers),
        "body": base64.b64encode(held).decode() if held else None,
        "isBase64Encoded": bool(held),
        **beside,
    }


def carried(body: bytes | Path, *, streamed: bool) -> tuple[bytes, dict[str, Any]]:
    """What of a body goes into the event as API Gateway would put it, and what is handed over beside that."""
    if isinstance(body, Path):
        return b"", {"bodyFile": str(body)}
    if streamed and len(body) > BODY_IN_BASE64_BYTES_MAX:
        return b"", {"bodyBytes": body}
    return body, {}


def request_context(request: Request, match: Match, headers: Mapping[str, list[str]]) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": ACCOUNT,
        "apiId": API,
        "domainName": headers.get("host", [""])[-1],
        "httpMethod": request.method,
        "identity": {"sourceIp": request.source_ip, "userAgent": headers.get("user-agent", [None])[-1]},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": API,
        "resourcePath": match.route.path,
        "stage": STAGE,
    }


def authorizer_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a REQUEST authorizer for the same call: everything but the body.

    Source: API Gateway Developer Guide, "Input to an API Gateway Lambda authorizer".
    """
    path = str(event["path"]).lstrip("/")
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{STAGE}/{event['httpMethod']}/{path}"
    kept = {name: value for name, value in event.items() if name not in BODY}
    return {"type": "REQUEST", "methodArn": arn, **kept}


def answer_of(result: Mapping[str, Any]) -> Answer:
    """The HTTP answer in a proxy integration's output. Values of `multiValueHeaders` win over `headers`.

    Raises KeyError or ValueError when the output is malformed; API Gateway answers 502 then.
    """
    headers = {name.lower(): [str(value)] for name, value in (result.get("headers") or {}).items()}
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = [str(value) for value in values]
    body = result.get("body") or ""
    content = base64.b64decode(body) if result.get("isBase64Encoded") else str(body).encode()
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, values in headers.items() for value in values]
    return Answer(int(result["statusCode"]), pairs, content)


def several(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def last_of(values: Mapping[str, list[str]]) -> dict[str, str] | None:
    return {name: each[-1] for name, each in values.items()} or None
