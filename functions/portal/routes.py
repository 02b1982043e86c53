"""Signing in and out, and one's own account."""

from fastapi import APIRouter

from functions.portal import account, signing_in

router = APIRouter()
for part in (signing_in, account):
    router.routes += part.router.routes
