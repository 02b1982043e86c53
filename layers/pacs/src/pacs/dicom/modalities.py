"""Whose instance is this? The table that gives a calling peer its organization and branch.

One JSON document (`config/modalities.json` in the exchange store) holds it, so that the DICOM door needs no
database. Written by those who manage modalities; read by the gateway, which hands every A-ASSOCIATE-RQ to `match`.

Of all entries whose every criterion holds, the one with the most criteria wins; then one that names the calling
AE title, then the narrower address, then the order of the document. A branch code in the called AE title
(`RAIPACS_DEV`) overrides the branch of an entry that does not itself name the called AE title; an entry of another
organization than the code's does not match at all.

Only a peer that an entry knows may query and retrieve, in open mode too: a stranger's images are welcome, but it
is told nothing. An entry with `"query": false` may store only. `peers` are where C-MOVE may send to, each of one
organization: others do not know it. One with `"tls": true` is called over TLS, and must prove its host's name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Literal

from pacs.errors import BadRequest

KEY = "config/modalities.json"

Mode = Literal["open", "strict"]
Unknown = Literal["calling", "called"]


@dataclass(frozen=True)
class Peer:
    """How a peer presents itself. AE titles without their padding; the address as text."""

    calling_ae_title: str
    called_ae_title: str
    address: str


@dataclass(frozen=True)
class Place:
    """Where instances land."""

    organization_id: str
    branch_id: str


@dataclass(frozen=True)
class Modality:
    """One known peer. A criterion of None (for AE titles: empty) asks nothing."""

    name: str
    place: Place
    calling_ae_title: str = ""
    called_ae_title: str = ""
    source_network: IPv4Network | IPv6Network | None = None
    query: bool = True

    def accepts(self, peer: Peer) -> bool:
        return (
            self.calling_ae_title in ("", peer.calling_ae_title)
            and self.called_ae_title in ("", peer.called_ae_title)
            and (self.source_network is None or contains(self.source_network, peer.address))
        )

    @property
    def specificity(self) -> tuple[int, bool, float]:
        """Greater wins: number of criteria, whether the calling AE title is one, narrowness of the address."""
        network = self.source_network
        criteria = sum((bool(self.calling_ae_title), bool(self.called_ae_title), network is not None))
        return criteria, bool(self.calling_ae_title), network.prefixlen / network.max_prefixlen if network else 0.0


@dataclass(frozen=True)
class Match:
    """`modality` is the entry's name, empty for a peer that no entry knows.

    `unknown` says which AE title is not recognised; in open mode the place holds all the same.
    """

    place: Place
    modality: str = ""
    unknown: Unknown | None = None
    query: bool = True

    @property
    def may_query(self) -> bool:
        """Whether this peer may search and retrieve what its place holds."""
        return self.query and bool(self.modality) and self.unknown is None


@dataclass(frozen=True)
class Destination:
    """Where C-MOVE may send an organization's instances; `tls`: over TLS alone, proving that it is this host."""

    ae_title: str
    host: str
    port: int
    organization_id: str
    tls: bool = False


@dataclass(frozen=True)
class ModalityTable:
    mode: Mode
    default: Place
    branches: Mapping[str, Place]
    modalities: tuple[Modality, ...]
    peers: tuple[Destination, ...] = ()

    def destination(self, ae_title: str, organization_id: str) -> Destination | None:
        """Where an organization's C-MOVE to an AE title goes; None: nowhere."""
        for each in self.peers:
            if (each.ae_title, each.organization_id) == (ae_title, organization_id):
                return each
        return None

    def match(self, peer: Peer, ae_title: str) -> Match:
        """The place of a peer; `ae_title` is the node's own. The caller refuses what is unknown in strict mode."""
        code = peer.called_ae_title.removeprefix(f"{ae_title}_")
        branch = self.branches.get(code) if code != peer.called_ae_title else None
        known = [
            each
            for each in self.modalities
            if each.accepts(peer)
            and (each.called_ae_title or branch is None or branch.organization_id == each.place.organization_id)
        ]
        if known:
            best = max(known, key=lambda each: each.specificity)  # the first of equals
            if best.called_ae_title:
                return Match(best.place, best.name, query=best.query)
            called_known = branch is not None or peer.called_ae_title == ae_title
            return Match(branch or best.place, best.name, None if called_known else "called", best.query)
        called_named = any(each.called_ae_title == peer.called_ae_title for each in self.modalities)
        called_known = branch is not None or called_named or peer.called_ae_title == ae_title
        return Match(branch or self.default, "", "calling" if called_known else "called")


