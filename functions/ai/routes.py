"""Pre-reports: asked for, watched, looked at and taken over. Which providers work; what administrators arrange."""

from fastapi import APIRouter

from functions.ai import administration, asking, cron, desk, drafts, health, prices, usage

router = APIRouter()
for part in (asking, drafts, desk, administration, usage, prices, health, cron):
    router.routes += part.router.routes
