"""The Non-Patient Instance service over HTTP."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread

from infra.local.watching import ARRIVED, COUNTS
from pacs.archive.storing import store_instance
from pacs.people.scope import Scope
from tests.archive.of_no_patient import PROTOCOL_UID, color_palette, hanging_protocol

PROTOCOL = f"/hanging-protocols/{PROTOCOL_UID}"
OTHER_UID = PROTOCOL_UID + ".2"


@pytest.fixture
def protocols(clinic: Any) -> Any:
    """A clinic with two hanging protocols and a palette."""
    clinic.add(hanging_protocol())
    clinic.add(hanging_protocol(OTHER_UID, HangingProtocolName="HAND", NumberOfPriorsReferenced=0))
    clinic.add(color_palette())
    return clinic


def uids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [each["00080018"]["Value"][0] for each in answer.json()]


def test_a_search_answers_what_the_instances_say_of_themselves(protocols: Any) -> None:
    answer = protocols.get("/hanging-protocols?HangingProtocolName=gogus")
    (found,) = answer.json()
    assert answer.headers["content-type"] == "application/dicom+json"
    assert found["00720002"] == {"vr": "SH", "Value": ["GÖĞÜS"]}
    assert found["0072000C"]["Value"][0]["00080060"]["Value"] == ["CR"]
    assert found["00081190"]["Value"] == [f"http://testserver/dicomweb{PROTOCOL}"]
    assert found["00080056"]["Value"] == ["ONLINE"]


BOTH = [PROTOCOL_UID, OTHER_UID]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", BOTH),
        ("HangingProtocolName=h*", [OTHER_UID]),
        ("00720006=SITE", BOTH),
        ("HangingProtocolLevel=USER_GROUP", []),
        ("HangingProtocolDefinitionSequence.Modality=DX", BOTH),
        ("HangingProtocolDefinitionSequence.Modality=MR", []),
        ("HangingProtocolDefinitionSequence.Modality=D*", BOTH),
        ("HangingProtocolDefinitionSequence.AnatomicRegionSequence.CodeValue=51185008", BOTH),
        ("NumberOfPriorsReferenced=2", [PROTOCOL_UID]),
        (f"SOPInstanceUID={OTHER_UID},1.2", [OTHER_UID]),
        ("SOPClassUID=1.2.840.10008.5.1.4.38.1", BOTH),
        ("limit=1&offset=1", [OTHER_UID]),
        ("HangingProtocolName=hando&fuzzymatching=true", []),  # likeness is for names of people alone
        ('HangingProtocolUserGroupName=""&emptyvaluematching=true', BOTH),
        ("includefield=all&HangingProtocolName=HAND", [OTHER_UID]),
    ],
)
def test_matching(protocols: Any, query: str, found: list[str]) -> None:
    assert uids(protocols.get(f"/hanging-protocols?{query}")) == found


def test_each_kind_is_searched_by_itself(protocols: Any) -> None:
    assert uids(protocols.get("/color-palettes?ContentLabel=hot_iron")) == [PROTOCOL_UID]
    assert uids(protocols.get("/implant-templates")) == []
    assert protocols.get("/palettes").status_code == 404
    assert protocols.get(f"/color-palettes/{OTHER_UID}").status_code == 404


def test_what_is_not_matched_on_is_told(protocols: Any) -> None:
    answer = protocols.get("/hanging-protocols?HangingProtocolCreationDateTime=2026&limit=1")
    assert "HangingProtocolCreationDateTime" in answer.headers["warning"]
    assert "additional results" in answer.headers["warning"]
    assert protocols.get("/hanging-protocols?orderby=HangingProtocolName").status_code == 400
    assert "ignored: Nonsense" in protocols.get("/hanging-protocols?Nonsense=1").headers["warning"]


def test_metadata_is_the_default(protocols: Any) -> None:
    answer = protocols.get(PROTOCOL)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    (metadata,) = answer.json()
    assert metadata["00720004"]["Value"] == ["Two fields"]
    tag = answer.headers["etag"]
    assert protocols.get(PROTOCOL, **{"If-None-Match": tag}).status_code == 304


def test_an_instance_comes_as_it_was_received(protocols: Any) -> None:
    answer = protocols.get(PROTOCOL, Accept="application/dicom")
    assert (answer.content, answer.headers["content-type"]) == (hanging_protocol(), "application/dicom")
    part = protocols.get(PROTOCOL, Accept="application/dicom", Range="bytes=128-131")
    assert (part.status_code, part.content) == (206, b"DICM")
    several = protocols.get(PROTOCOL, Accept='multipart/related; type="application/dicom"')
    assert several.headers["content-type"].startswith("multipart/related") and hanging_protocol() in several.content
    assert dcmread(BytesIO(answer.content)).HangingProtocolName == "GÖĞÜS"


def test_metadata_comes_in_xml_too(protocols: Any) -> None:
    answer = protocols.get(PROTOCOL, Accept='multipart/related; type="application/dicom+xml"')
    assert answer.status_code == 200 and b"<NativeDicomModel" in answer.content
    assert protocols.get(PROTOCOL, Accept="image/png").status_code == 406


def test_long_values_are_behind_their_uris(protocols: Any) -> None:
    (metadata,) = protocols.get(f"/color-palettes/{PROTOCOL_UID}").json()
    address = metadata["00282000"]["BulkDataURI"]
    value = protocols.get(address.removeprefix("/dicomweb"))
    assert (value.status_code, value.content) == (200, bytes(range(256)) * 300)
    part = protocols.get(address.removeprefix("/dicomweb"), Range="bytes=250-259")
    assert (part.status_code, part.content) == (206, (bytes(range(256)) * 2)[250:260])
    several = protocols.get(
        address.removeprefix("/dicomweb"), Accept='multipart/related; type="application/octet-stream"'
    )
    assert f"Content-Location: {address}\r\n".encode() in several.content
    for unknown in ("00290010", "nonsense"):
        assert protocols.get(f"/color-palettes/{PROTOCOL_UID}/bulkdata/{unknown}").status_code == 404


def test_a_token_for_studies_sees_nothing_that_has_none(protocols: Any) -> None:
    narrowed = Scope(protocols.made.organization_id, "launch", studies=("1.2.3",))
    assert uids(protocols.get("/hanging-protocols", scope=narrowed)) == []
    assert protocols.get(PROTOCOL, scope=narrowed).status_code == 404


def test_nobody_replaces_what_another_branch_has(protocols: Any) -> None:
    elsewhere = Scope(protocols.made.organization_id, "technician", branches=("00000000-0000-4000-8000-000000000001",))
    newer = hanging_protocol(HangingProtocolLevel="USER_GROUP")
    refused = stow(protocols, "/hanging-protocols", newer, scope=elsewhere)
    assert refused.status_code == 409
    assert refused.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0124]
    assert protocols.get(PROTOCOL, Accept="application/dicom").content == hanging_protocol()
    own = Scope(protocols.made.organization_id, "technician", branches=(protocols.made.branch_id,))
    assert stow(protocols, "/hanging-protocols", newer, scope=own).status_code == 200
    assert stow(protocols, "/hanging-protocols", hanging_protocol("1.2.77"), scope=elsewhere).status_code == 200


def test_no_older_bytes_are_read_by_what_the_index_knows_of_newer_ones(protocols: Any) -> None:
    newer = hanging_protocol(HangingProtocolLevel="USER_GROUP")
    assert store_instance(protocols.services, protocols.scope, newer).outcome == "replaced"
    assert protocols.get(PROTOCOL).status_code == 503
    assert protocols.get(PROTOCOL, Accept="application/dicom").content == newer
    protocols.index()
    assert protocols.get(PROTOCOL).json()[0]["00720006"]["Value"] == ["USER_GROUP"]


def test_the_command_line_counts_it_beside_the_studies(protocols: Any) -> None:
    (counts,) = protocols.services.database.fetch(COUNTS)
    assert (counts["instances"], counts["non_patient_instances"]) == (0, 3)
    assert counts["size_bytes"] == sum(info.size_bytes for info in protocols.services.originals.scan())
    parameters = {"organization_id": protocols.made.organization_id, "studies": ["1.2"], "since": datetime.now(UTC)}
    (arrived,) = protocols.services.database.fetch(ARRIVED, {**parameters, "since": datetime(2020, 1, 1, tzinfo=UTC)})
    assert arrived == {"study_instance_uid": "non-patient", "instances": 3}
    assert [each["instances"] for each in protocols.services.database.fetch(ARRIVED, parameters)] == [0]


def test_what_is_no_uid_is_told(protocols: Any) -> None:
    assert protocols.get("/hanging-protocols/x").status_code == 400


def stow(clinic: Any, path: str, *bodies: bytes, scope: Scope | None = None) -> Any:
    parts = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n" for body in bodies)
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b', **clinic.bearer(scope)}
    return clinic.client.post("/dicomweb" + path, content=parts + b"--b--", headers=headers)


@pytest.mark.parametrize("path", ["/hanging-protocols", PROTOCOL, "/studies"])
def test_what_is_stored_is_told_with_its_address_and_found(clinic: Any, path: str) -> None:
    answer = stow(clinic, path, hanging_protocol())
    assert answer.status_code == 200, answer.content
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081190"]["Value"] == [f"http://testserver/dicomweb{PROTOCOL}"]
    assert "00081190" not in answer.json()  # there is no study
    clinic.index()
    assert uids(clinic.get("/hanging-protocols")) == [PROTOCOL_UID]


def test_a_single_part_and_json_are_stored_too(clinic: Any) -> None:
    headers = clinic.bearer()
    kinds = {"Content-Type": "application/dicom"}
    answer = clinic.client.post("/dicomweb" + PROTOCOL, content=hanging_protocol(), headers={**headers, **kinds})
    assert answer.status_code == 200
    clinic.index()
    metadata = clinic.get(PROTOCOL).json()
    metadata[0]["00080018"]["Value"] = [OTHER_UID]
    kinds = {"Content-Type": "application/dicom+json"}
    answer = clinic.client.post("/dicomweb/hanging-protocols", json=metadata, headers={**headers, **kinds})
    assert answer.status_code == 200, answer.content
    clinic.index()
    assert uids(clinic.get("/hanging-protocols?HangingProtocolName=gogus")) == BOTH


def test_what_is_of_another_kind_fails_and_the_rest_is_stored(clinic: Any, sample: Any) -> None:
    answer = stow(clinic, "/hanging-protocols", hanging_protocol(), color_palette("1.2.3"), sample("CT_small.dcm"))
    assert answer.status_code == 202
    assert [each["00081197"]["Value"] for each in answer.json()["00081198"]["Value"]] == [[0xA900], [0xA900]]
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert stow(clinic, f"/hanging-protocols/{OTHER_UID}", hanging_protocol()).status_code == 409


def test_where_nothing_can_be_stored_nothing_is(clinic: Any) -> None:
    assert stow(clinic, "/palettes", hanging_protocol()).status_code == 404
    assert stow(clinic, "/hanging-protocols/x", hanging_protocol()).status_code == 400
    narrowed = Scope(clinic.made.organization_id, "launch", studies=("1.2.3",))
    assert stow(clinic, "/hanging-protocols", hanging_protocol(), scope=narrowed).status_code == 409
    assert list(clinic.services.originals.scan()) == []
