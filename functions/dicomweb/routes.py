"""All routes of DICOMweb: search (QIDO-RS), retrieve (WADO-RS, WADO-URI), store (STOW-RS), delete; capabilities; and
the Non-Patient Instance service.

Source: PS3.18 §9, §10 and §12
"""

from fastapi import APIRouter

from functions.dicomweb import deleting, describing, manifests, non_patient, retrieving, searching, storing, uri

router = APIRouter()
# What names its kind in the path stands behind the words that other paths have there.
for part in (searching, storing, retrieving, deleting, uri, manifests, describing, non_patient):
    router.routes += part.router.routes
