"""Answers of bulk data: one value, alone or as a part; all values of a level. Used by functions/dicomweb.

Source: PS3.18 §10.4.3.3.5 and §10.4.3.3.6
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from fastapi import Request, Response

from pacs.archive.bulkdata import Bulkdata, bulkdata_paths, open_bulkdata, value_at
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN, FrameReader
from pacs.archive.lookup import Instance, Level, find_instance, find_instances
from pacs.archive.retrieve import read_original_header
from pacs.dicomweb.media import Offer, choose
from pacs.dicomweb.multipart import Part
from pacs.entry.answers import Version, digest, multipart, placed, sliced
from pacs.entry.wado import OCTETS, accepted, address, convert, frames_answer, version
from pacs.errors import NotFound
from pacs.objects import Piece
from pacs.people.scope import Scope
from pacs.ports import Services


def bulkdata_answer(services: Services, scope: Scope, request: Request, level: Level, path: str) -> Response:
    """The value behind a BulkDataURI, alone when it may be so; pixel data that lie in frames come as all of these."""
    instance = find_instance(services.database, scope, level)
    bulk = open_bulkdata(services, instance, path)
    if bulk is None:
        every = range(1, instance.frame_table.number_of_frames + 1)
        return frames_answer(services, scope, request, level, ",".join(map(str, every)))
    return value_answer(services, request, bulk, f"{address(instance)}/bulkdata/{path}", instance.updated_at)


def value_answer(services: Services, request: Request, bulk: Bulkdata, location: str, modified: datetime) -> Response:
    """One value, alone or as a part at its location, as Accept asks."""
    kinds = [OCTETS, bulk.document_type] if bulk.document_type else [OCTETS]
    offers = [Offer(kind, several, EXPLICIT_LITTLE_ENDIAN) for several in (False, True) for kind in kinds]
    offer = choose(accepted(request), offers)
    state = Version(digest(bulk.sha256, location, offer), modified)
    if offer.multipart:
        part = Part(bulk.pieces(), offer.media_type, location)
        return multipart(services, request, [part], offer.media_type, state)

    def place() -> Response:
        return placed(services, bulk.pieces(), offer.media_type)

    return sliced(request, state, bulk.size_bytes, offer.media_type, bulk.read, place)


def all_bulkdata_answer(
    services: Services, scope: Scope, request: Request, level: Level, *, pixels_alone: bool = False
) -> Response:
    """Every value of a level that metadata give by a BulkDataURI, or the pixel data alone: each a part at its address,
    compressed pixel data a part for each frame. Raises NotFound when there is none.
    """
    instances = find_instances(services.database, scope, level)
    stored = {each.transfer_syntax_uid for each in instances}
    syntaxes = dict.fromkeys((stored.pop() if len(stored) == 1 else "", EXPLICIT_LITTLE_ENDIAN))
    offer = choose(accepted(request), [Offer(OCTETS, True, each) for each in syntaxes])
    parts = (
        part
        for each in instances
        for part in parts_of(services, each, offer.transfer_syntax, pixels_alone=pixels_alone)
    )
    first = next(parts, None)
    if first is None:
        raise NotFound("nothing of this has pixel data" if pixels_alone else "nothing of this has bulk data")
    state = version(instances, "pixeldata" if pixels_alone else "bulkdata", offer.transfer_syntax)
    return multipart(services, request, chain([first], parts), OCTETS, state)


def parts_of(services: Services, instance: Instance, syntax: str, *, pixels_alone: bool) -> Iterator[Part[Piece]]:
    """The values of one instance; frames in its own syntax, or in the one that is asked for."""
    source, header = read_original_header(services, instance)
    pixels = f"{header.pixel_data.tag:08X}" if header.pixel_data else ""
    for path in bulkdata_paths(header):
        if pixels_alone and path != pixels:
            continue
        bulk = value_at(services, source, header, path)
        if bulk is not None:
            yield Part(bulk.pieces(), OCTETS, f"{address(instance)}/bulkdata/{path}")
            continue
        reader = FrameReader(services, instance)
        for number in range(1, reader.number_of_frames + 1):
            own = syntax in ("", instance.transfer_syntax_uid)
            frame = reader.sendable(number) if own else convert(reader, number, syntax)
            yield Part(frame.body, frame.content_type, f"{address(instance)}/frames/{number}")
