"""What an administrator sees of the DICOM gateway and of the storage. Called by functions/pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.archive.rebuilding import named_keys
from pacs.dicom.presence import NODES, SILENT_S
from pacs.errors import ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Database, DeadLetter, Rows, Services

DAYS = 30
LETTERS_SHOWN = 50
MEGABYTE = 1_000_000
ROWS = text(
    "select (select count(*) from patients where organization_id = cast(:organization_id as uuid)) as patients,"
    " count(*) as studies, cast(coalesce(sum(number_of_series), 0) as bigint) as series,"
    " cast(coalesce(sum(number_of_instances), 0) as bigint) as instances,"
    " (select count(*) from non_patient_instances where organization_id = cast(:organization_id as uuid))"
    " as non_patient_instances,"
    " (select count(*) from reports where organization_id = cast(:organization_id as uuid)) as reports"
    " from studies where organization_id = cast(:organization_id as uuid)"
)
SIZES = text(
    "select coalesce(b.name, '') as branch, coalesce(r.modality, '') as modality,"
    " cast(count(distinct r.study_instance_uid) as bigint) as studies,"
    " cast(coalesce(sum(r.number_of_instances), 0) as bigint) as instances,"
    " cast(coalesce(sum(r.size_bytes), 0) as bigint) as size_bytes"
    " from series r join studies s using (organization_id, study_instance_uid)"
    " left join branches b on b.id = s.branch_id where r.organization_id = cast(:organization_id as uuid)"
    " group by 1, 2 order by size_bytes desc, 1, 2"
)
ARRIVED = text(
    "select cast(cast(at at time zone :zone as date) as text) as day, cast(sum(size_bytes) as bigint) as size_bytes"
    " from arrivals where organization_id = cast(:organization_id as uuid) and at >= :since group by 1"
)


@dataclass(frozen=True)
class Growth:
    """How much was kept at the end of each day, in megabytes, by what arrived since."""

    days: list[date]
    megabytes: list[int]


def nodes(services: Services) -> list[dict[str, Any]]:
    """What the nodes of the DICOM door have said of themselves lately, the longest running first."""
    now, found = services.clock.now(), []
    for info in services.exchange.scan(NODES):
        if (now - info.last_modified).total_seconds() > SILENT_S:
            continue
        try:
            node = json.loads(services.exchange.get(info.key)[1])
        except ObjectNotFound:
            continue  # forgotten meanwhile
        if node["ill"] != "left":
            node["started_at"] = datetime.fromisoformat(node["started_at"])
            found.append(node)
    return sorted(found, key=lambda each: str(each["started_at"]))


def live(nodes: Sequence[Mapping[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    """The associations of the scope's organization that are open now, the newest first."""
    ours = [
        {**each, "began_at": datetime.fromisoformat(each["began_at"])}
        for node in nodes
        for each in node["open"]
        if each["organization_id"] == scope.organization_id
    ]
    return sorted(ours, key=lambda each: each["began_at"], reverse=True)


def dead_letters(services: Services, scope: Scope, queues: Sequence[str]) -> list[dict[str, Any]]:
    """What these queues have given up, of the scope's organization: `queue`, `attempts` and the `subjects`."""
    letters = [each for queue in queues for each in services.queue.dead_letters(queue, limit=LETTERS_SHOWN)]
    told = [(each, subjects(each)) for each in letters]
    return [
        {"queue": each.queue, "attempts": each.receive_count, "subjects": about}
        for each, about in told
        if any(key.startswith(f"{scope.organization_id}/") for key in about)
    ]


def subjects(letter: DeadLetter) -> list[str]:
    """The objects, the series or the job that a message is about."""
    body = json.loads(letter.body)
    if "organization" in body:
        return [f"{body['organization']}/{body.get('job', '')}"]
    if "series" in body:
        return ["/".join(body["series"]) + "/"]
    return named_keys(letter.body)


def last_received(database: Database, scope: Scope) -> datetime | None:
    """When the organization's last instance arrived, of those that are remembered."""
    rows = database.fetch(
        text("select max(at) as at from arrivals where organization_id = cast(:organization_id as uuid)"),
        {"organization_id": scope.organization_id},
    )
    found: datetime | None = rows[0]["at"]
    return found


def database_bytes(database: Database) -> int:
    """How much the whole database takes."""
    rows = database.fetch(text("select pg_database_size(current_database()) as size_bytes"))
    return int(rows[0]["size_bytes"])


def rows_of(database: Database, scope: Scope) -> dict[str, int]:
    """How many rows the organization has in the tables that grow."""
    return dict(database.fetch(ROWS, {"organization_id": scope.organization_id})[0])


def size_by_branch_and_modality(database: Database, scope: Scope) -> Rows:
    """`studies`, `instances` and `size_bytes` by `branch` and `modality`, the largest first."""
    return database.fetch(SIZES, {"organization_id": scope.organization_id})


def growth(database: Database, scope: Scope, size_bytes: int, since: datetime, zone: ZoneInfo) -> Growth:
    """How much was kept day by day, from `since` until today, when it is `size_bytes`."""
    first = since.astimezone(zone).date()
    begin = datetime(first.year, first.month, first.day, tzinfo=zone)
    rows = database.fetch(ARRIVED, {"organization_id": scope.organization_id, "since": begin, "zone": zone.key})
    arrived = {row["day"]: int(row["size_bytes"]) for row in rows}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    kept, sizes = size_bytes, []
    for day in reversed(days):
        sizes.append(max(0, kept) // MEGABYTE)
        kept -= arrived.get(day.isoformat(), 0)
    return Growth(days, sizes[::-1])
