"""Studies as work: lists of them, who reads which, and what people bring."""

from fastapi import APIRouter

from functions.studies import adding, arranging, listing, working

router = APIRouter()
for part in (listing, working, adding, arranging):
    router.routes += part.router.routes
