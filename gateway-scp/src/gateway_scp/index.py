"""What the index answers to the DICOM door: the one module that knows the archive and its database.

Both are imported and connected to when a peer first asks, so that storing needs no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pacs.bootstrap import Services
from pacs.dicom.attributes import Level
from pacs.dicom.modalities import Place
from pacs.settings import Settings

PAGE = 200  # the Data API answers at most 1 MB


class Index:
    """Searches and lists what one place may see. Raises PacsError: BadRequest for values that cannot be meant."""

    def __init__(self, settings: Settings) -> None:
        self._services = Services(settings)

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
            query = parse_query(level, [*asked, ("offset", str(offset))], {})
            found = search(self._services.database, scope_of(place), query, origin="")
            yield from found
            if len(found) < PAGE:
                return
            offset += PAGE


def scope_of(place: Place) -> Any:
    """What a peer sees: its own branch of its own organization, as when it stores."""
    from pacs.people.scope import Scope

    return Scope(place.organization_id, "system", branches=(place.branch_id,))
