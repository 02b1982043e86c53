"""Pre-reports: asked for, watched, looked at and taken over."""

from fastapi import APIRouter

from functions.ai import asking, drafts

router = APIRouter()
for part in (asking, drafts):
    router.routes += part.router.routes
