"""Finding rows of the index for retrieval: every query takes a scope, and what it does not cover is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from pacs.archive.corrections import find_corrections
from pacs.archive.keys import InstancePath
from pacs.archive.search import scope_conditions
from pacs.archive.shown import RECTANGLES, shown_at
from pacs.dicom.uids import require_uid
from pacs.errors import BadRequest, MissingUid, NotFound
from pacs.objects import Span
from pacs.people.scope import Scope
from pacs.ports import Database, ObjectInfo, Rows

REVISION = "e.revision || '-' || cast(extract(epoch from e.created_at) as text) as revision"
COLUMNS = (
    "i.organization_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid, i.object_key, i.size_bytes,"
    " i.sha256, i.transfer_syntax_uid, i.frames, i.metadata_key, i.sop_class_uid, i.number_of_frames, i.updated_at,"
    f" s.corrected_at, {REVISION}"
)


if TYPE_CHECKING:
    from pacs.dicom.correcting import Correction
    from pacs.dicom.frames import FrameTable


Rectangle = tuple[int, ...]  # left, top, width and height in pixels


@dataclass(frozen=True)
class Instance:
    """What the index knows of one stored instance; `frames` is its packed frame table.

    `revision` names what its series was when it was found; no other state of any series with these UIDs has that name.
    `correction` is what is told of its patient instead of what the original says, `masks` are the parts of its picture
    that scopes with privacy are not shown.
    """

    path: InstancePath
    object_key: str
    size_bytes: int
    sha256: str
    transfer_syntax_uid: str
    sop_class_uid: str
    metadata_key: str
    frames: str
    updated_at: datetime
    revision: str
    correction: Correction | None = None
    masks: tuple[Rectangle, ...] = ()

    @property
    def version(self) -> str:
        """Tells one state of what is answered from another: the original's bytes, how they are corrected and masked."""
        corrected = f"-{self.correction.at.isoformat()}" if self.correction else ""
        return f"{self.sha256}{corrected}{self.masks or ''}"

    @property
    def span(self) -> Span:
        """All of it, exactly as it was received."""
        return Span(self.object_key, 0, self.size_bytes, self.sha256)

    @property
    def frame_table(self) -> FrameTable:
        from pacs.dicom.frames import FrameTable  # brings pydicom, which launching and searching do without

        return FrameTable.unpack(self.frames, self.transfer_syntax_uid)


@dataclass(frozen=True)
class Level:
    """A study, a series of it, or an instance of that, as a URL names it. UIDs are checked when made."""

    study: str
    series: str | None = None
    instance: str | None = None

    def __post_init__(self) -> None:
        for name, uid in (("study", self.study), ("series", self.series), ("instance", self.instance)):
            if uid is not None:
                try:
                    require_uid(uid, name)
                except MissingUid as error:
                    raise BadRequest(f"{name} is not a UID", field=name) from error


def find_instances(
    database: Database, scope: Scope, level: Level, *, at_rest_since: datetime | None = None
) -> list[Instance]:
    """Every instance of a study, series or instance, in the order of series and instance numbers.

    `at_rest_since`: only those of series that have not changed since then. Raises NotFound when there is none that
    the scope covers.
    """
    parameters: dict[str, Any] = {"study": level.study}
    conditions = [*scope_conditions(scope, parameters), "i.study_instance_uid = :study", *shown_at(scope, "instance")]
    if at_rest_since is not None:
        conditions.append("e.updated_at <= :at_rest_since")
        parameters["at_rest_since"] = at_rest_since
    for column, value in (("series_instance_uid", level.series), ("sop_instance_uid", level.instance)):
        if value is not None:
            conditions.append(f"i.{column} = :{column}")
            parameters[column] = value
    columns = f"{COLUMNS}, {RECTANGLES}" if scope.privacy else COLUMNS
    rows = database.fetch(
        text(
            f"select {columns} from studies s join instances i using (organization_id, study_instance_uid)"  # noqa: S608
            f" join series e using (organization_id, study_instance_uid, series_instance_uid)"
            f" where {' and '.join(conditions)}"
            " order by e.series_number nulls last, i.series_instance_uid, i.instance_number nulls last,"
            " i.sop_instance_uid"
        ),
        parameters,
    )
    if not rows:
        raise NotFound("no such study, series or instance")
    return instances_of(database, rows)


def instances_of(database: Database, rows: Rows) -> list[Instance]:
    """Rows of COLUMNS, of one organization. Corrections are asked for when there are any."""
    corrected = sorted({row["study_instance_uid"] for row in rows if row["corrected_at"]})
    corrections = find_corrections(database, str(rows[0]["organization_id"]), corrected) if corrected else {}
    return [instance_of(row, corrections.get(row["study_instance_uid"])) for row in rows]


def find_instance(database: Database, scope: Scope, level: Level) -> Instance:
    """The one instance that a level with all three UIDs names. Raises NotFound."""
    return find_instances(database, scope, level)[0]


def require_same_version(instance: Instance, info: ObjectInfo) -> None:
    """Raises BeingReplaced when the store has newer bytes than the index knows: its offsets would cut them wrongly."""
    instance.span.require(info.metadata)


def require_studies(database: Database, scope: Scope, studies: Sequence[str]) -> None:
    """Raises NotFound, naming the first study that this scope does not cover; BadRequest for what is no UID."""
    wanted = [Level(study).study for study in studies]
    parameters: dict[str, Any] = {"wanted": wanted}
    conditions = [*scope_conditions(scope, parameters), "s.study_instance_uid = any(:wanted)"]
    statement = f"select s.study_instance_uid from studies s where {' and '.join(conditions)}"  # noqa: S608
    found = {row["study_instance_uid"] for row in database.fetch(text(statement), parameters)}
    for study in wanted:
        if study not in found:
            raise NotFound(f"no such study: {study}", field="studies")


def instance_of(row: Mapping[str, Any], correction: Correction | None = None) -> Instance:
    updated_at = max(row["updated_at"], correction.at) if correction else row["updated_at"]
    return Instance(
        path=InstancePath(
            str(row["organization_id"]), row["study_instance_uid"], row["series_instance_uid"], row["sop_instance_uid"]
        ),
        object_key=row["object_key"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        sop_class_uid=row["sop_class_uid"] or "",
        metadata_key=row["metadata_key"],
        frames=row["frames"] or "",
        updated_at=updated_at,
        revision=row["revision"],
        correction=correction,
        masks=tuple((*each,) for mask in row.get("masks") or () for each in mask),
    )
