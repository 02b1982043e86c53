"""Reports, their templates and letterheads, and what people dictate."""

from fastapi import APIRouter

from functions.reports import dictations, templates, writing

router = APIRouter()
for part in (writing, templates, dictations):
    router.routes += part.router.routes
