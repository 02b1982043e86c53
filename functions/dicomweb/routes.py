"""All routes of DICOMweb: search (QIDO-RS), retrieve (WADO-RS, WADO-URI), store (STOW-RS), delete; capabilities; the
Non-Patient Instance service; and whose a study is.

Source: PS3.18 §9, §10 and §12
"""

from fastapi import APIRouter

from functions.dicomweb import (
    deleting,
    describing,
    manifests,
    non_patient,
    patients,
    retrieving,
    searching,
    storing,
    uri,
)

router = APIRouter()
# What names its kind in the path stands behind the words that other paths have there.
for part in (searching, storing, retrieving, deleting, uri, manifests, describing, patients, non_patient):
    router.routes += part.router.routes
