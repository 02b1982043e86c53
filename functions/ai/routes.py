"""Pre-reports: asked for, watched, looked at and taken over. Which providers work."""

from fastapi import APIRouter

from functions.ai import asking, desk, drafts, health

router = APIRouter()
for part in (asking, drafts, desk, health):
    router.routes += part.router.routes
