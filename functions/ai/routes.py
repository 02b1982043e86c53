"""Pre-reports: asked for, watched, looked at and taken over. Which providers work."""

from fastapi import APIRouter

from functions.ai import asking, cron, desk, drafts

router = APIRouter()
for part in (asking, drafts, desk, cron):
    router.routes += part.router.routes
