"""The pages for people: doors, one's own account, dashboards, studies, administration."""

from fastapi import APIRouter

from functions.pages import account, administration, dashboard, doors, keys, members, opening, passwords, worklist

router = APIRouter()
for part in (doors, passwords, account, dashboard, worklist, opening, members, administration, keys):
    router.routes += part.router.routes
