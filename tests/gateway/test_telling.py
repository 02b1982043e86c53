"""What the node tells of itself and of its associations: in the exchange store, and in the database's log."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from gateway_scp.logbook import Logbook, row_of
from gateway_scp.records import Visit
from pacs.archive.connections import list_connections
from pacs.database import tables
from pacs.dicom.presence import NODES
from pacs.errors import DatabaseUnavailable
from pacs.people.scope import Scope
from tests.gateway.conftest import Clinic, Running, made, part10_of, wait_for
from tests.gateway.receiver import receiving
from tests.gateway.sender import ORGANIZATION
from tests.gateway.test_get import get
from tests.gateway.test_move import CAPTURE, EXPLICIT, move
from tests.gateway.test_query import keys


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


def test_what_peers_are_given_is_in_the_audit(clinic: Clinic) -> None:
    """Who asked, who got it, from where, which study, and how much of it; also what could not be given."""
    clinic.hold(*(part10_of(made("1.2.1", n, PatientID="P1")) for n in (1, 2)), part10_of(made("1.2.2")))
    (gone,) = [key for key in clinic.running.home.originals() if "/1.2.2.1.1.dcm" in key]
    clinic.services.originals.delete(gone)
    with receiving((CAPTURE, [EXPLICIT])) as received:
        clinic.introduce("DEST", received.port)
        move(clinic, keys("STUDY", StudyInstanceUID=["1.2.1", "1.2.2"]))
    get(clinic, keys("STUDY", StudyInstanceUID="1.2.1"))
    move(clinic, keys("STUDY", StudyInstanceUID="1.2.1"), "ELSE")  # no peer: nothing leaves
    look = select(tables.audit).where(tables.audit.c.action == "transfer").order_by(tables.audit.c.id)
    assert wait_for(lambda: len(clinic.services.database.fetch(look)) == 3)
    columns = ("subject", "study_instance_uid", "number_of_instances", "outcome")
    to = f"C-MOVE to DEST at 127.0.0.1:{received.port}"
    rows = clinic.services.database.fetch(look)
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (to, "1.2.1", 2, 0),
        (to, "1.2.2", 0, 4),
        ("C-GET to WS", "1.2.1", 2, 0),
    ]
    same = ("organization_id", "member_id", "role", "source_ip", "event_id")
    assert {tuple(row[name] for name in same) for row in rows} == {
        (ORGANIZATION, "WS", "system", "127.0.0.1", "110104")
    }


def test_what_the_database_does_not_take_now_is_written_later() -> None:
    written: list[str] = []
    failing = [DatabaseUnavailable("asleep")]
    noted = threading.Event()

    def record(rows: Sequence[dict[str, Any]]) -> None:
        noted.set()
        if failing:
            raise failing.pop()
        written.extend(row["calling_ae"] for row in rows)

    logbook = Logbook("associations", record)
    logbook.start()
    logbook.note([row_of(Visit("10.0.0.7", calling_ae="A"))])
    assert noted.wait(20)
    logbook.note([row_of(Visit("10.0.0.7", calling_ae="B"))])
    logbook.stop()
    assert written == ["A", "B"]
