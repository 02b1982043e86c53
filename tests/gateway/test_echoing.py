"""C-ECHO to peers, as an administrator wishes it. Source: PS3.4 §A"""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity

from pacs.dicom.echoes import ANSWERS, WISHES
from tests.gateway.conftest import OPEN_TABLE, Running
from tests.gateway.sender import ORGANIZATION

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture
def workstation() -> Iterator[tuple[int, list[int]]]:
    """The port of one that answers with the statuses that are given, and is called WS."""
    statuses: list[int] = []
    entity = ApplicationEntity("WS")
    entity.add_supported_context(VERIFICATION)
    entity.require_called_aet = True
    echo = (evt.EVT_C_ECHO, lambda event: statuses.pop(0) if statuses else 0)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[echo])
    assert server is not None
    yield server.server_address[1], statuses
    server.shutdown()


def wish(node: Running, ae_title: str, organization_id: str = ORGANIZATION, *, age_s: int = 0, id: str = "w") -> Any:
    """Put down a wish, let the node look for it, and read the answer."""
    asked = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
    made = {"id": id, "organization_id": organization_id, "ae_title": ae_title, "asked_at": asked}
    exchange = node.home.stores.exchange
    exchange.delete(f"{ANSWERS}{id}.json")
    exchange.put(WISHES, json.dumps([made]).encode())
    node.node._echoes.look()
    key = f"{ANSWERS}{id}.json"
    there = key in [each.key for each in exchange.scan(ANSWERS)]
    return json.loads(exchange.get(key)[1])["outcome"] if there else None


def test_the_answer_tells_what_is_wrong(node: Running, workstation: tuple[int, list[int]]) -> None:
    node.node._echoes.stop()  # this test looks itself
    port, statuses = workstation
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    peer = {"host": "127.0.0.1", "organization_id": ORGANIZATION}
    listed = [("WS", port), ("WRONG", port), ("AWAY", nobody)]
    table = {**OPEN_TABLE, "peers": [{**peer, "ae_title": title, "port": at} for title, at in listed]}
    node.home.publish(table)
    told = [wish(node, title, id=f"w{n}") for n, title in enumerate(("WS", "WRONG", "AWAY", "NEW"))]
    assert told == ["answered", "refused", "unreachable", "unknown"]
    statuses.append(0x0122)
    assert wish(node, "WS", id="a") == "silent"
    assert wish(node, "WS", "22222222-2222-4222-8222-222222222222", id="b") == "unknown"


def test_a_wish_is_fulfilled_once_and_not_long_after(node: Running) -> None:
    node.node._echoes.stop()
    assert wish(node, "NEW", id="a") == "unknown"
    assert wish(node, "NEW", id="a") is None
    assert wish(node, "NEW", id="b", age_s=60) is None
