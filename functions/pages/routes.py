"""The pages for people: doors, one's own account, dashboards, studies, administration."""

from fastapi import APIRouter

from functions.pages import (
    account,
    administration,
    dashboard,
    doors,
    keys,
    members,
    modalities,
    opening,
    passwords,
    worklist,
)

router = APIRouter()
for part in (doors, passwords, account, dashboard, worklist, opening, members, modalities, administration, keys):
    router.routes += part.router.routes
