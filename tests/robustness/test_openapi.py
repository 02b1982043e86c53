"""Requests that schemathesis makes of docs/openapi.json, good and bad: never a 5xx, one error shape, answers as told.

The same requests each time, so that who breaks a route learns it at once. PACS_EXAMPLES asks more of each operation.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.archive.of_no_patient import hanging_protocol
from tests.functions.integrators import integrator_of
from tests.worklist.steps import scheduled

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
EXAMPLES = int(os.environ.get("PACS_EXAMPLES", "12"))
BOUNDARY = "made-of-the-description"
CT, CT_SERIES = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322", "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
CT_INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
KNOWN = {"study": CT, "series": CT_SERIES, "instance": CT_INSTANCE, "frames": "1", "frame": "1", "path": "7FE00010"}
WORKITEM = "1.2.826.0.1.3680043.8.498.1"
EXTERNAL = "/api/external"  # whose callers have keys
FOR_PROGRAMS = ("/api", "/auth", "/dicomweb", "/frames", "/studies", "/uploads", "/viewer-data", "/wado")


def binary(context: Any, value: Any) -> bytes:
    """A body that is no JSON: whatever was generated, as one instance or as one part."""
    body = value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
    if context.case.media_type == "multipart/related":
        body = (
            f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + body + f"\r\n--{BOUNDARY}--".encode()
        )
    return body


schemathesis.serializer("application/dicom", "multipart/related")(binary)


def operations() -> list[Any]:
    """Every operation; those that delete come late, and those that may end the session come last."""
    schema: Any = schemathesis.openapi.from_dict(DOCUMENT)
    found = [each.ok() for each in schema.get_all_operations()]
    return sorted(found, key=lambda each: (each.path.startswith("/auth"), each.method.upper() == "DELETE"))


def cases(operation: Any, known: dict[str, str]) -> st.SearchStrategy[Any]:
    """Good and bad requests of an operation, most of them for something that is there."""
    named = {name: value for name, value in known.items() if "{" + name + "}" in operation.path}
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    there = [operation.as_strategy(generation_mode=mode, path_parameters=named) for mode in modes] if named else []
    return st.one_of(*there, *(operation.as_strategy(generation_mode=mode) for mode in modes))


def send(clinic: Any, case: Any, headers: dict[str, str]) -> Any:
    request = requests.Request(
        **{name: value for name, value in case.as_transport_kwargs("http://testserver").items() if name != "timeout"}
    ).prepare()
    content_type = request.headers.get("Content-Type")
    if content_type == "multipart/related":
        request.headers["Content-Type"] = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    encoded = {
        name: value.encode("latin-1") if isinstance(value, str) else value for name, value in request.headers.items()
    }
    return clinic.client.request(
        request.method,
        request.url,
        headers={**encoded, **headers},
        content=request.body or b"",
        follow_redirects=False,
    )


def check(case: Any, answer: Any) -> None:
    told = case.operation.definition.raw["responses"]
    assert answer.status_code < 500, (case.as_curl_command(), answer.content)
    assert answer.status_code != 401 or case.path.startswith(("/auth", "/ohif", "/share", "/api/jobs")), (
        "the token is good for all of it"
    )
    if str(answer.status_code) in told:
        return
    assert answer.status_code >= 400, (case.as_curl_command(), answer.status_code)
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert not case.path.startswith(FOR_PROGRAMS)  # people are told on a page
    elif case.method != "HEAD":
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()) - {"field", "creditsUsed", "remainingCredits"} == {"code", "message", "requestId"}


@pytest.mark.timeout(300)
def test_no_described_request_breaks_a_route(clinic: Any, sample: Any) -> None:
    for name in ("CT_small.dcm", "examples_ybr_color.dcm"):
        clinic.add(sample(name))
    clinic.derive()
    token = clinic.services.tokens.sign(clinic.scope, "session", ttl_s=24 * 3600)
    headers = {"Authorization": f"Bearer {token}"}
    clinic.add(hanging_protocol(CT_INSTANCE))
    known = {
        **KNOWN,
        "category": "hanging-protocols",
        "organization": clinic.made.organization_id,
        "workitem": WORKITEM,
        "ae": "READER",
    }
    clinic.client.post(f"/dicomweb/workitems?{WORKITEM}", json=scheduled(CT), headers=headers)

    keyed = {each.path: integrator_of(clinic).headers for each in operations() if each.path.startswith(EXTERNAL)}
    for operation in operations():

        @settings(
            max_examples=max(EXAMPLES // 4, 4) if operation.method.upper() == "HEAD" else EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases(operation, known))
        def ask(case: Any) -> None:
            check(case, send(clinic, case, keyed.get(case.path, headers)))

        ask()
