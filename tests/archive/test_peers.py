"""The table of modalities as administrators keep it: one's own entries, in nobody else's way."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from gateway_scp.peers import Peers
from pacs.archive import peers
from pacs.dicom import modalities
from pacs.dicom.echoes import ANSWERS, WISHES
from pacs.dicom.modalities import Destination, Peer
from pacs.errors import BadRequest, Conflict, Forbidden, NotFound
from pacs.people.organizations import Branch, add_branch, add_organization, list_branches
from pacs.people.scope import Scope

CT = {"name": "CT", "calling_ae_title": "CT1", "source_address": "10.1.0.0/16", "called_ae_title": ""}


@pytest.fixture
def first(archive: Any) -> tuple[Scope, Branch]:
    [branch] = list_branches(archive.database, archive.scope)
    peers.open_branch(archive, archive.scope, branch)
    return archive.scope, branch


@pytest.fixture
def second(archive: Any, first: tuple[Scope, Branch]) -> tuple[Scope, Branch]:
    return organization(archive, "Uzak", "UZAK")


def organization(archive: Any, name: str, code: str) -> tuple[Scope, Branch]:
    scope = Scope(add_organization(archive.database, name), "admin")
    branch = add_branch(archive.database, scope, name, code)
    peers.open_branch(archive, scope, branch)
    return scope, branch


def match(archive: Any, calling: str, called: str = "RAIPACS", address: str = "10.1.2.3") -> Any:
    table = modalities.parse(archive.exchange.get(modalities.KEY)[1])
    return table.match(Peer(calling, called, address), "RAIPACS")


def test_a_modality_is_added_changed_and_removed(archive: Any, first: tuple[Scope, Branch]) -> None:
    scope, branch = first
    entry = {**CT, "branch_id": branch.id}
    peers.keep_modality(archive, scope, entry)
    found = match(archive, "CT1")
    assert (found.modality, found.place.branch_id, found.may_query) == ("CT", branch.id, True)
    peers.keep_modality(archive, scope, {**entry, "name": "CT-2", "query": False}, "CT")
    assert (match(archive, "CT1").modality, match(archive, "CT1").may_query) == ("CT-2", False)
    with pytest.raises(Conflict):
        peers.keep_modality(archive, scope, {**entry, "name": "CT-2"})
    with pytest.raises(NotFound):
        peers.keep_modality(archive, scope, entry, "CT")
    assert peers.list_known(archive, scope)[1][0]["name"] == "CT-2"
    peers.forget_modality(archive, scope, "CT-2")
    with pytest.raises(NotFound):
        peers.forget_modality(archive, scope, "CT-2")
    assert match(archive, "CT1").modality == "" and peers.branch_titles(archive, scope) == {branch.id: "RAIPACS_MERKEZ"}
    rows = archive.database.fetch(text("select subject from audit where action = 'change-modalities' order by id"))
    assert [row["subject"] for row in rows[-3:]] == ["modality CT", "modality CT-2", "modality CT-2 removed"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"name": ""}, "name"),
        ({"calling_ae_title": "x" * 17}, "calling_ae_title"),
        ({"calling_ae_title": "ÇT"}, "calling_ae_title"),
        ({"source_address": "10.1.2"}, "modalities[0].source_address"),
        ({"calling_ae_title": "", "source_address": ""}, "modalities[0]"),
    ],
)
def test_what_the_door_could_not_rely_upon_is_refused(
    archive: Any, first: tuple[Scope, Branch], entry: dict[str, str], field: str
) -> None:
    before = archive.exchange.get(modalities.KEY)[1]
    with pytest.raises(BadRequest) as refused:
        peers.keep_modality(archive, first[0], {**CT, "branch_id": first[1].id, **entry})
    assert refused.value.field == field and archive.exchange.get(modalities.KEY)[1] == before


def test_nobody_takes_what_another_organizations_modalities_send(
    archive: Any, first: tuple[Scope, Branch], second: tuple[Scope, Branch]
) -> None:
    peers.keep_modality(archive, first[0], {**CT, "branch_id": first[1].id})
    theirs = {"branch_id": second[1].id}
    for entry, error in (
        ({"called_ae_title": "", "source_address": "10.1.2.3"}, BadRequest),  # would take strangers, too
        ({"called_ae_title": "RAIPACS"}, BadRequest),
        ({"called_ae_title": "RAIPACS_MERKEZ"}, Conflict),
    ):
        with pytest.raises(error):
            peers.keep_modality(archive, second[0], {**CT, **theirs, **entry})
    peers.keep_modality(archive, second[0], {**CT, **theirs, "called_ae_title": "RAIPACS_UZAK"})
    assert match(archive, "CT1").place.organization_id == first[0].organization_id
    assert match(archive, "CT1", "RAIPACS_UZAK").place.organization_id == second[0].organization_id
    with pytest.raises(Conflict):
        peers.keep_modality(
            archive, first[0], {**CT, "name": "Own", "branch_id": first[1].id, "called_ae_title": "RAIPACS_UZAK"}
        )
    assert [each["name"] for each in peers.list_known(archive, second[0])[1]] == ["CT"]
    with pytest.raises(NotFound):
        peers.forget_modality(archive, Scope(second[0].organization_id, "admin"), "Own")
    same = organization(archive, "Aynı", "MERKEZ")
    assert peers.branch_titles(archive, same[0]) == {}


def test_in_the_cloud_the_first_table_lets_in_whom_it_lists(archive: Any) -> None:
    assert peers.read_table(archive)["mode"] == "open"
    far = replace(archive, settings=replace(archive.settings, platform="aws"))
    peers.keep_modality(far, far.scope, {**CT, "branch_id": far.branch_id})
    assert (match(far, "CT1").modality, match(far, "MR1").unknown) == ("CT", "calling")
    assert peers.list_known(far, far.scope)[0] == "strict"


def test_strangers_are_let_in_and_shut_out_by_the_organization_that_gets_their_images_and_the_door_follows(
    archive: Any, first: tuple[Scope, Branch], second: tuple[Scope, Branch]
) -> None:
    scope, branch = first
    door = Peers(archive.exchange)
    for mode in ("strict", "open", "strict"):
        peers.keep_mode(archive, scope, mode)
        door.reload()
        assert door.table and door.table.mode == mode
    found = match(archive, "NOBODY")
    assert (found.place.branch_id, found.unknown) == (branch.id, "calling")
    assert [peers.branch_of_strangers(archive, each) for each in (scope, second[0])] == [branch.id, None]
    with pytest.raises(Forbidden):
        peers.keep_mode(archive, second[0], "open")
    with pytest.raises(BadRequest):
        peers.keep_mode(archive, scope, "other")
    noted = text("select subject from audit where subject like 'strangers%' order by id")
    assert [row["subject"][11:] for row in archive.database.fetch(noted)] == ["strict", "open", "strict"]


def test_peers_are_an_organizations_own(
    archive: Any, first: tuple[Scope, Branch], second: tuple[Scope, Branch]
) -> None:
    scope = first[0]
    peer = Destination("WS", "ws.clinic.example", 11112, "", tls=True)
    peers.keep_peer(archive, scope, peer)
    [kept] = peers.list_known(archive, scope)[2]
    assert kept == {**peer.__dict__, "organization_id": scope.organization_id}
    assert peers.list_known(archive, second[0])[2] == []
    with pytest.raises(Conflict):
        peers.keep_peer(archive, scope, peer)
    for call in (peers.forget_peer, peers.ask_echo):
        with pytest.raises(NotFound):
            call(archive, second[0], "WS")
    peers.keep_peer(archive, scope, Destination("WS2", "::1", 104, ""), "WS")
    for wrong in (Destination("", "a", 1, ""), Destination("A", "a b", 1, ""), Destination("A", "a", 70000, "")):
        with pytest.raises(BadRequest):
            peers.keep_peer(archive, scope, wrong)
    peers.forget_peer(archive, scope, "WS2")
    assert peers.list_known(archive, scope)[2] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "169.254.169.254", "localhost", "a.internal", "0.0.0.0"])
def test_in_the_cloud_the_door_is_sent_to_no_host_of_its_own(host: str) -> None:
    peers.check_host(host, in_cloud=False)
    with pytest.raises(BadRequest):
        peers.check_host(host, in_cloud=True)
    peers.check_host("10.20.30.40", in_cloud=True)


def test_a_wish_for_an_echo_waits_for_its_answer(
    archive: Any, first: tuple[Scope, Branch], second: tuple[Scope, Branch]
) -> None:
    scope = first[0]
    peers.keep_peer(archive, scope, Destination("WS", "10.1.1.1", 104, ""))
    wishes = [peers.ask_echo(archive, scope, "WS") for _ in range(20)]
    kept = json.loads(archive.exchange.get(WISHES)[1])
    assert [each["id"] for each in kept] == wishes[-peers.WISHES_MAX :]
    assert peers.echo_answer(archive, scope, wishes[-1]) is None
    answer = {**kept[-1], "outcome": "answered", "milliseconds": 4}
    archive.exchange.put(f"{ANSWERS}{wishes[-1]}.json", json.dumps(answer).encode())
    assert peers.echo_answer(archive, scope, wishes[-1]) == answer
    assert peers.echo_answer(archive, second[0], wishes[-1]) is None
    assert peers.echo_answer(archive, scope, "../../config/modalities") is None
