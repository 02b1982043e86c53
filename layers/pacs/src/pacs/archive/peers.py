"""Who may send, and where instances may be sent: the table of modalities as an organization's administrators keep it.

The DICOM door reads the table as one document of the exchange store (`pacs.dicom.modalities`) and needs no database;
changes go one after the other, by a lock in the database. Called by the portal, which also asks the door here to try
a peer with C-ECHO: the door looks for such wishes every two seconds and puts down what came of them.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from sqlalchemy import text

from pacs.dicom import modalities
from pacs.dicom.echoes import ANSWERS, WISHES
from pacs.dicom.modalities import Destination, Modality, ModalityTable, Place
from pacs.errors import BadRequest, Conflict, Forbidden, NotFound, ObjectNotFound, Unavailable
from pacs.people.accounts import default_organization
from pacs.people.audit import Deed, record
from pacs.people.organizations import Branch
from pacs.people.scope import Scope
from pacs.ports import Services

LOCK = text("select cast(pg_advisory_xact_lock(4242804220) as text) as locked")
NAME_CHARACTERS = 64
# How long a door has to answer: it looks every two seconds and waits ten for a connection.
PATIENCE = timedelta(seconds=30)
WISHES_MAX = 16


def read_table(services: Services) -> dict[str, Any]:
    """The document as it is. Where there is none yet: strangers land in the first branch, in the cloud nowhere."""
    try:
        table: dict[str, Any] = json.loads(services.exchange.get(modalities.KEY)[1])
    except ObjectNotFound:
        found = default_organization(services.database)
        if found is None:
            raise Unavailable("there is no organization yet") from None
        place = {"organization_id": found[0], "branch_id": found[1]}
        table = {"mode": "strict" if services.settings.platform == "aws" else "open", "default": place}
    return {"branches": [], "modalities": [], "peers": [], **table}


def list_known(services: Services, scope: Scope) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """The mode of the table; the modalities and the peers of the scope's organization, as they stand in it."""
    table = read_table(services)
    ours = [[each for each in table[kind] if is_ours(each, scope)] for kind in ("modalities", "peers")]
    return table["mode"], ours[0], ours[1]


def branch_of_strangers(services: Services, scope: Scope) -> str | None:
    """Where lands what modalities send that are not listed; None when that is another organization's to say."""
    default = read_table(services)["default"]
    return str(default["branch_id"]) if is_ours(default, scope) else None


def keep_mode(services: Services, scope: Scope, mode: str) -> None:
    """Let modalities that are not listed send ("open"), or not ("strict"). The door follows within half a minute.

    Raises Forbidden for all but the organization to which they would send; BadRequest.
    """

    def change(table: dict[str, Any]) -> None:
        if not is_ours(table["default"], scope):
            raise Forbidden("what strangers send is another organization's")
        table["mode"] = mode

    write(services, scope, change, f"strangers: {mode}")


def keep_modality(services: Services, scope: Scope, entry: Mapping[str, Any], replacing: str = "") -> None:
    """Add a modality, or put it in the place of the one that is called `replacing`.

    Raises BadRequest, naming the field; Conflict for one that another organization's modalities could be taken for;
    NotFound when there is none to replace.
    """
    known = {key: value for key, value in entry.items() if value not in ("", None)}
    made = {**known, "organization_id": scope.organization_id}

    def change(table: dict[str, Any]) -> None:
        name = required_name(str(made.get("name", "")))
        if name != replacing and any(is_called(each, scope, "name", name) for each in table["modalities"]):
            raise Conflict("there is a modality of this name already", field="name")
        put_entry(table, "modalities", scope, "name", replacing, made)
        check_modality(modalities.parse(json.dumps(table).encode()), services.settings.ae_title, scope, name)

    for field in ("calling_ae_title", "called_ae_title"):
        check_ae_title(str(made.get(field, "")), field, optional=True)
    write(services, scope, change, f"modality {made.get('name', '')}")


