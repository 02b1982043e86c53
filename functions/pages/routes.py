"""The pages for people: doors, one's own account, dashboards, studies, reports, administration; for developers too."""

from fastapi import APIRouter

from functions.pages import (
    account,
    administration,
    credits,
    dashboard,
    desk,
    developer,
    dictating,
    doors,
    gateway,
    keys,
    masks,
    members,
    modalities,
    opening,
    organization,
    passwords,
    patients,
    providers,
    reports,
    shares,
    templates,
    uploading,
    worklist,
)

router = APIRouter()
for part in (
    doors,
    providers,
    passwords,
    account,
    dashboard,
    worklist,
    opening,
    desk,
    dictating,
    templates,
    patients,
    reports,
    uploading,
    members,
    administration,
    keys,
    credits,
    organization,
    developer,
    gateway,
    modalities,
    masks,
    shares,
):
    router.routes += part.router.routes
