"""All routes of DICOMweb: search (QIDO-RS), retrieve (WADO-RS), store (STOW-RS), delete. Source: PS3.18 §10."""

from fastapi import APIRouter

from functions.dicomweb import deleting, retrieving, searching, storing

router = APIRouter()
for part in (searching, storing, retrieving, deleting):
    router.routes += part.router.routes
