"""WADO-RS: instances, metadata, bulk data, rendered pictures, thumbnails. Frames have a function of their own.

Source: PS3.18 §10.4.
"""

import gzip

import orjson
from fastapi import APIRouter, Request, Response

from pacs.archive.lookup import Level
from pacs.archive.privacy import unveiled
from pacs.archive.retrieve import retrieve_metadata
from pacs.bootstrap import services
from pacs.dicomweb.media import DICOM_JSON
from pacs.entry.answers import gzipped
from pacs.entry.bulkdata import all_bulkdata_answer, bulkdata_answer
from pacs.entry.http import READ, CurrentScope
from pacs.entry.levels import INSTANCE, NamedInstance, at_every_level
from pacs.entry.native import native_answer, wants_xml
from pacs.entry.noting import noted
from pacs.entry.private import told_bulkdata_answer, told_instances_answer, told_metadata_answer
from pacs.entry.wado import rendered_answer, retrieve_answer, thumbnail_answer
from pacs.people.scope import Scope

router = APIRouter()


@at_every_level(router, deed="download")
def retrieve_instances(request: Request, scope: Scope, level: Level) -> Response:
    """Every instance as it was received, or in another syntax; one alone as a single part too, with Range."""
    answer = told_instances_answer if scope.privacy else retrieve_answer
    return answer(services(), scope, request, level)


@at_every_level(router, "/metadata", deed="view")
def retrieve_instances_metadata(request: Request, scope: Scope, level: Level) -> Response:
    """DICOM JSON or XML of every instance."""
    if scope.privacy:
        return told_metadata_answer(services(), scope, request, level)
    xml = wants_xml(request)
    body, modified = retrieve_metadata(services(), scope, level)
    if xml:
        return native_answer(services(), request, orjson.loads(gzip.decompress(body)), modified=modified)
    return gzipped(services(), request, body, DICOM_JSON, modified=modified)


@at_every_level(router, "/rendered", deed="view")
def retrieve_rendered(request: Request, scope: Scope, level: Level) -> Response:
    """A picture of the middle image, an animation of its frames; a PDF or video as it is."""
    truth, meant = unveiled(services().database, scope, level)
    return rendered_answer(services(), truth, request, meant)


@at_every_level(router, "/thumbnail")
def retrieve_thumbnail(request: Request, scope: Scope, level: Level) -> Response:
    """A small JPEG of the middle image."""
    truth, meant = unveiled(services().database, scope, level)
    return thumbnail_answer(services(), truth, request, meant)


@at_every_level(router, "/bulkdata", deed="view")
def retrieve_all_bulk(request: Request, scope: Scope, level: Level) -> Response:
    """Every value behind a BulkDataURI, each a part."""
    return all_bulkdata_answer(services(), scope, request, level)


@at_every_level(router, "/pixeldata", deed="view")
def retrieve_pixels(request: Request, scope: Scope, level: Level) -> Response:
    """The pixel data of every instance, each a part; when compressed, each frame."""
    return all_bulkdata_answer(services(), scope, request, level, pixels_alone=True)


@router.api_route(INSTANCE + "/bulkdata/{path:path}", methods=[*READ])
async def retrieve_bulk(request: Request, scope: CurrentScope, level: NamedInstance, path: str) -> Response:
    """The value behind a BulkDataURI."""
    answer = told_bulkdata_answer if scope.privacy else bulkdata_answer
    return noted(request, scope, level.study, answer(services(), scope, request, level, path))
