"""What the index answers to the DICOM door: the one module that knows the archive and its database.

Both are imported and connected to when a peer first asks, so that storing needs no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs.bootstrap import Services
from pacs.dicom.attributes import Level
from pacs.dicom.modalities import Place
from pacs.errors import NotFound
from pacs.settings import Settings

if TYPE_CHECKING:
    from pacs.dicom.correcting import Correction

PAGE = 200  # the Data API answers at most 1 MB


@dataclass(frozen=True)
class Stored:
    """What a sub-operation needs to know of an instance; `frames` is its packed frame table, `correction` what is told
    of its patient instead of what the original says.
    """

    study: str
    series: str
    instance: str
    sop_class_uid: str
    transfer_syntax_uid: str
    object_key: str
    frames: str
    correction: Correction | None = None


class Index:
    """Searches and lists what one place may see. Raises PacsError: BadRequest for values that cannot be meant."""

    def __init__(self, settings: Settings) -> None:
        self._services = Services(settings)

    @property
    def has_database(self) -> bool:
        return bool(self._services.settings.database_dsn or self._services.settings.database_arn)

    def record_connections(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write associations that have ended down. Raises DatabaseUnavailable."""
        from pacs.archive.connections import record_connections

        record_connections(self._services.database, rows)

    def record_transfers(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write what peers were given into the audit, under their AE titles. Raises DatabaseUnavailable."""
        from pacs.people.audit import REFUSED, SUCCESS, Deed, record
        from pacs.people.scope import Scope

        with self._services.database.transaction() as statements:
            for row in rows:
                record(
                    statements,
                    Scope(row["organization_id"], "system", member_id=row["calling_ae"]),
                    Deed(
                        "transfer",
                        row["study"],
                        number_of_instances=row["instances"],
                        subject=row["subject"],
                        outcome=REFUSED if row["failed"] else SUCCESS,
                    ),
                    source_ip=row["address"],
                )

    def close(self) -> None:
        """Leave the database, if anybody has asked."""
        database = vars(self._services).get("database")
        if database:
            database.close()

    def search(
        self, place: Place, level: Level, pairs: Sequence[tuple[str, str]], include: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """The DICOM JSON of every match, page by page. `pairs`: tag and value; `include`: further tags to be told."""
        from pacs.archive.search import search
        from pacs.dicomweb.query import parse_query

        asked = [*pairs, *(("includefield", tag) for tag in include), ("limit", str(PAGE))]
        offset = 0
        while True:
            # Dates and times are combined only when that was negotiated, and it is not offered: PS3.4 §C.5.2.1.
            query = parse_query(level, [*asked, ("offset", str(offset))], {}, combined=False)
            found = search(self._services.database, scope_of(place), query, origin="")
            yield from found
            if len(found) < PAGE:
                return
            offset += PAGE

    def studies(self, place: Place, patient_id: str | None, uids: Sequence[str]) -> list[str]:
        """The UIDs of a patient's studies, of those named when any are. An ID is compared letter by letter."""
        pairs = [("0020000D", "\\".join(uids))] if uids else []
        if patient_id is not None:
            pairs.append(("00100020", patient_id))
        found = self.search(place, "study", pairs, ("00100020",))
        return [
            str(each["0020000D"]["Value"][0])
            for each in found
            if patient_id is None or each["00100020"].get("Value") == [patient_id]
        ]

    def instances(self, place: Place, studies: Sequence[str]) -> Iterator[Stored]:
        """Every instance of these studies, in the order of series and instance numbers."""
        from pacs.archive.lookup import Level, find_instances

        for study in studies:
            try:
                found = find_instances(self._services.database, scope_of(place), Level(study))
            except NotFound:
                continue  # deleted meanwhile
            for each in found:
                yield Stored(
                    study,
                    each.path.series,
                    each.path.instance,
                    each.sop_class_uid,
                    each.transfer_syntax_uid,
                    each.object_key,
                    each.frames,
                    each.correction,
                )


def scope_of(place: Place) -> Any:
    """What a peer sees: its own branch of its own organization, as when it stores."""
    from pacs.people.scope import Scope

    return Scope(place.organization_id, "system", branches=(place.branch_id,))
