"""The log of the DICOM door's associations: written once, found, and forgotten in the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pacs.archive.connections import list_connections, prune_connections, record_connections
from pacs.people.scope import Scope

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def row(archive: Any, id: str, **more: Any) -> dict[str, Any]:
    return {
        "association": id,
        "organization_id": archive.organization_id,
        "branch_id": archive.branch_id,
        "began_at": BEGAN.isoformat(),
        "took_ms": 1200,
        "address": "10.0.0.7",
        "calling_ae": "CT1",
        "called_ae": "RAIPACS",
        "modality": "CT",
        "outcome": "released",
        "reason": "",
        "instances": 2,
        "size_bytes": 4000,
        "failed": 0,
        "queries": 0,
        **more,
    }


def found(archive: Any, **wanted: Any) -> list[str]:
    return [each["association"] for each in list_connections(archive.database, archive.scope, **wanted)]


def test_associations_are_written_once_and_found(archive: Any) -> None:
    refused = {"outcome": "rejected", "reason": "calling AE title not recognised", "branch_id": None}
    rows = [row(archive, "a"), row(archive, "b", calling_ae="MR", failed=1), row(archive, "c", **refused)]
    record_connections(archive.database, rows)
    record_connections(archive.database, rows[:1])
    assert found(archive) == ["c", "b", "a"]
    assert (found(archive, title="ct1 "), found(archive, outcome="failed")) == (["c", "a"], ["b"])
    assert found(archive, outcome="rejected") == ["c"]
    first, _, last = list_connections(archive.database, archive.scope)
    assert (first["branch"], last["branch"], last["began_at"]) == ("", "MERKEZ", BEGAN)
    assert found(archive, before=first["id"], limit=1) == ["b"]
    assert list_connections(archive.database, Scope(archive.branch_id, "admin")) == []


def test_old_associations_are_forgotten(archive: Any) -> None:
    now = archive.clock.now()
    days = archive.settings.connections_days
    ages = {"old": days + 1, "new": days - 1}
    record_connections(
        archive.database,
        [row(archive, id, began_at=(now - timedelta(days=age)).isoformat()) for id, age in ages.items()],
    )
    assert prune_connections(archive) == {"connections": 1} and found(archive) == ["new"]
    assert prune_connections(replace(archive, settings=replace(archive.settings, connections_days=0))) == {
        "connections": 1
    }
