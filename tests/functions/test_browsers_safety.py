"""What a browser does with our answers: it runs nothing that was stored, is led nowhere else, keeps no old session."""

from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from functions.catalogue import FUNCTIONS
from functions.entries import is_page
from tests.functions.doors import PASSWORD, bearer, token

PAGES = [
    route
    for each in FUNCTIONS
    for route in each.routes
    if is_page(each, route) and route.method == "GET" and "{" not in route.path
]


def directives(answer: Any) -> dict[str, str]:
    said = answer.headers["content-security-policy"].split(";")
    return {each.split()[0]: each.partition(each.split()[0])[2].strip() for each in said}


def enter(clinic: Any, **form: str) -> Any:
    sent = {"door": "admin", "username": "admin@example.org", "password": PASSWORD, **form}
    return clinic.client.post("/auth/door", data=sent, follow_redirects=False)


def test_every_page_and_every_error_says_what_a_browser_may_do_with_it(doors: Any) -> None:
    enter(doors)
    addresses = [route.path for route in PAGES] + ["/dashboard/nothing", "/worklist?from=x", "/ohif", "/share?s=x"]
    answers = {each: doors.client.get(each, follow_redirects=False) for each in addresses}
    shown = {
        path: each for path, each in answers.items() if each.headers.get("content-type", "").startswith("text/html")
    }
    assert len(shown) > 12
    for path, answer in shown.items():
        said = directives(answer)
        framed = "'self'" if path == "/ohif" else "'none'"  # the radiologist's desk has the viewer beside the report
        assert said["frame-ancestors"] == framed and said["base-uri"] == "'none'", path
        assert said["default-src"] == "'none'" and "unsafe" not in said["script-src"], path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "no-referrer", path
        assert answer.headers["cache-control"] == "no-store", path


def test_every_function_lets_no_browser_run_what_it_answers(doors: Any) -> None:
    headers = bearer(token(doors))
    for each in FUNCTIONS:
        for path in {route.path for route in each.routes if route.method == "GET" and not is_page(each, route)}:
            answer = doors.client.get(path.replace("{", "").replace("}", ""), headers=headers, follow_redirects=False)
            if answer.status_code != 403:  # which the gateway answers, as JSON
                assert answer.headers["x-content-type-options"] == "nosniff", path
                assert directives(answer)["script-src"].startswith(("'none'", "'nonce-")), path


def document(number: int, media_type: str) -> bytes:
    """An encapsulated document that a browser would run."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.104.2"), UID(f"1.2.3.{number}")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = UID("1.2"), UID("1.2.3")
    dataset.MIMETypeOfEncapsulatedDocument = media_type
    dataset.EncapsulatedDocument = b"<html><script>alert(document.cookie)</script></html>"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def test_a_stored_document_runs_no_script(clinic: Any) -> None:
    for number, kind in enumerate(("text/html", "image/svg+xml", "text/xml"), start=1):
        clinic.add(document(number, kind))
        for path in ("/rendered", "/bulkdata/00420011"):
            answer = clinic.get(
                f"/studies/1.2/series/1.2.3/instances/1.2.3.{number}{path}", Accept=f"{kind}, */*;q=0.1"
            )
            assert b"<script>" in answer.content
            assert directives(answer)["script-src"] == "'none'"
            assert answer.headers["x-content-type-options"] == "nosniff"


ELSEWHERE = ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]


def test_no_address_in_a_link_leads_to_another_site(doors: Any) -> None:
    client = doors.client
    for address in ELSEWHERE:
        for answer in (
            enter(doors, next=address),
            client.get("/auth/renew", params={"next": address}, follow_redirects=False),
            client.post("/preferences", data={"language": "en", "next": address}, follow_redirects=False),
        ):
            assert answer.headers["location"] in ("/", "/dashboard")
        client.cookies.delete("pacs_session")
        renewed = client.get("/dashboard", headers={"HX-Request": "true", "HX-Current-URL": address})
        assert renewed.headers["hx-redirect"].startswith("/auth/renew?next=%2F")
        assert "evil" not in renewed.headers["hx-redirect"]
        study = {"studies": ["1.2.3"], "returnUrl": address}
        assert client.post("/api/launch", json=study, headers=doors.bearer()).status_code in (400, 404)


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(doors: Any) -> None:
    enter(doors, username="centre@example.org", door="corporate")
    planted = dict(doors.client.cookies)
    doors.client.cookies.clear()
    for name in ("pacs_session", "pacs_refresh", "pacs_csrf"):
        doors.client.cookies.set(name, planted[name], domain="testserver.local", path="/")
    enter(doors)
    signed_in = {each.name: each.value for each in doors.client.cookies.jar if each.value not in planted.values()}
    assert set(signed_in) >= {"pacs_session", "pacs_refresh", "pacs_csrf"}
    tokens = doors.services.tokens
    old, new = (tokens.verify(each["pacs_session"], "session") for each in (planted, signed_in))
    assert old.session_id != new.session_id and old.member_id != new.member_id
    # Whoever planted it is still only who it was, and knows nothing of the new one.
    assert not tokens.is_csrf(new.session_id, planted["pacs_csrf"])
