"""Which organization and branch a peer's instances land in."""

import json
from typing import Any

import pytest

from pacs.dicom.modalities import Destination, Match, ModalityTable, Peer, Place, parse, with_branch
from pacs.errors import BadRequest

DEFAULT = Place("org", "main")
DEV = Place("org", "dev")
FAR = Place("other", "far")


def entry(name: str, branch: str = "main", organization: str = "org", **criteria: str) -> dict[str, str]:
    return {"name": name, "organization_id": organization, "branch_id": branch, **criteria}


def table(*modalities: dict[str, str], mode: str = "open", **more: Any) -> ModalityTable:
    document = {
        "mode": mode,
        "default": {"organization_id": "org", "branch_id": "main"},
        "branches": [
            {"code": "DEV", "organization_id": "org", "branch_id": "dev"},
            {"code": "FAR", "organization_id": "other", "branch_id": "far"},
        ],
        "modalities": list(modalities),
        **more,
    }
    return parse(json.dumps(document).encode())


def match(found: ModalityTable, calling: str = "CT1", called: str = "RAIPACS", address: str = "10.0.0.7") -> Match:
    return found.match(Peer(calling, called, address), "RAIPACS")


def test_a_known_calling_ae_title_gives_its_place() -> None:
    assert match(table(entry("ct", "ct-room", calling_ae_title="CT1"))) == Match(Place("org", "ct-room"), "ct")


def test_the_entry_with_most_criteria_wins_wherever_it_stands() -> None:
    wide = entry("wide", calling_ae_title="CT1")
    narrow = entry("narrow", calling_ae_title="CT1", source_address="10.0.0.0/8")
    full = entry("full", calling_ae_title="CT1", source_address="10.0.0.0/8", called_ae_title="RAIPACS")
    for modalities in ((wide, narrow, full), (full, narrow, wide)):
        assert match(table(*modalities)).modality == "full"
        assert match(table(*modalities), called="X").modality == "narrow"
        assert match(table(*modalities), address="192.0.2.1").modality == "wide"


def test_between_equals_the_calling_ae_title_then_the_narrower_network_then_the_order() -> None:
    by_title = entry("title", calling_ae_title="CT1")
    by_network, by_address = entry("network", source_address="10.0.0.0/8"), entry("address", source_address="10.0.0.7")
    assert match(table(by_network, by_address, by_title)).modality == "title"
    assert match(table(by_network, by_address)).modality == "address"
    assert match(table(entry("first", source_address="10.0.0.7"), by_address)).modality == "first"


def test_ae_titles_are_compared_exactly() -> None:
    assert match(table(entry("ct", calling_ae_title="ct1"))).unknown == "calling"


def test_networks_hold_ipv4_in_ipv6_and_ipv6() -> None:
    found = table(entry("v4", source_address="10.0.0.0/24"), entry("v6", source_address="fd00::/8"))
    assert match(found, address="::ffff:10.0.0.9").modality == "v4"
    assert match(found, address="fd12::1%eth0").modality == "v6"
    assert match(found, address="2001:db8::1").modality == ""


def test_a_branch_code_in_the_called_ae_title_overrides_the_entrys_branch() -> None:
    assert match(table(entry("ct", calling_ae_title="CT1")), called="RAIPACS_DEV") == Match(DEV, "ct")


def test_a_branch_code_brings_a_stranger_into_its_branch() -> None:
    assert match(table(), called="RAIPACS_FAR") == Match(FAR, "", "calling")


def test_a_modality_never_writes_into_another_organizations_branch() -> None:
    assert match(table(entry("ct", calling_ae_title="CT1")), called="RAIPACS_FAR") == Match(FAR, "", "calling")


def test_an_entry_that_names_the_called_ae_title_keeps_its_branch() -> None:
    named = entry("ct", "special", calling_ae_title="CT1", called_ae_title="RAIPACS_DEV")
    assert match(table(named), called="RAIPACS_DEV") == Match(Place("org", "special"), "ct")


