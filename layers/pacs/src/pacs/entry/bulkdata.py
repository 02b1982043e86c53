"""Answers of bulk data: one value, alone or as a part. Used by functions/dicomweb. Source: PS3.18 §10.4.3.3.5"""

from fastapi import Request, Response

from pacs.archive.bulkdata import open_bulkdata
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN
from pacs.archive.lookup import Level, find_instance
from pacs.dicomweb.media import Offer, choose
from pacs.dicomweb.multipart import Part
from pacs.entry.answers import Version, digest, multipart, placed, sliced
from pacs.entry.wado import OCTETS, accepted, frames_answer
from pacs.people.scope import Scope
from pacs.ports import Services


def bulkdata_answer(services: Services, scope: Scope, request: Request, level: Level, path: str) -> Response:
    """The value behind a BulkDataURI, alone when it may be so; pixel data that lie in frames come as all of these."""
    instance = find_instance(services.database, scope, level)
    bulk = open_bulkdata(services, instance, path)
    if bulk is None:
        every = range(1, instance.frame_table.number_of_frames + 1)
        return frames_answer(services, scope, request, level, ",".join(map(str, every)))
    kinds = [OCTETS, bulk.document_type] if bulk.document_type else [OCTETS]
    offers = [Offer(kind, several, EXPLICIT_LITTLE_ENDIAN) for several in (False, True) for kind in kinds]
    offer = choose(accepted(request), offers)
    version = Version(digest(bulk.sha256, path, offer), instance.updated_at)
    if offer.multipart:
        base = f"/dicomweb/studies/{level.study}/series/{level.series}/instances/{level.instance}"
        part = Part(bulk.pieces(), offer.media_type, f"{base}/bulkdata/{path}")
        return multipart(services, request, [part], offer.media_type, version)

    def place() -> Response:
        return placed(services, bulk.pieces(), offer.media_type)

    return sliced(request, version, bulk.size_bytes, offer.media_type, bulk.read, place)
