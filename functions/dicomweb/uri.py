"""WADO-URI: one object by query parameters, for clients from before DICOMweb. Source: PS3.18 §9."""

from fastapi import APIRouter, Request, Response

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.entry.noting import noted
from pacs.entry.wado import DICOM
from pacs.entry.wado_uri import uri_answer

router = APIRouter()


@router.api_route("/wado", methods=["GET", "HEAD"])
async def retrieve_object(request: Request, scope: CurrentScope) -> Response:
    """One object as a DICOM file, a picture, or the document inside it."""
    answer = uri_answer(services(), scope, request)
    is_file = answer.headers.get("content-type", "").startswith(DICOM)
    return noted(request, scope, request.query_params["studyUID"], answer, "download" if is_file else "view")
