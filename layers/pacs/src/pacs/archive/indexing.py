"""Queue → index: reads the headers of new originals, upserts the whole batch at once. Called by functions/indexer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
from pydicom.datadict import dictionary_VR, tag_for_keyword
from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.failures import clear_failures, record_failures
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN
from pacs.archive.metadata import write_part
from pacs.archive.non_patient_indexing import index_non_patient
from pacs.archive.source import StoreSource, object_columns
from pacs.dicom.frames import locate_frames
from pacs.dicom.header import Header, read_header
from pacs.dicom.index_row import index_row
from pacs.dicom.json import to_dicom_json
from pacs.dicom.transcode import explicit_attributes, needs_transcoding
from pacs.errors import InvalidInstance, ObjectNotFound, PacsError, Unavailable, UndecodablePixels
from pacs.ports import Services

TOPIC = "instance-indexed"
READERS = 8  # ranged reads of a cloud store at once; waiting, not computing
INDEX = text("select sop_instance_uid, object_key, changed from index_instances(cast(:rows as jsonb))")
REPLACED = text(
    "select object_key from instances i join jsonb_to_recordset(cast(:rows as jsonb)) as r(organization_id uuid,"
    " study_instance_uid text, series_instance_uid text, sop_instance_uid text, sha256 text)"
    " using (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid) where i.sha256 <> r.sha256"
)
IDENTITY = ("organization_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "sha256")


@dataclass(frozen=True)
class ReadInstance:
    """What one original gave: its row for the index and its complete metadata.

    `frames_problem`: why its frames cannot be told apart; it is indexed and found all the same.
    """

    path: keys.InstancePath
    row: dict[str, Any]
    document: bytes
    frames_problem: UndecodablePixels | None = None


def index_objects(services: Services, object_keys: Sequence[str]) -> dict[str, PacsError]:
    """Index these originals, and tell the world of each; returns what failed, by key.

    Idempotent: the same objects again leave the same rows. What failed is recorded for `pacs failures`.
    Raises DatabaseUnavailable and StoreUnavailable when nothing can be done: all of the batch comes back later.
    """
    distinct = list(dict.fromkeys(object_keys))
    non_patient = [key for key in distinct if keys.is_non_patient_key(key)]
    read, failed = read_instances(services, [key for key in distinct if not keys.is_non_patient_key(key)])
    write_metadata(services, read)
    rows = [each.row for each in read]
    replaced = find_replaced(services, rows)
    delete_pictures(services, replaced)  # now, because who comes after a killed one cannot see what was replaced
    failed |= upsert(services, rows)
    delete_pictures(services, replaced)  # again, for a viewer may have asked in between
    indexed = [row for row in rows if row["object_key"] not in failed]
    failed |= index_non_patient(services, non_patient)
    record_failures(services.database, "index", failed)
    problems: dict[str, PacsError] = {
        each.row["object_key"]: each.frames_problem for each in read if each.frames_problem is not None
    }
    record_failures(services.database, "transcode", problems)
    done = [row["object_key"] for row in indexed] + [key for key in non_patient if key not in failed]
    clear_failures(services.database, ("index",), done)
    services.queue.publish(TOPIC, [instance_event(row) for row in indexed])
    return failed


def read_instances(services: Services, object_keys: Sequence[str]) -> tuple[list[ReadInstance], dict[str, PacsError]]:
    """Read every header; what cannot be read is returned with its error. A deleted object is no error."""
    read: list[ReadInstance] = []
    failed: dict[str, PacsError] = {}

    def attempt(key: str) -> ReadInstance | PacsError:
        try:
            return read_instance(services, key)
        except Unavailable:
            raise
        except PacsError as error:
            return error

    with ThreadPoolExecutor(READERS) as readers:
        for key, result in zip(object_keys, readers.map(attempt, object_keys), strict=True):
            if isinstance(result, ReadInstance):
                read.append(result)
            elif not isinstance(result, ObjectNotFound):
                failed[key] = result
    return read, failed


def read_instance(services: Services, key: str) -> ReadInstance:
    """Read one original's header and frame table. Raises InvalidInstance when it cannot be indexed."""
    path = keys.parse_original(key)
    source = StoreSource(services.originals, key)
    header = read_header(source)
    row = index_row(header)
    if (row["study_instance_uid"], row["series_instance_uid"], row["sop_instance_uid"]) != (
        path.study,
        path.series,
        path.instance,
    ):
        raise InvalidInstance("the UIDs of the dataset are not those of its key")
    row |= object_columns(source, path.organization_id, header.transfer_syntax_uid)
    row["frames"], frames_problem = frame_table(source, header)
    base = f"/dicomweb/studies/{path.study}/series/{path.series}/instances/{path.instance}/bulkdata/"
    document = to_dicom_json(header, bulkdata_uri=lambda at: base + at)
    body = orjson.dumps(document | transcoded_attributes(header))
    return ReadInstance(path, row, body, frames_problem)


def frame_table(source: StoreSource, header: Header) -> tuple[str, UndecodablePixels | None]:
    """The packed frame table, or an empty one and why."""
    try:
        return locate_frames(source, header).pack(), None
    except UndecodablePixels as error:
        return "", error


def transcoded_attributes(header: Header) -> dict[str, Any]:
    """What the metadata must say otherwise because viewers are sent the frames transcoded; mostly nothing."""
    if not needs_transcoding(header.dataset, header.transfer_syntax_uid):
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
    """Upsert all rows in one statement; when the batch is refused, one by one, to find the row at fault."""
    if not rows:
        return {}
    try:
        services.database.fetch(INDEX, {"rows": list(rows)})
        return {}
    except Unavailable:
        raise
    except PacsError as error:
        if len(rows) == 1:
            return {rows[0]["object_key"]: error}
    return {key: error for row in rows for key, error in upsert(services, [row]).items()}


def find_replaced(services: Services, rows: Sequence[Mapping[str, Any]]) -> list[keys.InstancePath]:
    """Those of the rows of which the index knows other bytes."""
    if not rows:
        return []
    identities = [{name: row[name] for name in IDENTITY} for row in rows]
    return [keys.parse_original(row["object_key"]) for row in services.database.fetch(REPLACED, {"rows": identities})]


def delete_pictures(services: Services, paths: Sequence[keys.InstancePath]) -> None:
    """Delete what was derived from the older bytes of replaced instances, so that nobody is shown it."""
    for path in paths:
        services.derived.delete_prefix(path.frames)
        services.derived.delete(path.thumbnail)
        services.derived.delete(path.video)


def instance_event(row: Mapping[str, Any]) -> str:
    """What the deriver, and later the warehouse, are told of an instance: eight fields and whose it is."""
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
        }
    ).decode()


def patient_id(row: Mapping[str, Any]) -> str:
    values = row["study_dicom"].get("00100020", {}).get("Value") or [""]
    return str(values[0] or "")