def keep_peer(services: Services, scope: Scope, peer: Destination, replacing: str = "") -> None:
    """Add a peer, or put it in the place of the one with the AE title `replacing`. Raises as `keep_modality`."""
    check_ae_title(peer.ae_title, "ae_title")
    check_host(peer.host, in_cloud=services.settings.platform == "aws")
    made = {**peer.__dict__, "organization_id": scope.organization_id}

    def change(table: dict[str, Any]) -> None:
        title = peer.ae_title
        if title != replacing and any(is_called(each, scope, "ae_title", title) for each in table["peers"]):
            raise Conflict("there is a peer of this AE title already", field="ae_title")
        put_entry(table, "peers", scope, "ae_title", replacing, made)

    write(services, scope, change, f"peer {peer.ae_title}")


def forget_modality(services: Services, scope: Scope, name: str) -> None:
    """Remove a modality. Raises NotFound."""
    write(services, scope, lambda table: take_out(table, "modalities", scope, "name", name), f"modality {name} removed")


def forget_peer(services: Services, scope: Scope, ae_title: str) -> None:
    """Remove a peer. Raises NotFound."""
    write(services, scope, lambda table: take_out(table, "peers", scope, "ae_title", ae_title), f"{ae_title} removed")


def open_branch(services: Services, scope: Scope, branch: Branch) -> str | None:
    """Let modalities name a branch by its code; the AE title that they call, or None when it is another branch's."""
    place, opened = Place(branch.organization_id, branch.id), []

    def change(table: dict[str, Any]) -> None:
        document = modalities.with_branch(json.dumps(table).encode(), branch.code, place)
        if document is not None:
            opened.append(branch.code)
            table |= json.loads(document)

    write(services, scope, change, f"branch {branch.code}")
    return f"{services.settings.ae_title}_{branch.code}" if opened else None


def branch_titles(services: Services, scope: Scope) -> dict[str, str]:
    """The AE title that modalities call, by branch of the scope's organization, where the code is its own."""
    return {
        each["branch_id"]: f"{services.settings.ae_title}_{each['code']}"
        for each in read_table(services)["branches"]
        if is_ours(each, scope)
    }


def ask_echo(services: Services, scope: Scope, ae_title: str) -> str:
    """Ask the DICOM door to try a peer with C-ECHO; returns by what the answer is found. Raises NotFound."""
    table = modalities.parse(json.dumps(read_table(services)).encode())
    if table.destination(ae_title, scope.organization_id) is None:
        raise NotFound("the organization has no such peer", field="ae_title")
    now, made = services.clock.now(), str(uuid.uuid4())
    wish = {"id": made, "organization_id": scope.organization_id, "ae_title": ae_title, "asked_at": now.isoformat()}
    with services.database.transaction() as statements:
        statements.fetch(LOCK)
        try:
            wishes = json.loads(services.exchange.get(WISHES)[1])
        except ObjectNotFound:
            wishes = []
        since = (now - PATIENCE).isoformat()
        kept = [each for each in wishes if each["asked_at"] > since][-WISHES_MAX + 1 :]
        services.exchange.put(WISHES, json.dumps([*kept, wish]).encode(), content_type="application/json")
    return made


def echo_answer(services: Services, scope: Scope, id: str) -> dict[str, Any] | None:
    """What came of a C-ECHO: `ae_title`, `outcome` and `milliseconds`; None while the door has not answered."""
    try:
        uuid.UUID(id)
        answer: dict[str, Any] = json.loads(services.exchange.get(f"{ANSWERS}{id}.json")[1])
    except (ObjectNotFound, ValueError):
        return None
    return answer if answer["organization_id"] == scope.organization_id else None


def write(services: Services, scope: Scope, change: Callable[[dict[str, Any]], None], told: str) -> None:
    """Change the document, one after the other; only one that the door can rely upon is kept."""
    with services.database.transaction() as statements:
        statements.fetch(LOCK)
        table = read_table(services)
        change(table)
        document = json.dumps(table, ensure_ascii=False).encode()
        modalities.parse(document)
        record(statements, scope, Deed("change-modalities", subject=told))
        services.exchange.put(modalities.KEY, document, content_type="application/json")


