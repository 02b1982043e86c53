"""UPS-RS through the gateway: addresses, headers, and every example of docs/worklist.md."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import pytest

from pacs.dicomweb.native import to_native
from pacs.people.scope import Scope
from tests.worklist.steps import MINE, OTHERS, Json, performed, scheduled, state

DOCUMENT = Path(__file__).parents[2] / "docs/worklist.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ITEM = "/workitems/2.25.7"
ALL = "/workitems/1.2.840.10008.5.1.4.34.5"


def ask(clinic: Any, method: str, path: str, body: Json | None = None, scope: Scope | None = None, **other: str) -> Any:
    headers = clinic.bearer(scope) | {"Content-Type": "application/dicom+json"} | other
    return clinic.client.request(method, "/dicomweb" + path, headers=headers, json=body)


@pytest.fixture
def item(clinic: Any) -> Any:
    """A clinic with a workitem."""
    assert ask(clinic, "POST", "/workitems?workitem=2.25.7", scheduled()).status_code == 201
    return clinic


def examples() -> list[tuple[int, list[str]]]:
    """Every command of the document, in its order, with the status it says."""
    text = "".join(BLOCK.findall(DOCUMENT.read_text())).replace("\\\n", " ")
    parts = re.split(r"^# (\d+)\n", text, flags=re.MULTILINE)[1:]
    return [(int(status), shlex.split(command)) for status, command in zip(parts[::2], parts[1::2], strict=True)]


def test_every_example_of_the_document_answers_what_it_says(clinic: Any) -> None:
    token = clinic.bearer()["Authorization"].removeprefix("Bearer ")
    found = examples()
    assert len(found) >= 9
    for status, [program, *words] in found:
        assert program == "curl"
        filled = [Template(word).substitute(PACS="", TOKEN=token) if "$" in word else word for word in words]
        given = list(pairwise(filled))
        options = {"-X": "GET", "-d": None, **dict(given)}
        headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
        url = next(word for word in filled if word.startswith("/dicomweb"))
        answer = clinic.client.request(options["-X"], url, headers=headers, content=options["-d"])
        assert answer.status_code == status, (url, answer.text)


def test_a_new_workitem_is_where_the_answer_says(clinic: Any) -> None:
    answer = ask(clinic, "POST", "/workitems", scheduled() | {"00741202": {"vr": "LO"}})
    assert answer.headers["warning"] == "299 bulut-pacs: The Workitem was created with modifications."
    place = answer.headers["location"].removeprefix("http://testserver/dicomweb")
    [dataset] = ask(clinic, "GET", place).json()
    assert dataset["00741000"]["Value"] == ["SCHEDULED"]
    assert dataset["00080018"]["Value"] == [place.rpartition("/")[2]]


@pytest.mark.parametrize("query", ["?workitem=2.25.9", "?AffectedSOPInstanceUID=2.25.9", "?2.25.9"])
def test_a_uid_is_named_in_each_way_that_clients_know(clinic: Any, query: str) -> None:
    assert ask(clinic, "POST", "/workitems" + query, scheduled()).status_code == 201
    assert ask(clinic, "GET", "/workitems/2.25.9").status_code == 200
    again = ask(clinic, "POST", "/workitems" + query, scheduled())
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize("query", ["?transaction-uid=", "?transaction=", "?TransactionUID=", "?"])
def test_the_transaction_uid_is_named_in_each_way_that_clients_know(item: Any, query: str) -> None:
    assert ask(item, "PUT", ITEM + "/state", state("IN PROGRESS")).status_code == 200
    refused = ask(item, "POST", ITEM + query + OTHERS, performed())
    assert refused.headers["warning"] == "299 bulut-pacs: The Transaction UID is incorrect."
    assert ask(item, "POST", ITEM + query + MINE, performed()).status_code == 200
    done = ask(item, "PUT", ITEM + "/state", state("COMPLETED"))
    assert (done.status_code, "warning" in done.headers) == (200, False)
    again = ask(item, "PUT", ITEM + "/state", state("COMPLETED"))
    assert again.headers["warning"] == "299 bulut-pacs: The UPS is already in the requested state of COMPLETED."
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "warning"),
    [
        ("PUT", ITEM + "/state", state("IN PROGRESS", ""), 400, "The Transaction UID is missing."),
        (
            "PUT",
            ITEM + "/state",
            state("COMPLETED"),
            409,
            "The submitted request is inconsistent with the state of the UPS Instance.",
        ),
        ("POST", ITEM + "?transaction-uid=" + MINE, {}, 409, "The target URI did not reference a claimed Workitem."),
        ("PUT", "/workitems/2.25.8/state", state("IN PROGRESS"), 404, None),
        ("GET", "/workitems/2.25.8", None, 404, None),
        (
            "POST",
            ALL + ".1/subscribers/READER",
            None,
            403,
            "Filtered Worklist Subscriptions are not supported.",
        ),
        ("POST", ALL + "/subscribers/A%5CB", None, 400, "an AE title has 1 to 16 characters of ASCII and no backslash"),
        ("DELETE", ITEM + "/subscribers/READER", None, 404, None),
        ("POST", ALL + "/subscribers/READER/suspend", None, 404, None),
        ("GET", "/subscribers/READER/events", None, 404, None),
        ("GET", "/subscribers/READER/events?after=-1", None, 400, None),
        ("GET", "/workitems?limit=x", None, 400, "limit must be a whole number that is not negative"),
    ],
)
def test_what_is_refused_is_told_in_the_standards_words(
    item: Any, method: str, path: str, body: Json | None, status: int, warning: str | None
) -> None:
    answer = ask(item, method, path, body)
    assert answer.status_code == status
    assert set(answer.json()) >= {"code", "message", "requestId"}
    assert answer.headers.get("warning") == (warning and f"299 bulut-pacs: {warning}")


def test_xml_is_spoken_as_well(clinic: Any) -> None:
    headers = clinic.bearer() | {"Content-Type": "application/dicom+xml"}

    def tell(method: str, path: str, dataset: Json) -> int:
        answer = clinic.client.request(method, "/dicomweb" + path, headers=headers, content=to_native(dataset))
        return int(answer.status_code)

    assert tell("POST", "/workitems?workitem=2.25.7", scheduled()) == 201
    assert tell("PUT", ITEM + "/state", state("IN PROGRESS")) == 200
    assert tell("POST", f"{ITEM}?transaction-uid={MINE}", performed()) == 200
    assert tell("PUT", ITEM + "/state", state("COMPLETED")) == 200
    [kept] = ask(clinic, "GET", ITEM).json()
    one = ask(clinic, "GET", ITEM, Accept="application/dicom+xml")
    assert one.headers["content-type"] == "application/dicom+xml" and one.content == to_native(kept)
    for path in (ITEM, "/workitems?includefield=00741216"):
        several = ask(clinic, "GET", path, Accept='multipart/related; type="application/dicom+xml"')
        assert several.headers["content-type"].startswith('multipart/related; type="application/dicom+xml"')
        assert several.content.count(b"<NativeDicomModel") == 1 and "Işık".encode() in several.content
    nothing = ask(clinic, "GET", "/workitems?PatientID=none", Accept='multipart/related; type="application/dicom+xml"')
    assert nothing.status_code == 204


def test_a_workitem_never_moves_to_a_study_that_its_mover_does_not_see(item: Any) -> None:
    narrow = Scope(item.scope.organization_id, "admin", studies=("1.2.3",))
    for uids in (["9.9"], []):
        refused = ask(item, "POST", ITEM, {"0020000D": {"vr": "UI", "Value": uids}}, scope=narrow)
        assert refused.status_code == 404
    assert ask(item, "POST", ITEM, {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}, scope=narrow).status_code == 200
    assert ask(item, "POST", ITEM, {"0020000D": {"vr": "UI", "Value": ["9.9"]}}).status_code == 200
    assert ask(item, "GET", ITEM, scope=narrow).status_code == 404


def test_what_is_neither_dicom_json_nor_xml_is_not_spoken(item: Any) -> None:
    headers = item.bearer() | {"Content-Type": "application/xml"}
    assert item.client.post("/dicomweb/workitems", headers=headers, content=b"<a/>").status_code == 415
    headers["Content-Type"] = "application/dicom+xml"
    assert item.client.post("/dicomweb/workitems", headers=headers, content=b"<a/>").status_code == 400
    assert ask(item, "POST", "/workitems", [scheduled(), scheduled()]).status_code == 400  # type: ignore[arg-type]
    assert ask(item, "GET", ITEM, Accept="text/xml").status_code == 406
    assert ask(item, "GET", "/workitems", Accept="application/dicom+xml").status_code == 406
    answer = ask(item, "GET", "/workitems?TransactionUID=1.2", Accept="application/json")
    assert answer.headers["content-type"] == "application/dicom+json"
    assert "ignored: TransactionUID" in answer.headers["warning"]


def test_a_launch_sees_the_workitems_of_its_studies_and_changes_none(item: Any) -> None:
    launch = Scope(item.scope.organization_id, "launch", studies=("1.2.3",), privacy=True)
    [seen] = ask(item, "GET", "/workitems", scope=launch).json()
    assert "00741204" in seen and "00100010" not in seen
    assert ask(item, "POST", ITEM + "/cancelrequest", scope=launch).status_code == 403
    elsewhere = Scope(item.scope.organization_id, "launch", studies=("9.9",))
    assert ask(item, "GET", "/workitems", scope=elsewhere).json() == []
    assert ask(item, "GET", ITEM, scope=elsewhere).status_code == 404


def test_who_subscribed_hears_what_happened_once(item: Any) -> None:
    answer = ask(item, "POST", ITEM + "/subscribers/READER")
    assert answer.status_code == 201
    place = answer.headers["content-location"].removeprefix("http://testserver/dicomweb")
    first = ask(item, "GET", place).json()
    assert [event["00741000"]["Value"] for event in first["events"]] == [["SCHEDULED"]]
    assert ask(item, "POST", ITEM + "/cancelrequest").status_code == 202
    then = ask(item, "GET", f"{place}?after={first['last']}").json()
    assert [event["00741000"]["Value"] for event in then["events"]] == [["IN PROGRESS"], ["CANCELED"]]
    assert ask(item, "GET", f"{place}?after={then['last']}").json() == {"last": then["last"], "events": []}
    again = ask(item, "POST", ITEM + "/cancelrequest")
    assert (again.status_code, again.headers["warning"][-9:]) == (202, "CANCELED.")
    assert ask(item, "DELETE", ITEM + "/subscribers/READER").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/workitems", scheduled() | {"00741204": {"vr": "LO", "Value": ["a\0b"]}}, 400),
        ("POST", "/workitems", scheduled() | {"00404005": {"vr": "DT", "Value": ["00010101+1400"]}}, 400),
        ("POST", "/workitems", scheduled() | {"00404011": {"vr": "DT", "Value": ["soon"]}}, 400),
        ("POST", "/workitems", scheduled() | {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "a" * 9000}]}}, 201),
        ("POST", "/workitems", scheduled() | {"00404025": {"vr": "SQ"}}, 201),
        ("POST", "/workitems?workitem=..%2F..", scheduled(), 400),
        ("GET", "/workitems/%00", None, 400),
        ("GET", "/workitems/%F0%9F%92%A3", None, 404),
        ("GET", "/workitems?PatientName=%00", None, 400),
        ("GET", "/workitems?ScheduledProcedureStepStartDateTime=00010101-99991231", None, 200),
        ("GET", "/workitems?PatientID=%5C%25_'%22%3B--", None, 200),
        ("GET", "/workitems?0008.0018=1", None, 200),
        ("GET", "/workitems?offset=2147483647&limit=0", None, 200),
        ("GET", "/subscribers/%2E%2E/events", None, 404),
        ("GET", "/subscribers/READER/events?after=99999999999999999999", None, 400),
        ("POST", ALL + "/subscribers/READER?deletionlock=perhaps", None, 400),
        ("POST", ITEM + "/cancelrequest", {"0074100E": {"vr": "SQ", "Value": [{"x": 1}]}}, 400),
    ],
)
def test_odd_requests_are_answered_and_nothing_breaks(
    item: Any, method: str, path: str, body: Json | None, status: int
) -> None:
    assert ask(item, method, path, body).status_code == status


def test_long_worklists_come_in_gzip_to_those_who_take_it(clinic: Any) -> None:
    for number in range(8):
        assert ask(clinic, "POST", f"/workitems?workitem=2.25.{number}", scheduled()).status_code == 201
    plain = clinic.get("/workitems", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and len(plain.json()) == 8
    squeezed = clinic.get("/workitems", **{"Accept-Encoding": "gzip"})
    assert squeezed.headers["content-encoding"] == "gzip" and squeezed.json() == plain.json()
    assert int(squeezed.headers["content-length"]) < len(plain.content) / 2
    short = clinic.get("/workitems?limit=0", **{"Accept-Encoding": "gzip"})
    for each in (plain, squeezed, short):
        assert "accept-encoding" in each.headers["vary"].lower()
    assert "content-encoding" not in short.headers
