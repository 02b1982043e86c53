"""Links for people from outside: made and kept by members, opened by whoever has one."""

from fastapi import APIRouter

from functions.shares import keeping, opening, reports

router = APIRouter()
for part in (keeping, opening, reports):
    router.routes += part.router.routes