@pytest.mark.parametrize("called", ["RAIPACS_XYZ", "RAIPACS_", "OTHER", "RAIPACSDEV"])
def test_a_called_ae_title_that_nobody_has_is_said_to_be_unknown(called: str) -> None:
    known = table(entry("ct", calling_ae_title="CT1"))
    assert match(known, called=called) == Match(DEFAULT, "ct", "called")
    assert match(table(), called=called) == Match(DEFAULT, "", "called")


def test_a_stranger_that_calls_a_named_ae_title_is_the_unknown_one() -> None:
    found = table(entry("ct", calling_ae_title="CT1", called_ae_title="ARCHIVE"))
    assert match(found, calling="CT2", called="ARCHIVE") == Match(DEFAULT, "", "calling")


@pytest.mark.parametrize("mode", ["open", "strict"])
def test_only_a_known_peer_may_query_and_only_when_its_entry_lets_it(mode: str) -> None:
    silent: dict[str, Any] = {**entry("ct", calling_ae_title="CT2"), "query": False}
    found = table(entry("ws", calling_ae_title="CT1"), silent, mode=mode)
    assert match(found).may_query
    assert not match(found, calling="CT2").may_query
    assert not match(found, calling="CT3").may_query
    assert not match(found, called="OTHER").may_query


def test_a_destination_belongs_to_one_organization() -> None:
    peer = {"ae_title": "WS1", "host": "ws1.clinic.example", "port": 104, "organization_id": "org"}
    found = table(peers=[{**peer, "organization_id": "other", "port": 105}, peer])
    assert found.destination("WS1", "org") == Destination("WS1", "ws1.clinic.example", 104, "org")
    assert found.destination("WS1", "third") is None
    (over_tls,) = table(peers=[{**peer, "tls": True}]).peers
    assert over_tls.tls
    assert found.destination("ws1", "org") is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "closed"}, "mode"),
        ({"default": None}, "default.organization_id"),
        ({"default": {"organization_id": "org", "branch_id": " "}}, "default.branch_id"),
        ({"branches": {}}, "branches"),
        ({"branches": [{"organization_id": "org", "branch_id": "b"}]}, "branches[0].code"),
        ({"modalities": [entry("all")]}, "modalities[0]"),
        ({"modalities": [entry("ct", calling_ae_title=7)]}, "modalities[0].calling_ae_title"),  # type: ignore[arg-type]
        ({"modalities": [entry("ct", source_address="10.0.0")]}, "modalities[0].source_address"),
        ({"modalities": ["ct"]}, "modalities[0].name"),
        ({"modalities": [{**entry("ct", calling_ae_title="CT1"), "query": "no"}]}, "modalities[0].query"),
        ({"peers": [{"ae_title": "W", "host": "h", "port": "104", "organization_id": "o"}]}, "peers[0].port"),
        ({"peers": [{"ae_title": "W", "host": "h", "port": 104}]}, "peers[0].organization_id"),
        (
            {"peers": [{"ae_title": "W", "host": "h", "port": 104, "organization_id": "o", "tls": "yes"}]},
            "peers[0].tls",
        ),
    ],
)
def test_a_table_that_cannot_be_relied_upon_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        table(**{"mode": "open", **change})
    assert refused.value.field == field


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_refused(document: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(document)


def test_a_new_branch_is_called_by_its_code_unless_the_code_is_anothers() -> None:
    place = Place("org", "kosova")
    document = json.dumps({"mode": "strict", "default": DEFAULT.__dict__, "note": "kept"}).encode()
    changed = with_branch(document, "KOSOVA", place)
    assert changed and json.loads(changed)["note"] == "kept"
    assert match(parse(changed), called="RAIPACS_KOSOVA").place == place
    assert json.loads(with_branch(changed, "KOSOVA", place) or b"") == json.loads(changed)
    assert with_branch(changed, "KOSOVA", FAR) is None
