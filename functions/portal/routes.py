"""Signing in and out, and one's own account."""

from fastapi import APIRouter

from functions.portal import account, signing_in

router = APIRouter(prefix="/auth")
router.include_router(signing_in.router)
router.include_router(account.router)