def check_modality(table: ModalityTable, ae_title: str, scope: Scope, name: str) -> None:
    """Raises Conflict when what others send could land at this organization.

    Where there are several organizations, only the default one's modalities may be told apart by anything but the AE
    title that they call: that of one of their own branches, which is nobody else's.
    """
    ours = next(
        each for each in table.modalities if (each.name, each.place.organization_id) == (name, scope.organization_id)
    )
    own_title = owner_of_title(table, ae_title, ours.called_ae_title)
    if own_title not in (None, scope.organization_id):
        raise Conflict("this called AE title is another organization's", field="called_ae_title")
    if scope.organization_id != table.default.organization_id and own_title is None:
        raise BadRequest(f"say which of your branches it calls: {ae_title}_CODE", field="called_ae_title")
    for each in table.modalities:
        if each.place.organization_id != scope.organization_id and may_meet(table, ae_title, ours, each):
            raise Conflict("another organization knows such a modality", field="calling_ae_title")


def owner_of_title(table: ModalityTable, ae_title: str, called: str) -> str | None:
    """The organization that a called AE title names by the code of a branch."""
    place = table.branches.get(called.removeprefix(f"{ae_title}_")) if called.startswith(f"{ae_title}_") else None
    return place.organization_id if place else None


def may_meet(table: ModalityTable, ae_title: str, first: Modality, second: Modality) -> bool:
    """Whether one peer could be taken for either of two modalities of different organizations."""
    titles = ((first.calling_ae_title, second.calling_ae_title), (first.called_ae_title, second.called_ae_title))
    if any(one and other and one != other for one, other in titles):
        return False
    if first.source_network and second.source_network and not overlap(first.source_network, second.source_network):
        return False
    # Who calls a branch by its code is never taken for another organization's modality that names no called AE title.
    for one, other in ((first, second), (second, first)):
        owner = owner_of_title(table, ae_title, one.called_ae_title)
        if owner == one.place.organization_id and not other.called_ae_title:
            return False
    return True


def overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return one.version == other.version and (one.network_address in other or other.network_address in one)


def put_entry(
    table: dict[str, Any], kind: str, scope: Scope, field: str, replacing: str, made: Mapping[str, Any]
) -> None:
    if not replacing:
        table[kind].append(dict(made))
        return
    at = [n for n, each in enumerate(table[kind]) if is_called(each, scope, field, replacing)]
    if not at:
        raise NotFound("the organization has none of this name", field=field)
    table[kind][at[0]] = dict(made)


def take_out(table: dict[str, Any], kind: str, scope: Scope, field: str, name: str) -> None:
    kept = [each for each in table[kind] if not is_called(each, scope, field, name)]
    if len(kept) == len(table[kind]):
        raise NotFound("the organization has none of this name", field=field)
    table[kind] = kept


def is_ours(entry: Mapping[str, Any], scope: Scope) -> bool:
    return bool(entry.get("organization_id") == scope.organization_id)


def is_called(entry: Mapping[str, Any], scope: Scope, field: str, name: str) -> bool:
    return is_ours(entry, scope) and entry.get(field) == name


def required_name(name: str) -> str:
    if not name.strip() or len(name) > NAME_CHARACTERS:
        raise BadRequest(f"a name has 1 to {NAME_CHARACTERS} characters", field="name")
    return name


def check_ae_title(title: str, field: str, *, optional: bool = False) -> None:
    """Source: PS3.5 §6.2, AE"""
    plain = title.isascii() and title.isprintable() and "\\" not in title and title.strip() == title
    if not plain or len(title) > 16 or not (title or optional):
        raise BadRequest("an AE title has 1 to 16 plain characters", field=field)


def check_host(host: str, *, in_cloud: bool) -> None:
    """Raises BadRequest for what is no host; in the cloud also for what is the door's own machine or its provider's."""
    plain = host.isascii() and host.replace("-", "").replace(".", "").replace(":", "").isalnum()
    if not plain or len(host) > 253:
        raise BadRequest("this is no host or address", field="host")
    if not in_cloud:
        return
    try:
        address = ip_address(host)
    except ValueError:
        if host.lower() == "localhost" or host.lower().endswith((".localhost", ".internal")):
            raise BadRequest("this host is not in the network", field="host") from None
        return
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        raise BadRequest("this address is not in the network", field="host")
