"""All routes of DICOMweb: search (QIDO-RS), retrieve (WADO-RS), store (STOW-RS). Source: PS3.18 §10."""

from fastapi import APIRouter

from functions.dicomweb import retrieving, searching, storing

router = APIRouter()
router.routes += [*searching.router.routes, *storing.router.routes, *retrieving.router.routes]