def contains(network: IPv4Network | IPv6Network, address: str) -> bool:
    """Whether an address lies in a network; an IPv4 peer of a dual-stack socket counts as IPv4."""
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed) in network


def parse(document: bytes) -> ModalityTable:
    """The table out of its JSON document. Raises BadRequest, naming the field, when it cannot be relied upon."""
    try:
        table = json.loads(document)
    except ValueError as error:
        raise BadRequest("the modality table is not JSON") from error
    if not isinstance(table, dict):
        raise BadRequest("the modality table is not a JSON object")
    mode = table.get("mode")
    if mode not in ("open", "strict"):
        raise BadRequest("mode must be open or strict", field="mode")
    branches = entries(table, "branches")
    return ModalityTable(
        mode=mode,
        default=place(table.get("default"), "default"),
        branches={text(each, "code", f"branches[{n}]"): place(each, f"branches[{n}]") for n, each in branches},
        modalities=tuple(modality(each, f"modalities[{n}]") for n, each in entries(table, "modalities")),
        peers=tuple(destination(each, f"peers[{n}]") for n, each in entries(table, "peers")),
    )


def with_branch(document: bytes, code: str, place: Place) -> bytes | None:
    """The document in which a code in the called AE title names a place; None when it names another one already."""
    known = parse(document).branches.get(code)
    if known is not None and known != place:
        return None
    table = json.loads(document)
    if known is None:
        table.setdefault("branches", []).append({"code": code, **place.__dict__})
    return json.dumps(table, ensure_ascii=False).encode()


def entries(table: Mapping[str, Any], name: str) -> list[tuple[int, Any]]:
    found = table.get(name, [])
    if not isinstance(found, list):
        raise BadRequest(f"{name} must be a list", field=name)
    return list(enumerate(found))


def modality(entry: Any, field: str) -> Modality:
    found = Modality(
        name=text(entry, "name", field),
        place=place(entry, field),
        calling_ae_title=text(entry, "calling_ae_title", field, optional=True),
        called_ae_title=text(entry, "called_ae_title", field, optional=True),
        source_network=network(text(entry, "source_address", field, optional=True), f"{field}.source_address"),
        query=switch(entry, "query", field, default=True),
    )
    if found.specificity[0] == 0:
        raise BadRequest(f"{field} has no criterion: it would match everybody", field=field)
    return found


def switch(entry: Any, name: str, field: str, *, default: bool) -> bool:
    value = entry.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{field}.{name} must be true or false", field=f"{field}.{name}")
    return value


def destination(entry: Any, field: str) -> Destination:
    ae_title, host = text(entry, "ae_title", field), text(entry, "host", field)
    port = entry.get("port")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise BadRequest(f"{field}.port must be the number of a port", field=f"{field}.port")
    organization_id = text(entry, "organization_id", field)
    return Destination(ae_title, host, port, organization_id, tls=switch(entry, "tls", field, default=False))


def network(address: str, field: str) -> IPv4Network | IPv6Network | None:
    if not address:
        return None
    try:
        return ip_network(address, strict=False)
    except ValueError as error:
        raise BadRequest(f"{field} is neither an address nor a network", field=field) from error


def place(entry: Any, field: str) -> Place:
    return Place(text(entry, "organization_id", field), text(entry, "branch_id", field))


def text(entry: Any, name: str, field: str, *, optional: bool = False) -> str:
    value = entry.get(name) if isinstance(entry, dict) else None
    if optional and value is None:
        return ""
    if not isinstance(value, str) or not (optional or value.strip()):
        raise BadRequest(f"{field}.{name} must be a text", field=f"{field}.{name}")
    return value.strip()
