"""What the node tells of itself and of its associations: in the exchange store, and in the database's log."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from gateway_scp.logbook import Logbook
from gateway_scp.records import Visit
from pacs.archive.connections import list_connections
from pacs.dicom.presence import NODES
from pacs.errors import DatabaseUnavailable
from pacs.people.scope import Scope
from tests.gateway.conftest import Clinic, Running, wait_for
from tests.gateway.sender import ORGANIZATION


def told(node: Running) -> Any:
    exchange = node.home.stores.exchange
    [key] = [each.key for each in exchange.scan(NODES)]
    return json.loads(exchange.get(key)[1])


def test_a_node_says_who_is_connected_and_that_it_left(run: Callable[..., Running]) -> None:
    node = run()
    with node.sender(calling="CT1"):
        node.node._presence.tell()
        [open_now] = told(node)["open"]
        assert (open_now["calling_ae"], open_now["organization_id"]) == ("CT1", ORGANIZATION)
    node.settle()
    node.node._presence.tell()
    said = told(node)
    assert (said["ae_title"], said["port"], said["ill"], said["open"]) == ("RAIPACS", node.port, "", [])
    node.node.leave()
    node.thread.join(20)
    assert told(node)["ill"] == "left"


def test_associations_are_written_into_the_database(clinic: Clinic) -> None:
    with clinic.running.sender(calling="CT") as sender:
        sender.release()
    clinic.running.settle()
    scope = Scope(ORGANIZATION, "admin")
    assert wait_for(lambda: len(list_connections(clinic.services.database, scope)) == 1)
    [row] = list_connections(clinic.services.database, scope)
    assert (row["calling_ae"], row["modality"], row["outcome"], row["instances"]) == ("CT", "CT", "released", 0)


def test_what_the_database_does_not_take_now_is_written_later() -> None:
    written: list[str] = []
    failing = [DatabaseUnavailable("asleep")]
    noted = threading.Event()

    def record(rows: Sequence[dict[str, Any]]) -> None:
        noted.set()
        if failing:
            raise failing.pop()
        written.extend(row["calling_ae"] for row in rows)

    logbook = Logbook(record)
    logbook.start()
    logbook.note(Visit("10.0.0.7", calling_ae="A"))
    assert noted.wait(20)
    logbook.note(Visit("10.0.0.7", calling_ae="B"))
    logbook.stop()
    assert written == ["A", "B"]
