"""WADO: whole instances, metadata of what a scope covers. Called by functions/dicomweb.

Frames have a module of their own (`frames.py`), bulk data another (`bulkdata.py`). Source: PS3.18 §10.4.
"""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN, FrameReader
from pacs.archive.lookup import REVISION, Instance, Level, find_instances
from pacs.archive.metadata import LEVEL, REST_S, SHOWS, join, read_parts, write_whole
from pacs.archive.search import scope_conditions
from pacs.archive.source import StoreSource
from pacs.dicom.correcting import corrected_document, corrected_file, corrected_part10
from pacs.dicom.header import Header, read_header
from pacs.dicom.part10 import decoded_pixels, encapsulated_pixels, native_pixels, write_part10
from pacs.dicom.trailing import read_trailing
from pacs.dicom.transcode import ENCODED, VIDEO, explicit_attributes
from pacs.errors import NotAcceptable, NotFound, ObjectNotFound
from pacs.objects import Piece, Span
from pacs.people.scope import Scope
from pacs.ports import Database, Services

PIECE_BYTES = 8 << 20


@dataclass(frozen=True)
class SeriesState:
    """What a series is now, and since when: derived metadata of another revision are out of date."""

    organization_id: str
    study: str
    series: str
    revision: str
    updated_at: datetime
    last_modified: datetime  # of its study, too: what is deleted moves that


def series_states(database: Database, scope: Scope, level: Level) -> list[SeriesState]:
    """The series of a study (or the one named), in the order of their numbers. Raises NotFound."""
    parameters: dict[str, Any] = {"study": level.study}
    conditions = [*scope_conditions(scope, parameters), "s.study_instance_uid = :study"]
    if level.series is not None:
        conditions.append("e.series_instance_uid = :series")
        parameters["series"] = level.series
    rows = database.fetch(
        text(
            f"select e.organization_id, e.study_instance_uid, e.series_instance_uid, {REVISION}, e.updated_at,"  # noqa: S608
            " greatest(e.updated_at, s.updated_at) as last_modified"
            " from studies s join series e using (organization_id, study_instance_uid)"
            f" where {' and '.join(conditions)} order by e.series_number nulls last, e.series_instance_uid"
        ),
        parameters,
    )
    if not rows:
        raise NotFound("no such study or series")
    return [SeriesState(str(row["organization_id"]), *list(row.values())[1:]) for row in rows]


def retrieve_metadata(services: Services, scope: Scope, level: Level) -> tuple[bytes, datetime]:
    """The DICOM JSON of every instance of a level, as one gzip JSON array, and when it changed last. Raises NotFound.

    Never older than what a search shows: a series that changed since its whole was made is answered from parts.
    """
    if level.instance is not None:
        instances = find_instances(services.database, scope, level)
        return gzip.compress(compose(services, instances), LEVEL, mtime=0), instances[0].updated_at
    states = series_states(services.database, scope, level)
    last_modified = max(each.last_modified for each in states)
    wholes = [series_metadata(services, scope, each) for each in states]
    if len(wholes) == 1:
        return wholes[0], last_modified
    arrays = (gzip.decompress(each)[1:-1] for each in wholes)
    return gzip.compress(join([each for each in arrays if each]), LEVEL, mtime=0), last_modified


def series_metadata(services: Services, scope: Scope, state: SeriesState) -> bytes:
    """One series' gzip JSON array: the derived whole when it is up to date, else put together from its parts.

    A whole that was missing is written back, once the series is at rest.
    """
    series_path = (state.organization_id, state.study, state.series)
    try:
        info, body = services.derived.get(keys.series_metadata(*series_path))
        if info.metadata.get(SHOWS) == state.revision:
            return body
    except ObjectNotFound:
        pass  # not made yet, or expired
    instances = find_instances(services.database, scope, Level(state.study, state.series))
    body = gzip.compress(compose(services, instances), LEVEL, mtime=0)
    if state.updated_at <= rested_since(services):  # else every request would write what the next instance outdates
        write_whole(services.derived, series_path, body, instances[0].revision)
    return body


def rested_since(services: Services) -> datetime:
    """A series that has not changed since this moment is at rest: it seems to have arrived."""
    return services.clock.now() - timedelta(seconds=REST_S)


def compose(services: Services, instances: list[Instance]) -> bytes:
    """A JSON array of instances' documents from the parts they lie in; a lost part is made anew from originals."""
    from pacs.archive.indexing import read_instance

    parts: dict[str, dict[str, bytes]] = {}
    for key in {each.metadata_key for each in instances}:
        try:
            parts |= read_parts(services.derived, [key])
        except ObjectNotFound:
            parts[key] = {}
    documents = []
    for each in instances:
        document = parts[each.metadata_key].get(each.path.instance)
        document = document or read_instance(services, each.object_key).document
        if each.correction:
            document = orjson.dumps(corrected_document(orjson.loads(document), each.correction))
        documents.append(document)
    return join(documents)


def file_pieces(services: Services, instance: Instance) -> Iterator[Piece]:
    """The file of an instance in the syntax it is stored in: as it was received, or with what is told instead.

    Of a corrected one the header is written anew, the rest lies in the original. Raises BeingReplaced.
    """
    if instance.correction is None:
        yield instance.span
        return
    reader = FrameReader(services, instance)
    if reader.header.deflated:
        yield corrected_part10(services.originals.get(instance.object_key)[1], instance.correction)
        return
    for each in corrected_file(reader.header, reader.read, instance.size_bytes):
        yield each if isinstance(each, bytes) else Span(instance.object_key, *each, instance.sha256)


def transcode_instance(services: Services, instance: Instance, transfer_syntax_uid: str) -> Iterator[bytes]:
    """The bytes of one instance in another syntax, in pieces. Raises UndecodablePixels, NotAcceptable.

    An instance without pixels comes in Explicit VR Little Endian whatever compression was asked for.
    """
    reader = FrameReader(services, instance)
    header, numbers = reader.header, range(1, reader.number_of_frames + 1)
    compressed = header.pixel_data is not None and header.pixel_data.length is None
    changes: Mapping[str, str | int] = {}
    if transfer_syntax_uid in ENCODED and numbers:
        pixels = encapsulated_pixels(reader.encoded(each, transfer_syntax_uid).body for each in numbers)
        changes = explicit_attributes(header.dataset)
    elif compressed:
        if instance.transfer_syntax_uid in VIDEO or not numbers:
            raise NotAcceptable(f"possible is: {instance.transfer_syntax_uid}, as it is stored", field="Accept")
        changes = explicit_attributes(header.dataset)
        bits = int(changes.get("BitsAllocated") or header.dataset.BitsAllocated)
        pixels = decoded_pixels((reader.decoded(each).body for each in numbers), len(numbers), bits)
    else:
        pixels = native_pixels(header, reader.read, PIECE_BYTES)
    syntax, trailing = written_syntax(instance, transfer_syntax_uid), read_trailing(reader, header, reader.table)
    return write_part10(header, reader.read, syntax, changes, pixels, trailing)


def written_syntax(instance: Instance, transfer_syntax_uid: str) -> str:
    """The syntax in which an instance comes when another is asked for: what has no frames is never compressed."""
    bare = not instance.frames and transfer_syntax_uid in ENCODED
    return EXPLICIT_LITTLE_ENDIAN if bare else transfer_syntax_uid


def read_original_header(services: Services, instance: Instance) -> tuple[StoreSource, Header]:
    """The header of an original and where to read more of it."""
    source = StoreSource(services.originals, instance.object_key)
    return source, read_header(source)
