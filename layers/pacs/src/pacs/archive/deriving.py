"""Index → derived: makes what viewers ask for most before they ask. Called by functions/deriver.

All of it can be deleted and made again from the originals; requests never depend on it, they are only faster.
"""

import gzip
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.expiring import is_hot
from pacs.archive.failures import Stage, clear_failures, record_failures
from pacs.archive.frames import FrameReader
from pacs.archive.lookup import COLUMNS, Instance, Level, find_instances, instance_of, require_same_version
from pacs.archive.metadata import LEVEL, write_whole
from pacs.archive.preparing import take_back_outdated, write_frame
from pacs.archive.rendering import make_thumbnail
from pacs.archive.retrieve import compose, rested_since
from pacs.dicom.transcode import needs_transcoding
from pacs.errors import BeingReplaced, NotFound, ObjectNotFound, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Rows, Services

IN_MEMORY_BYTES = 64 << 20
TOLERANCE_S = 1  # by which a message may come too early by the database's clock
NAMED = text(
    f"select {COLUMNS}, exists (select from failures f where f.stage in ('derive', 'transcode')"  # noqa: S608
    " and f.object_key = i.object_key) as has_failed, s.study_date"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r(organization_id uuid, study_instance_uid text,"
    " series_instance_uid text, sop_instance_uid text)"
    " join instances i using (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid)"
    " join series e using (organization_id, study_instance_uid, series_instance_uid)"
    " join studies s using (organization_id, study_instance_uid)"
)
IDENTITY = ("organization_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid")

SeriesPath = tuple[str, str, str]


def derive_instances(services: Services, events: Sequence[Mapping[str, Any]]) -> dict[str, PacsError]:
    """Make the frames of what the events (one an indexed instance) name; returns what failed, by object key.

    Those of cold studies are made when somebody asks; those of small images the indexer has made.

    Raises Unavailable.
    """
    waiting = [event["FilePath"] for event in events if not event.get("FramesReady")]
    paths = {key: keys.parse_original(key) for key in waiting}
    if not paths:
        return {}
    stages: dict[Stage, dict[str, PacsError]] = {"derive": {}, "transcode": {}}
    mended, made = [], []
    for row in find_named(services, paths.values()):
        instance = instance_of(row)
        if not is_hot(services, row["study_date"]):
            continue
        made.append(instance)
        try:
            reader = reader_of(services, instance)
            derive_instance(services, instance, reader)
            if row["has_failed"] and reader.number_of_frames:  # without any, the failure is the indexer's and stays
                mended.append(instance.object_key)
        except Unavailable:
            raise
        except (ObjectNotFound, BeingReplaced):
            continue  # its original is gone, which the reconciliation tells; or newer, and its own event will come
        except PacsError as error:
            stages[stage_of(reader, instance)][instance.object_key] = error
    take_back_outdated(services, made)
    for stage, problems in stages.items():
        record_failures(services.database, stage, problems)
    if mended:
        clear_failures(services.database, tuple(stages), mended)
    return stages["derive"] | stages["transcode"]


def find_named(services: Services, paths: Collection[keys.InstancePath]) -> Rows:
    """The rows of these instances. Of those that were deleted there is none, and no frame that an earlier try left."""
    identities = [
        dict(zip(IDENTITY, (path.organization_id, path.study, path.series, path.instance), strict=True))
        for path in paths
    ]
    rows = services.database.fetch(NAMED, {"rows": identities})
    for path in set(paths) - {instance_of(row).path for row in rows}:
        services.derived.delete_prefix(path.frames)
    return rows


def derive_series(services: Services, paths: Iterable[SeriesPath]) -> dict[SeriesPath, PacsError]:
    """Make what is made of whole series: metadata and a thumbnail; returns what failed. Raises Unavailable.

    A series that still arrives is left alone: the message that comes after its last instance finds it at rest.
    """
    failed: dict[SeriesPath, PacsError] = {}
    for path in paths:
        try:
            instances = find_rested(services, path)
            body = gzip.compress(compose(services, instances), LEVEL, mtime=0)
            write_whole(services.derived, path, body, instances[0].revision)
        except (NotFound, ObjectNotFound):
            continue  # still arriving, or deleted
        except Unavailable:
            raise
        except PacsError as error:
            failed[path] = error
        else:
            write_thumbnail(services, [each for each in instances if each.frames])
    return failed


def write_thumbnail(services: Services, images: Sequence[Instance]) -> None:
    """Make the thumbnail of the middle one, unless it has no good frames: of which its own event has told."""
    if images:
        middle = images[len(images) // 2]
        try:
            make_thumbnail(services, middle, reader_of(services, middle))
        except Unavailable:
            raise
        except PacsError:
            return


def find_rested(services: Services, path: SeriesPath) -> list[Instance]:
    """The instances of a series. Raises NotFound when it was deleted, or changed a moment ago."""
    organization_id, study, series = path
    since = rested_since(services) + timedelta(seconds=TOLERANCE_S)
    scope = Scope(organization_id, "system")
    return find_instances(services.database, scope, Level(study, series), at_rest_since=since)


def reader_of(services: Services, instance: Instance) -> FrameReader:
    """Reads the frames that will be made out of memory, in one request; those of a large object by range."""
    few = instance.frame_table.number_of_frames <= services.settings.prepare_frames_max
    if few and instance.size_bytes <= IN_MEMORY_BYTES:
        info, original = services.originals.get(instance.object_key)
        require_same_version(instance, info)
        return FrameReader(services, instance, original)
    return FrameReader(services, instance)


def stage_of(reader: FrameReader, instance: Instance) -> Stage:
    """At what an instance failed: at being transcoded, when it needed that."""
    try:
        return "transcode" if needs_transcoding(reader.header.dataset, instance.transfer_syntax_uid) else "derive"
    except PacsError:  # not even its header can be read
        return "derive"


def derive_instance(services: Services, instance: Instance, reader: FrameReader) -> None:
    """Frames of one instance, when they are few enough to be made beforehand.

    Frames of an older version go first, so that a replaced instance is never shown with old pictures.
    """
    if reader.number_of_frames > services.settings.prepare_frames_max:
        services.derived.delete_prefix(instance.path.frames)
        return
    for frame_number in range(1, reader.number_of_frames + 1):
        write_frame(services, instance, frame_number, reader.sendable(frame_number))
