"""Studies as they are told to those who may not know whose they are: search, metadata, frames, files.

Called by functions/dicomweb and entry for scopes with privacy. Nothing of this is kept: it is made of the originals and
their metadata each time.

Source: PS3.15 §E.1, PS3.18 §10
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson

from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN, FrameReader
from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.pages import Page, search_page
from pacs.archive.privacy import Veil, alias_of, lift, true_uids, unveiled
from pacs.archive.retrieve import PIECE_BYTES, compose
from pacs.archive.search import RETRIEVE_URL
from pacs.dicom.alias import Alias
from pacs.dicom.attributes import Attribute
from pacs.dicom.codestream_comments import without_comments
from pacs.dicom.deidentify import Json, cleaned, declared, deidentified, is_pixels
from pacs.dicom.encoding import encode_dataset, encode_part10_head
from pacs.dicom.frames import FrameTable
from pacs.dicom.header import Header
from pacs.dicom.json import little_endian, to_dicom_json
from pacs.dicom.part10 import BITS_ALLOCATED, decoded_pixels, encapsulated_pixels, native_pixels
from pacs.dicomweb.query import Filter, Query, find_attribute
from pacs.errors import BadRequest, InvalidInstance
from pacs.people.scope import Scope
from pacs.ports import Database, Services

UIDS = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
OF_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
# By what strangers may search: nothing that tells of a person, a place or a time.
KEYS = frozenset(
    (
        *OF_UIDS,
        "SOPClassUID",
        "Modality",
        "ModalitiesInStudy",
        "SeriesNumber",
        "InstanceNumber",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        "NumberOfSeriesRelatedInstances",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "BitsAllocated",
    )
)


def find_told_attribute(path: str) -> Attribute | None:
    """The attribute at a path of tags, as far as strangers may match on it."""
    found = find_attribute(path)
    return found if found and found.keyword in KEYS else None


def search_told(services: Services, scope: Scope, query: Query) -> Page:
    """The answers to a query of a scope with privacy. Raises BadRequest for what would let it guess at values."""
    if any(each.attribute.keyword not in KEYS for each in query.order):
        raise BadRequest("orderby names no attribute that these answers are sorted by", field="orderby")
    if wild := [each for each in query.filters if each.kind == "wildcard"]:
        raise BadRequest("wildcards are not for links with privacy", field=wild[0].attribute.keyword)
    veil = lift(services.database, scope)
    meant = replace(query, filters=tuple(true_filter(services.database, veil, each) for each in query.filters))
    page = search_page(services, veil.scope, meant)
    return Page([told_item(each, veil.alias, services.settings.origin) for each in page.items], page.more)


def true_filter(database: Database, veil: Veil, each: Filter) -> Filter:
    """A filter by the UIDs that are meant; by none, when nothing is called so."""
    keyword = each.attribute.keyword
    if keyword not in OF_UIDS or each.kind == "empty":
        return each
    meant = true_uids(database, veil, keyword, [str(value) for value in each.values])
    return replace(each, kind="list", values=tuple(meant) or ("",))


def told_item(item: Json, alias: Alias, origin: str) -> Json:
    """One answer of a search, and where strangers retrieve it."""
    told = told_document(item, alias)
    return dict(sorted({**told, RETRIEVE_URL: {"vr": "UR", "Value": [f"{origin}{address(item, alias)}"]}}.items()))


def told_document(document: Json, alias: Alias) -> Json:
    """A dataset, with BulkDataURIs under the UIDs that strangers know."""
    base = address(document, alias)
    return deidentified(document, alias, lambda uri: f"{base}/bulkdata/{uri.rpartition('/bulkdata/')[2]}")


def address(document: Json, alias: Alias) -> str:
    """The path below our origin of what a dataset is of, as far down as it has UIDs."""
    path = "/dicomweb"
    for name, tag in UIDS.items():
        if values := document.get(tag, {}).get("Value"):
            path += f"/{name}/{alias.uid(values[0])}"
    return path


def told_metadata(services: Services, scope: Scope, level: Level) -> list[Json]:
    """The DICOM JSON of every instance of a level that strangers are shown. Raises NotFound."""
    truth, meant = unveiled(services.database, scope, level)
    alias = alias_of(services.database, scope.organization_id)
    instances = find_instances(services.database, truth, meant)
    documents = orjson.loads(compose(services, instances))
    told = [declared(told_document(each, alias)) for each in documents]
    return [cleaned(each) if one.masks else each for each, one in zip(told, instances, strict=True)]


class PlainFrameReader(FrameReader):
    """Frames without what stands beside their samples."""

    def stored(self, frame_number: int) -> bytes:
        return without_comments(super().stored(frame_number), self.table.transfer_syntax_uid)


def told_syntax(instance: Instance) -> str:
    """In which transfer syntax strangers get an instance: as it is compressed, else in the plain one."""
    encapsulated = instance.frame_table.kind == "encapsulated" and not instance.masks
    return instance.transfer_syntax_uid if encapsulated else EXPLICIT_LITTLE_ENDIAN


def told_part10(services: Services, instance: Instance, alias: Alias) -> Iterator[bytes]:
    """The file of an instance, written anew in pieces: no private element, nothing after the pixels, a new file meta.

    Raises UndecodablePixels, BeingReplaced.
    """
    reader = PlainFrameReader(services, instance)
    header = reader.header
    document = deidentified(to_dicom_json(header, bulkdata_uri=str), alias, str)
    told = declared({tag: each for tag, each in document.items() if not is_pixels(tag)})
    if instance.masks:
        told = cleaned(told)
    head = encode_part10_head(header.sop_class_uid, alias.uid(header.sop_instance_uid), told_syntax(instance))
    dataset = encode_dataset(told, lambda path: stored_value(reader, path))
    return pieces(head + dataset, header, reader, masked=bool(instance.masks))


def pieces(start: bytes, header: Header, reader: FrameReader, *, masked: bool) -> Iterator[bytes]:
    yield start
    if masked:
        frames = (reader.decoded(each).body for each in range(1, reader.number_of_frames + 1))
        yield from decoded_pixels(frames, reader.number_of_frames, header.root.integer(BITS_ALLOCATED) or 8)
    elif reader.table.kind == "encapsulated":
        yield from encapsulated_pixels(reader.stored(each) for each in range(1, reader.number_of_frames + 1))
    else:
        yield from native_pixels(trimmed(header, reader.table), reader.read, PIECE_BYTES)


def trimmed(header: Header, table: FrameTable) -> Header:
    """As if the pixel data ended where the last frame does."""
    assert header.pixel_data is not None
    offset, length = table.range_of(table.number_of_frames)
    return replace(header, pixel_data=replace(header.pixel_data, length=offset + length - header.pixel_data.offset))


def stored_value(reader: FrameReader, path: str) -> bytes:
    """A binary value of the header. Raises InvalidInstance."""
    found = reader.header.locate(path)
    if found is None:
        raise InvalidInstance(f"{path}: there is no such value", field=path)
    return little_endian(reader.read(found.offset, found.length), found.vr, reader.header)


def told_instances(services: Services, scope: Scope, level: Level) -> Sequence[Instance]:
    """The instances of a level that strangers are shown. Raises NotFound."""
    truth, meant = unveiled(services.database, scope, level)
    return find_instances(services.database, truth, meant)
