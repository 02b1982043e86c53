"""What DICOMweb says that it can do: of the whole and of each resource, as JSON and as WADL."""

from typing import Any
from xml.etree import ElementTree

import pytest

from functions.catalogue import FUNCTIONS
from pacs.entry.capabilities import NAMESPACE, RESOURCES

ROUTES = [route for each in FUNCTIONS for route in each.routes if route.path.startswith("/dicomweb")]
SERVED = {(each.method, each.path) for each in ROUTES if each.method != "OPTIONS" and each.path != "/dicomweb"}


def told(resource: Any, above: str = "/dicomweb") -> set[tuple[str, str]]:
    """Method and path of everything in a description."""
    path = f"{above}/{resource['path']}"
    found = {(each["name"], path) for each in resource["method"]}
    return found.union(*(told(each, path) for each in resource.get("resource", [])))


def test_the_table_is_that_of_the_catalogue() -> None:
    assert {(method, path) for path, methods in RESOURCES.items() for method in methods} == SERVED
    assert {each.path for each in ROUTES if each.method == "OPTIONS"} == {*RESOURCES, "/dicomweb"}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/dicomweb"), ("OPTIONS", "/dicomweb"), ("OPTIONS", "/dicomweb/")]
)
def test_all_that_can_be_asked_is_told_to_anybody(clinic: Any, method: str, path: str) -> None:
    answer = clinic.client.request(method, path, follow_redirects=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    (resources,) = answer.json()["application"]["resources"]
    assert resources["base"] == "http://testserver/dicomweb"
    everything = set[tuple[str, str]]().union(*(told(each) for each in resources["resource"]))
    assert everything == {(each, path.replace("+}", "}")) for each, path in SERVED}


def test_a_resource_tells_of_itself_and_what_is_below(clinic: Any) -> None:
    answer = clinic.client.options("/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    (resource,) = answer.json()["application"]["resources"][0]["resource"]
    assert resource["path"] == "studies/{study}/series/{series}/instances/{instance}/frames/{frames}"
    assert {each["path"] for each in resource["resource"]} == {"rendered", "thumbnail"}
    assert {each["id"] for each in resource["method"]} == {"RetrieveFrames"}


def test_a_search_tells_its_keys_and_a_store_its_media_types(clinic: Any) -> None:
    (resource,) = clinic.client.options("/dicomweb/studies").json()["application"]["resources"][0]["resource"]
    search, _, store = resource["method"]
    names = {each["name"] for each in search["request"][0]["param"]}
    assert {"Accept", "PatientName", "StudyDate", "limit", "includefield", "fuzzymatching"} <= names
    assert {"mediaType": "application/dicom"} in store["request"][0]["representation"]
    assert {"mediaType": "application/dicom+json"} in search["response"][0]["representation"]


def test_the_same_as_wadl(clinic: Any) -> None:
    answer = clinic.client.options("/dicomweb", headers={"Accept": "application/vnd.sun.wadl+xml"})
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    root = ElementTree.fromstring(answer.content)
    name = f"{{{NAMESPACE}}}"
    assert root.tag == f"{name}application"
    (resources,) = root
    assert (resources.tag, resources.get("base")) == (f"{name}resources", "http://testserver/dicomweb")
    assert len(list(root.iter(f"{name}method"))) == len(SERVED)
    options = {each.get("value") for each in root.iter(f"{name}option")}
    assert 'multipart/related; type="application/dicom"; transfer-syntax=*' in options


def test_what_cannot_be_made_of_it_is_refused(clinic: Any) -> None:
    refused = clinic.client.options("/dicomweb", headers={"Accept": "text/plain"})
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")


def called(function: str, method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """What a function answers to API Gateway, which adds no header to it."""
    from infra.local.invocation import load_all

    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": "r", "identity": {"sourceIp": "192.0.2.1"}, "stage": ""},
        "body": None,
        "isBase64Encoded": False,
    }
    return dict(load_all()[function](event, None))


def test_a_browser_hears_from_the_function_too_whether_it_may_call(clinic: Any) -> None:
    """API Gateway lets the function answer; on one machine the gateway does."""
    for origin, allowed in (("https://viewer.example", True), ("https://evil.example", False)):
        headers = {"origin": origin, "access-control-request-method": "POST"}
        answer = clinic.client.options("/dicomweb/studies", headers=headers)
        assert (answer.status_code, answer.headers.get("access-control-allow-origin") == origin) == (204, allowed)
        told = called("dicomweb", "OPTIONS", "/dicomweb/studies", headers)
        assert (told["statusCode"], told["headers"].get("access-control-allow-origin") == origin) == (204, allowed)
        assert "POST" in told["headers"]["access-control-allow-methods"]


def test_pages_of_configured_origins_may_read_every_answer_of_every_function(clinic: Any) -> None:
    """Errors too: a page that may not read them tells its user nothing."""
    asked = (
        ("dicomweb", "/dicomweb", 200),
        ("dicomweb", "/dicomweb/studies", 401),
        ("dicomweb", "/dicomweb/nothing/of/this", 404),
        ("frames", "/dicomweb/studies/1/series/2/instances/3/frames/1", 401),
        ("workitems", "/dicomweb/workitems", 401),
        ("launch", "/ohif/config", 401),
        ("portal", "/auth/me", 401),
    )
    for function, path, status in asked:
        for origin, allowed in (("https://viewer.example", True), ("https://evil.example", False), ("", False)):
            told = called(function, "GET", path, {"origin": origin} if origin else {})
            assert told["statusCode"] == status, (function, told)
            heard = told["headers"]
            assert (heard.get("access-control-allow-origin") == "https://viewer.example") is allowed
            assert ("warning" in heard.get("access-control-expose-headers", "")) is allowed
            assert "origin" in heard["vary"].split(", ")
            assert "multiValueHeaders" not in told or "vary" not in told["multiValueHeaders"]


def test_through_the_gateway_a_page_hears_once_that_it_may_read(clinic: Any) -> None:
    headers = {**clinic.bearer(), "Origin": "https://viewer.example"}
    answer = clinic.client.get("/dicomweb/studies", headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get_list("access-control-allow-origin") == ["https://viewer.example"]
    assert answer.headers.get_list("vary") == ["Accept-Encoding, origin"]
