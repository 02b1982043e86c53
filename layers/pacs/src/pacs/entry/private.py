"""WADO-RS answers for links with privacy: the same pictures, under other UIDs, and nothing of whose they are.

Used by functions/dicomweb and functions/frames. Source: PS3.18 §10.4, PS3.15 §E.1
"""

from collections.abc import Iterator, Sequence

import orjson
from fastapi import Request, Response

from pacs.archive.bulkdata import open_bulkdata
from pacs.archive.deidentified import (
    PlainFrameReader,
    told_instances,
    told_metadata,
    told_part10,
    told_syntax,
)
from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN, parse_frame_list
from pacs.archive.lookup import Instance, Level
from pacs.archive.privacy import alias_of
from pacs.dicom.alias import Alias
from pacs.dicom.deidentify import is_pixels, survives
from pacs.dicomweb.media import DICOM_JSON, Offer, choose
from pacs.dicomweb.multipart import Part
from pacs.entry.answers import Version, carried, digest, gathered, multipart, squeezed
from pacs.entry.native import native_answer, wants_xml
from pacs.entry.wado import DICOM, OCTETS, accepted, convert, frame_offers
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.ports import Services


def told_metadata_answer(services: Services, scope: Scope, request: Request, level: Level) -> Response:
    """DICOM JSON or XML of every instance that is shown."""
    xml = wants_xml(request)
    documents = told_metadata(services, scope, level)
    if xml:
        return native_answer(services, request, documents)
    return squeezed(services, request, orjson.dumps(documents), DICOM_JSON)


def told_instances_answer(services: Services, scope: Scope, request: Request, level: Level) -> Response:
    """The instances of a level as files without names, in the syntax they are compressed in; one also alone."""
    instances = told_instances(services, scope, level)
    alias = alias_of(services.database, scope.organization_id)
    syntaxes = {told_syntax(each) for each in instances}
    syntax = syntaxes.pop() if len(syntaxes) == 1 else ""
    kinds = (False, True) if level.instance else (True,)
    offer = choose(accepted(request), [Offer(DICOM, kind, syntax) for kind in kinds])
    version = told_version(instances, DICOM, syntax)
    if offer.multipart:
        return multipart(services, request, told_parts(services, instances, alias), DICOM, version)
    return told_file_answer(services, scope, request, instances[0])


def told_file_answer(services: Services, scope: Scope, request: Request, instance: Instance) -> Response:
    """One instance as a file without names, with Range, HEAD and conditions."""
    alias = alias_of(services.database, scope.organization_id)
    version = told_version([instance], DICOM, told_syntax(instance))
    return gathered(services, request, told_part10(services, instance, alias), DICOM, version)


def told_parts(services: Services, instances: Sequence[Instance], alias: Alias) -> Iterator[Part[bytes]]:
    for each in instances:
        yield Part(told_part10(services, each, alias), f"{DICOM}; transfer-syntax={told_syntax(each)}")


def told_version(instances: Sequence[Instance], *variant: object) -> Version:
    """The version of what is made of instances for strangers, who are not told when it came."""
    return Version(digest("told", *variant, *(each.version for each in instances)))


def told_frames_answer(
    services: Services, scope: Scope, request: Request, level: Level, frame_list: str = ""
) -> Response:
    """One frame, or a list of them; all without one."""
    [instance] = told_instances(services, scope, level)
    reader = PlainFrameReader(services, instance)
    numbers = parse_frame_list(frame_list) if frame_list else [*range(1, reader.number_of_frames + 1)]
    first = reader.sendable(numbers[0])
    offer = choose(accepted(request), frame_offers(first.transfer_syntax_uid, single=len(numbers) == 1))
    content_type = f"{offer.media_type}; transfer-syntax={offer.transfer_syntax}"
    frames = (convert(reader, number, offer.transfer_syntax) for number in numbers)
    if not offer.multipart:
        return carried(services, request, next(frames).body, content_type)
    parts: Iterator[Part[bytes]] = (Part(each.body, content_type) for each in frames)
    return multipart(services, request, parts, offer.media_type, told_version([instance], content_type, numbers))


def told_bulkdata_answer(services: Services, scope: Scope, request: Request, level: Level, path: str) -> Response:
    """A palette or a table, without which nothing is drawn; pixel data as all of its frames. Others are not there."""
    if is_pixels(path):
        return told_frames_answer(services, scope, request, level)
    [instance] = told_instances(services, scope, level)
    bulk = open_bulkdata(services, instance, path) if survives(path) else None
    if bulk is None:
        raise NotFound("the instance has no such bulk data", field="path")
    offers = [Offer(OCTETS, several, EXPLICIT_LITTLE_ENDIAN) for several in (False, True)]
    body = b"".join(bulk.pieces())
    if not choose(accepted(request), offers).multipart:
        return carried(services, request, body, OCTETS)
    parts: Iterator[Part[bytes]] = iter([Part(body, OCTETS)])
    return multipart(services, request, parts, OCTETS, told_version([instance], path))
