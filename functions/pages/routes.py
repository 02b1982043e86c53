"""The pages for people: doors, one's own account, dashboards, studies, administration; and those for developers."""

from fastapi import APIRouter

from functions.pages import (
    account,
    administration,
    dashboard,
    developer,
    doors,
    keys,
    members,
    modalities,
    opening,
    passwords,
    worklist,
)

router = APIRouter()
for part in (
    doors,
    passwords,
    account,
    dashboard,
    worklist,
    opening,
    members,
    modalities,
    administration,
    keys,
    developer,
):
    router.routes += part.router.routes
