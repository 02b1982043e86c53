"""All routes of DICOMweb: search (QIDO-RS), retrieve (WADO-RS, WADO-URI), store (STOW-RS), delete.

Source: PS3.18 §9 and §10
"""

from fastapi import APIRouter

from functions.dicomweb import deleting, retrieving, searching, storing, uri

router = APIRouter()
for part in (searching, storing, retrieving, deleting, uri):
    router.routes += part.router.routes
