"""Index → derived: makes what viewers ask for most before they ask. Called by functions/deriver.

All of it can be deleted and made again from the originals; requests never depend on it, they are only faster.
"""

import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.failures import Stage, clear_failures, record_failures
from pacs.archive.frames import FrameReader, wrapped
from pacs.archive.lookup import Instance, Level, find_instances, require_same_version
from pacs.archive.metadata import LEVEL
from pacs.archive.rendering import make_thumbnail
from pacs.archive.retrieve import compose
from pacs.dicom.transcode import needs_transcoding
from pacs.errors import BeingReplaced, NotFound, ObjectNotFound, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Services

IN_MEMORY_BYTES = 64 << 20
DERIVED = text(
    "update series set derived_revision = :revision where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = :study and series_instance_uid = :series and derived_revision < :revision"
)


def derive_instances(services: Services, events: Sequence[Mapping[str, Any]]) -> dict[str, PacsError]:
    """Derive what the events (one an indexed instance) call for; returns what failed, by object key.

    A series is composed once however many of its instances a batch names. Raises Unavailable.
    """
    series: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in events:
        path = keys.parse_original(event["FilePath"])
        series[path.series_path].add(path.instance)
    failed: dict[str, PacsError] = {}
    for series_path, named in series.items():
        failed |= derive_series(services, series_path, named)
    return failed


def derive_series(services: Services, path: tuple[str, str, str], named: set[str]) -> dict[str, PacsError]:
    """Make the metadata of one series, then frames and thumbnail of its named instances."""
    stages: dict[Stage, dict[str, PacsError]] = {"derive": {}, "transcode": {}}
    done = []
    try:
        instances = write_series_metadata(services, path)
    except Unavailable:
        raise
    except PacsError as error:
        instances = []
        stages["derive"] = {keys.InstancePath(*path, instance).original: error for instance in named}
    for number, instance in enumerate(instances):
        if instance.path.instance not in named:
            continue
        try:
            reader = reader_of(services, instance)
            derive_instance(services, instance, reader, representative=number == len(instances) // 2)
            if reader.number_of_frames:  # what has none keeps the failure that the indexer told of
                done.append(instance.object_key)
        except Unavailable:
            raise
        except (ObjectNotFound, BeingReplaced):
            continue  # its original is gone, which the reconciliation tells; or newer, and its own event will come
        except PacsError as error:
            stages[stage_of(reader, instance)][instance.object_key] = error
    for stage, problems in stages.items():
        record_failures(services.database, stage, problems)
    clear_failures(services.database, tuple(stages), done)
    return stages["derive"] | stages["transcode"]


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


def write_series_metadata(services: Services, path: tuple[str, str, str]) -> list[Instance]:
    """Compose the whole of a series and mark the revision it shows; returns the series' instances."""
    organization_id, study, series = path
    where = {"organization_id": organization_id, "study": study, "series": series}
    try:
        instances = find_instances(services.database, Scope(organization_id, "system"), Level(study, series))
    except NotFound:
        return []  # deleted since
    body = gzip.compress(compose(services, instances), LEVEL, mtime=0)
    key = keys.series_metadata(*path)
    services.derived.put(key, body, content_type="application/dicom+json", content_encoding="gzip")
    services.database.fetch(DERIVED, {**where, "revision": instances[0].revision})
    return instances


def derive_instance(services: Services, instance: Instance, reader: FrameReader, *, representative: bool) -> None:
    """Frames of one instance, when they are few enough to be made beforehand, and its thumbnail.

    Frames of an older version go first, so that a replaced instance is never shown with old pictures.
    """
    if reader.number_of_frames > services.settings.prepare_frames_max:
        services.derived.delete_prefix(instance.path.frames)
        return
    for frame_number in range(1, reader.number_of_frames + 1):
        body, content_type = wrapped(reader.sendable(frame_number))
        services.derived.put(instance.path.frame(frame_number), body, content_type=content_type)
    if representative and reader.number_of_frames:
        make_thumbnail(services, instance, reader)
