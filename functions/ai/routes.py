"""Pre-reports: asked for, watched, looked at and taken over."""

from fastapi import APIRouter

from functions.ai import asking, desk, drafts

router = APIRouter()
for part in (asking, drafts, desk):
    router.routes += part.router.routes
