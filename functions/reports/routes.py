"""Reports, their templates and letterheads."""

from fastapi import APIRouter

from functions.reports import templates, writing

router = APIRouter()
for part in (writing, templates):
    router.routes += part.router.routes
