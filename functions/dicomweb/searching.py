"""QIDO-RS at all levels and nestings. Source: PS3.18 §10.6."""

from fastapi import APIRouter, Request, Response

from pacs.archive.deidentified import find_told_attribute, search_told
from pacs.archive.pages import search_page
from pacs.bootstrap import services
from pacs.dicom.attributes import Level
from pacs.dicomweb.query import parse_query
from pacs.entry.http import READ, CurrentScope
from pacs.entry.pages import page_answer
from pacs.people.scope import Scope

router = APIRouter(prefix="/dicomweb")


def answer(request: Request, scope: Scope, level: Level, **fixed: str) -> Response:
    """One search: the query string narrowed by the UIDs of the path."""
    find, search = (find_told_attribute, search_told) if scope.privacy else (None, search_page)
    query = parse_query(level, request.query_params.multi_items(), fixed, find=find)
    return page_answer(services(), request, query, lambda: search(services(), scope, query))


@router.api_route("/studies", methods=[*READ])
async def search_studies(request: Request, scope: CurrentScope) -> Response:
    """Studies that match."""
    return answer(request, scope, "study")


@router.api_route("/series", methods=[*READ])
async def search_series(request: Request, scope: CurrentScope) -> Response:
    """Series of any study."""
    return answer(request, scope, "series")


@router.api_route("/instances", methods=[*READ])
async def search_instances(request: Request, scope: CurrentScope) -> Response:
    """Instances of any study."""
    return answer(request, scope, "instance")


@router.api_route("/studies/{study}/series", methods=[*READ])
async def search_study_series(request: Request, scope: CurrentScope, study: str) -> Response:
    """Series of one study."""
    return answer(request, scope, "series", StudyInstanceUID=study)


@router.api_route("/studies/{study}/instances", methods=[*READ])
async def search_study_instances(request: Request, scope: CurrentScope, study: str) -> Response:
    """Instances of one study."""
    return answer(request, scope, "instance", StudyInstanceUID=study)


@router.api_route("/studies/{study}/series/{series}/instances", methods=[*READ])
async def search_series_instances(request: Request, scope: CurrentScope, study: str, series: str) -> Response:
    """Instances of one series."""
    return answer(request, scope, "instance", StudyInstanceUID=study, SeriesInstanceUID=series)
