"""Where do devices draw names into their pictures? Rectangles by kind of device, kept by an organization.

Scopes with privacy are shown what matches, blank there; without a mask such pictures are not shown at all (`shown.py`).
Called by the `pacs` command and functions/pages.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from pacs.dicom.text import fold
from pacs.errors import BadRequest, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Database

OWN = "organization_id = cast(:organization_id as uuid)"
ADD = text(
    "insert into pixel_masks (id, organization_id, modality, manufacturer, rows, columns, rectangles) values"
    " (cast(:id as uuid), cast(:organization_id as uuid), :modality, :manufacturer, :rows, :columns,"
    " cast(:rectangles as jsonb))"
)
LIST = text(
    f"select cast(id as text) as id, modality, manufacturer, rows, columns, rectangles from pixel_masks where {OWN}"  # noqa: S608
    " order by modality, manufacturer, rows, columns, id"
)
REMOVE = text(f"delete from pixel_masks where {OWN} and cast(id as text) = :id returning id")  # noqa: S608
MOST_RECTANGLES, LARGEST = 32, 65_535


@dataclass(frozen=True)
class NewMask:
    """`rectangles`: left, top, width and height in pixels of a picture of so many rows and columns.

    `manufacturer` as devices write it, in whatever case; empty: any.
    """

    modality: str
    rows: int
    columns: int
    rectangles: Sequence[Sequence[int]]
    manufacturer: str = ""


def add_mask(database: Database, scope: Scope, new: NewMask, *, source_ip: str = "") -> str:
    """Keep a mask; returns its identifier. Raises BadRequest, naming the field."""
    if not (new.modality.isascii() and new.modality.isalnum() and len(new.modality) <= 16):
        raise BadRequest("modality is one such as US, SC or OT", field="modality")
    if not (0 < new.rows <= LARGEST and 0 < new.columns <= LARGEST):
        raise BadRequest(f"rows and columns are numbers from 1 to {LARGEST}", field="size")
    if not 0 < len(new.rectangles) <= MOST_RECTANGLES or not all(inside(each, new) for each in new.rectangles):
        raise BadRequest(
            f"1 to {MOST_RECTANGLES} rectangles (left, top, width, height) lie in the picture", field="rectangles"
        )
    made = {
        "id": str(uuid.uuid4()),
        "organization_id": scope.organization_id,
        "modality": new.modality.upper(),
        "manufacturer": fold(new.manufacturer),
        "rows": new.rows,
        "columns": new.columns,
        "rectangles": [list(each) for each in new.rectangles],
    }
    with database.transaction() as statements:
        statements.fetch(ADD, made)
        record(statements, scope, Deed("change-masks", subject=f"added {made['id']}"), source_ip=source_ip)
    return str(made["id"])


def inside(rectangle: Sequence[int], mask: NewMask) -> bool:
    if len(rectangle) != 4:
        return False
    left, top, width, height = rectangle
    fits = left + width <= mask.columns and top + height <= mask.rows
    return min(left, top) >= 0 and min(width, height) > 0 and fits


def read_numbers(given: str, mark: str, count: int, field: str) -> list[int]:
    """So many numbers with a mark between them, as people type them: `640x480`, `0, 0, 640, 52`. Raises BadRequest."""
    parts = [each.strip() for each in given.lower().split(mark)]
    if len(parts) != count or not all(each.isascii() and each.isdigit() and len(each) < 6 for each in parts):
        raise BadRequest(f"{given!r} are no {count} numbers with {mark!r} between them", field=field)
    return [int(each) for each in parts]


def list_masks(database: Database, scope: Scope) -> list[dict[str, Any]]:
    return [dict(row) for row in database.fetch(LIST, {"organization_id": scope.organization_id})]


def remove_mask(database: Database, scope: Scope, mask_id: str, *, source_ip: str = "") -> None:
    """Show such pictures no more. Raises NotFound."""
    with database.transaction() as statements:
        if not statements.fetch(REMOVE, {"organization_id": scope.organization_id, "id": mask_id}):
            raise NotFound("there is no such mask", field="MASK")
        record(statements, scope, Deed("change-masks", subject=f"removed {mask_id}"), source_ip=source_ip)
