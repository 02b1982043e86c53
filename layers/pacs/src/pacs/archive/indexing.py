"""Queue → index: reads the headers of new originals, upserts the whole batch at once. Called by functions/indexer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from pydicom.datadict import dictionary_VR, tag_for_keyword
from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.expiring import is_hot
from pacs.archive.failures import clear_failures, record_failures
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN
from pacs.archive.lookup import instance_of
from pacs.archive.metadata import REST_S, write_part
from pacs.archive.non_patient_indexing import index_non_patient
from pacs.archive.preparing import SMALL_BYTES, prepare_frames
from pacs.archive.source import StoreSource, object_columns
from pacs.dicom.frames import FrameTable, locate_frames
from pacs.dicom.header import Header, read_header
from pacs.dicom.index_row import index_row
from pacs.dicom.json import to_dicom_json
from pacs.dicom.source import FIRST_BLOCK_BYTES
from pacs.dicom.transcode import explicit_attributes, is_plain, needs_transcoding
from pacs.errors import InvalidInstance, ObjectNotFound, PacsError, Unavailable, UndecodablePixels
from pacs.ports import Rows, Services

TOPIC = "instance-indexed"
READERS = 8  # ranged reads of a cloud store at once; waiting, not computing
DERIVE = "derive"
INDEX = text(
    "select sop_instance_uid, object_key, changed from index_instances(cast(:rows as jsonb), :unless_replaced)"
)


@dataclass(frozen=True)
class ReadInstance:
    """What one original gave: its row for the index and its complete metadata.

    `frames_problem`: why its frames cannot be told apart; it is indexed and found all the same.
    `original`: all of its bytes, if they are at hand and its frames can be sent as they are.
    """

    path: keys.InstancePath
    row: dict[str, Any]
    document: bytes
    frames_problem: UndecodablePixels | None
    original: bytes


def index_objects(
    services: Services, object_keys: Sequence[str], sizes: Mapping[str, int] | None = None
) -> dict[str, PacsError]:
    """Index these originals, and tell the world of each; returns what failed, by key.

    `sizes` (bytes, by key): what the store's events say. Small originals are read whole, and their frames made at once.
    Idempotent: the same objects again leave the same rows. What failed is recorded for `pacs failures`.
    Raises DatabaseUnavailable and StoreUnavailable when nothing can be done: all of the batch comes back later.
    """
    distinct = list(dict.fromkeys(object_keys))
    non_patient = [key for key in distinct if keys.is_non_patient_key(key)]
    originals = [key for key in distinct if not keys.is_non_patient_key(key)]
    read, failed = read_instances(services, originals, sizes or {})
    write_metadata(services, read)
    failed |= upsert(services, [each.row for each in read])
    indexed = [each for each in read if each.row["object_key"] not in failed]
    failed |= index_non_patient(services, non_patient)
    record_failures(services.database, "index", failed)
    problems: dict[str, PacsError] = {
        each.row["object_key"]: each.frames_problem for each in read if each.frames_problem is not None
    }
    record_failures(services.database, "transcode", problems)
    if done := [key for key in non_patient if key not in failed]:
        clear_failures(services.database, ("index",), done)
    ready = prepare(services, indexed)
    services.queue.publish(TOPIC, [instance_event(each.row, each.row["object_key"] in ready) for each in indexed])
    series = sorted({each.path.series_path for each in indexed})
    services.queue.send(DERIVE, [series_message(path) for path in series], delay_s=REST_S)
    return failed


@cache
def readers() -> ThreadPoolExecutor:
    """Those of this process; starting them anew for each batch costs more than most batches."""
    return ThreadPoolExecutor(READERS, "reader")


def read_instances(
    services: Services, object_keys: Sequence[str], sizes: Mapping[str, int]
) -> tuple[list[ReadInstance], dict[str, PacsError]]:
    """Read every header; what cannot be read is returned with its error. A deleted object is no error."""
    read: list[ReadInstance] = []
    failed: dict[str, PacsError] = {}

    def attempt(some: Sequence[str]) -> list[ReadInstance | PacsError]:
        return [read_or_error(services, key, sizes.get(key, 0)) for key in some]

    # Each reader gets its share at once: handing over one by one costs as much as parsing a header.
    shares = [object_keys[number::READERS] for number in range(min(READERS, len(object_keys)))]
    for share, results in zip(shares, readers().map(attempt, shares), strict=True):
        for key, result in zip(share, results, strict=True):
            if isinstance(result, ReadInstance):
                read.append(result)
            elif not isinstance(result, ObjectNotFound):
                failed[key] = result
    return read, failed


def read_or_error(services: Services, key: str, size_bytes: int) -> ReadInstance | PacsError:
    try:
        return read_instance(services, key, size_bytes)
    except Unavailable:
        raise
    except PacsError as error:
        return error


def read_instance(services: Services, key: str, size_bytes: int = 0) -> ReadInstance:
    """Read one original's header and frame table; `size_bytes` if it is known beforehand.

    Raises InvalidInstance when it cannot be indexed.
    """
    path = keys.parse_original(key)
    small = 0 < size_bytes <= SMALL_BYTES
    source = StoreSource(services.originals, key, max(size_bytes, FIRST_BLOCK_BYTES) if small else FIRST_BLOCK_BYTES)
    header = read_header(source)
    row = index_row(header)
    if (row["study_instance_uid"], row["series_instance_uid"], row["sop_instance_uid"]) != (
        path.study,
        path.series,
        path.instance,
    ):
        raise InvalidInstance("the UIDs of the dataset are not those of its key")
    row |= object_columns(source, path.organization_id, header.transfer_syntax_uid)
    table, frames_problem = frame_table(source, header)
    row["frames"] = table.pack() if table else ""
    base = f"/dicomweb/studies/{path.study}/series/{path.series}/instances/{path.instance}/bulkdata/"
    document = to_dicom_json(header, bulkdata_uri=lambda at: base + at)
    body = orjson.dumps(document | transcoded_attributes(header))
    few = table is not None and 0 < table.number_of_frames <= services.settings.prepare_frames_max
    wanted = small and few and is_plain(header) and is_hot(services, row["study"]["study_date"])
    return ReadInstance(path, row, body, frames_problem, source.whole if wanted else b"")


def prepare(services: Services, indexed: Sequence[ReadInstance]) -> set[str]:
    """Make the frames of what is at hand; returns the keys of the originals whose frames are ready."""
    untold = {"sop_class_uid": "", "updated_at": services.clock.now(), "revision": ""}  # and not asked for frames
    at_hand = [(instance_of(each.row | untold), each.original) for each in indexed if each.original]
    prepare_frames(services, at_hand)
    return {instance.object_key for instance, _ in at_hand}


def frame_table(source: StoreSource, header: Header) -> tuple[FrameTable | None, UndecodablePixels | None]:
    """The frame table, or why there is none."""
    try:
        return locate_frames(source, header), None
    except UndecodablePixels as error:
        return None, error


def transcoded_attributes(header: Header) -> dict[str, Any]:
    """What the metadata must say otherwise because viewers are sent the frames transcoded; mostly nothing."""
    if is_plain(header) or not needs_transcoding(header.dataset, header.transfer_syntax_uid):
        return {}
    changed = {keyword: [value] for keyword, value in explicit_attributes(header.dataset).items()}
    told = {"AvailableTransferSyntaxUID": [EXPLICIT_LITTLE_ENDIAN], **changed}
    return {f"{tag_for_keyword(name):08X}": {"vr": dictionary_VR(name), "Value": each} for name, each in told.items()}


def write_metadata(services: Services, read: Sequence[ReadInstance]) -> None:
    """Write one part a series, before the rows that name it."""
    series: dict[tuple[str, str, str], list[ReadInstance]] = defaultdict(list)
    for each in read:
        series[each.path.series_path].append(each)
    for path, members in series.items():
        key = write_part(services.derived, path, {each.path.instance: each.document for each in members})
        for each in members:
            each.row["metadata_key"] = key


def upsert(services: Services, rows: Sequence[Mapping[str, Any]]) -> dict[str, PacsError]:
    """Upsert all rows in one statement; when the batch is refused, one by one, to find the row at fault.

    What was derived from the older bytes of replaced instances is deleted before, because who comes after a killed one
    cannot see what was replaced, and again afterwards, for a viewer may have asked in between.
    """
    if not rows:
        return {}
    try:
        replaced = [each for each in fetch_index(services, rows, unless_replaced=True) if each["changed"] is None]
        if replaced:
            paths = [keys.parse_original(each["object_key"]) for each in replaced]
            delete_pictures(services, paths)
            fetch_index(services, rows, unless_replaced=False)
            delete_pictures(services, paths)
        return {}
    except Unavailable:
        raise
    except PacsError as error:
        if len(rows) == 1:
            return {rows[0]["object_key"]: error}
    return {key: error for row in rows for key, error in upsert(services, [row]).items()}


def fetch_index(services: Services, rows: Sequence[Mapping[str, Any]], *, unless_replaced: bool) -> Rows:
    return services.database.fetch(INDEX, {"rows": list(rows), "unless_replaced": unless_replaced})


def delete_pictures(services: Services, paths: Sequence[keys.InstancePath]) -> None:
    """Delete the pictures that were made of these instances, so that nobody is shown them."""
    for path in paths:
        services.derived.delete_prefix(path.frames)
        services.derived.delete(path.thumbnail)
        services.derived.delete(path.video)


def instance_event(row: Mapping[str, Any], frames_ready: bool) -> str:
    """What the deriver, the log, and later the warehouse, are told of an instance: eight fields, whose it is, since
    when, and whether its frames are made.
    """
    return orjson.dumps(
        {
            "organizationId": row["organization_id"],
            "TransferSyntax": row["transfer_syntax_uid"],
            "SopInstanceUID": row["sop_instance_uid"],
            "StudyInstanceUID": row["study_instance_uid"],
            "SeriesInstanceUID": row["series_instance_uid"],
            "PatientID": patient_id(row),
            "FileName": row["object_key"].rsplit("/", 1)[-1],
            "FileSize": row["size_bytes"],
            "FilePath": row["object_key"],
            "ReceivedAt": row["received_at"],
            "FramesReady": frames_ready,
        }
    ).decode()


def series_message(path: tuple[str, str, str]) -> str:
    """What the deriver is told of a series some time after a part of it was indexed."""
    return orjson.dumps({"series": path}).decode()


def patient_id(row: Mapping[str, Any]) -> str:
    values = row["study_dicom"].get("00100020", {}).get("Value") or [""]
    return str(values[0] or "")
