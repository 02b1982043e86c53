"""Every route of the catalogue asked oddly, by path, headers and body: never a 5xx, always the one error shape.

What no description of the API can make: paths, headers and bodies that break the form of a request. Odd parameters are
test_openapi's affair.

The same requests each time, so that who breaks a route learns it at once.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.catalogue import FUNCTIONS
from functions.entries import Route

CT = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
CT_SERIES = "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
CT_INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
ROUTES = [route for function in FUNCTIONS for route in function.routes]
KNOWN = {"study": CT, "series": CT_SERIES, "instance": CT_INSTANCE, "frames": "1", "frame": "1", "path": "7FE00010"}
ODD = [
    "0",
    "1.2.3",
    "-1",
    "1,2,x",
    "..",
    "%00",
    "\r\nx: y",
    "ş",
    "a" * 300,
    "1" * 65,
    "{study}",
    "'; --",
    "\\",
    "*",
    " ",
]
HEADERS = {
    "Accept": [
        "*/*",
        "application/dicom+json",
        "application/dicom+xml",
        "multipart/related",
        "a",
        ";;q=x",
        "image/gif",
    ],
    "Range": ["bytes=0-", "bytes=-1", "bytes=9-1", "bytes=0-1,5-6", "x=1", "bytes=" + "0-0," * 99],
    "Content-Type": ["application/json", "application/dicom", "multipart/related", "multipart/related; boundary=", "x"],
    "If-None-Match": ["*", '"x"', "x"],
    "Accept-Encoding": ["gzip;q=0", "x"],
}
BODIES = [b"", b"{}", b"[]", b"null", b"\xff", b'{"studies": 7}', b'{"studies": ["1.2.3"]}', b"[" * 2000, b"a=b&c"]


@dataclass(frozen=True)
class Asked:
    route: Route
    parts: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def address(self) -> str:
        return re.sub(r"\{(\w+)\+?\}", lambda found: quote(self.parts[found[1]], safe=""), self.route.path)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    route = draw(st.sampled_from(ROUTES))
    names = re.findall(r"\{(\w+)\+?\}", route.path)
    parts = {name: draw(st.sampled_from([KNOWN.get(name, "1"), KNOWN.get(name, "1"), *ODD])) for name in names}
    chosen = draw(st.sets(st.sampled_from(sorted(HEADERS)), max_size=3))
    headers = {name: draw(st.sampled_from(HEADERS[name])) for name in sorted(chosen)}
    return Asked(route, parts, headers, draw(st.sampled_from(BODIES)) if route.method == "POST" else b"")


def test_no_odd_question_breaks_a_route(clinic: Any, sample: Any) -> None:
    clinic.add(sample("CT_small.dcm"))
    bearer = clinic.bearer()

    @settings(
        max_examples=300,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(questions())
    def ask(asked: Asked) -> None:
        answer = clinic.client.request(
            asked.route.method,
            asked.address,
            headers={**bearer, **asked.headers},
            content=asked.body,
            follow_redirects=False,
        )
        assert answer.status_code < 500, (asked.address, answer.content)
        if answer.status_code >= 400 and answer.headers.get("content-type") == "application/json" and answer.content:
            assert set(answer.json()) - {"field"} == {"code", "message", "requestId"}, answer.content

    ask()
