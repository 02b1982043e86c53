"""WADO-RS: instances, metadata, bulk data, rendered pictures, thumbnails. Frames have a function of their own.

Source: PS3.18 §10.4.
"""

import gzip

import orjson
from fastapi import APIRouter, Request, Response

from pacs.archive.lookup import Level
from pacs.archive.retrieve import retrieve_bulkdata, retrieve_metadata
from pacs.bootstrap import services
from pacs.dicomweb.media import DICOM_JSON
from pacs.entry.answers import carried, gzipped
from pacs.entry.http import CurrentScope
from pacs.entry.native import native_answer, wants_xml
from pacs.entry.wado import rendered_answer, retrieve_answer, thumbnail_answer
from pacs.people.scope import Scope

router = APIRouter(prefix="/dicomweb")
STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
READ = ["GET", "HEAD"]


def metadata(request: Request, scope: Scope, level: Level) -> Response:
    xml = wants_xml(request)
    body = retrieve_metadata(services(), scope, level)
    if xml:
        return native_answer(services(), request, orjson.loads(gzip.decompress(body)))
    return gzipped(services(), request, body, DICOM_JSON)


@router.api_route(STUDY + "/metadata", methods=READ)
async def retrieve_study_metadata(request: Request, scope: CurrentScope, study: str) -> Response:
    """DICOM JSON of every instance of a study."""
    return metadata(request, scope, Level(study))


@router.api_route(SERIES + "/metadata", methods=READ)
async def retrieve_series_metadata(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """DICOM JSON of every instance of a series."""
    return metadata(request, scope, Level(study, series))


@router.api_route(INSTANCE + "/metadata", methods=READ)
async def retrieve_instance_metadata(
    request: Request, scope: CurrentScope, study: str, series: str, instance: str
) -> Response:
    """DICOM JSON of one instance."""
    return metadata(request, scope, Level(study, series, instance))


@router.api_route(STUDY, methods=READ)
async def retrieve_study(request: Request, scope: CurrentScope, study: str) -> Response:
    """Every instance of a study."""
    return retrieve_answer(services(), scope, request, Level(study))


@router.api_route(SERIES, methods=READ)
async def retrieve_series(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """Every instance of a series."""
    return retrieve_answer(services(), scope, request, Level(study, series))


@router.api_route(INSTANCE, methods=READ)
async def retrieve_instance(request: Request, scope: CurrentScope, study: str, series: str, instance: str) -> Response:
    """One instance, exactly as it was received; with Range when asked for alone."""
    return retrieve_answer(services(), scope, request, Level(study, series, instance))


@router.api_route(STUDY + "/rendered", methods=READ)
async def render_study(request: Request, scope: CurrentScope, study: str) -> Response:
    """A picture of the study: of its middle instance."""
    return rendered_answer(services(), scope, request, Level(study))


@router.api_route(SERIES + "/rendered", methods=READ)
async def render_series(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """A picture of the series: of its middle instance."""
    return rendered_answer(services(), scope, request, Level(study, series))


@router.api_route(INSTANCE + "/rendered", methods=READ)
async def render_instance(request: Request, scope: CurrentScope, study: str, series: str, instance: str) -> Response:
    """A picture of an instance; its PDF or video as it is."""
    return rendered_answer(services(), scope, request, Level(study, series, instance))


@router.api_route(STUDY + "/thumbnail", methods=READ)
async def retrieve_study_thumbnail(request: Request, scope: CurrentScope, study: str) -> Response:
    """A small JPEG of a study: of its middle image."""
    return thumbnail_answer(services(), scope, request, Level(study))


@router.api_route(SERIES + "/thumbnail", methods=READ)
async def retrieve_series_thumbnail(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """A small JPEG of a series: of its middle image."""
    return thumbnail_answer(services(), scope, request, Level(study, series))


@router.api_route(INSTANCE + "/thumbnail", methods=READ)
async def retrieve_thumbnail(request: Request, scope: CurrentScope, study: str, series: str, instance: str) -> Response:
    """A small JPEG of an instance."""
    return thumbnail_answer(services(), scope, request, Level(study, series, instance))


@router.api_route(INSTANCE + "/bulkdata/{path:path}", methods=READ)
async def retrieve_bulk(
    request: Request, scope: CurrentScope, study: str, series: str, instance: str, path: str
) -> Response:
    """The value behind a BulkDataURI."""
    value = retrieve_bulkdata(services(), scope, Level(study, series, instance), path)
    return carried(services(), request, value, "application/octet-stream")
