"""Making, listing, extending and revoking links, for members."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.archive.lookup import require_studies
from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.errors import BadRequest
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.reading.naming import require_uuid
from pacs.reporting.sharing import shareable
from pacs.viewing.shares import (
    NewShare,
    Share,
    check_studies,
    create_share,
    extend_share,
    list_shares,
    revoke_share,
)

router = APIRouter(prefix="/api")


class ShareRequest(BaseModel):
    """What is asked of a link. An unknown field is refused, so that a misspelt `pin` never goes unheard."""

    model_config = ConfigDict(extra="forbid")

    studies: list[str] = Field(default=[], max_length=64)
    report: str = ""
    expires_at: datetime | None = None
    not_before: datetime | None = None
    maximum_views: int | None = None
    pin: str = ""
    may_download: bool = False
    privacy: bool = True
    note: str = ""


class Extension(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_at: datetime
    maximum_views: int | None = None


def audit(request: Request, scope: Scope, deed: Deed) -> None:
    record(services().database, scope, deed, source_ip=client_address(request))


@router.post("/share", status_code=201)
async def create(request: Request, scope: CurrentScope, asked: ShareRequest) -> dict[str, Any]:
    """A link for studies that the caller may see, or for one verified report. Its address is told this once."""
    studies = asked.studies
    if asked.report:
        if studies:
            raise BadRequest("a link is for studies, or for one report", field="report")
        studies = [shareable(services(), scope, require_uuid(asked.report, "report")).study_instance_uid]
    check_studies(studies)
    require_studies(services().database, scope, studies)
    now = services().clock.now()
    new = NewShare(**{**asked.model_dump(), "studies": studies})
    with services().database.transaction() as statements:
        id, secret = create_share(statements, scope, new, now)
        subject = f"{id}: report {asked.report}" if asked.report else id
        for study in dict.fromkeys(studies):
            record(statements, scope, Deed("share", study, subject=subject), source_ip=client_address(request))
    url = f"{services().settings.origin}/share?s={quote(secret)}"
    return {"id": id, "token": secret, "url": url, "qr": segno.make(url, error="m").svg_inline(scale=4, border=2)}


@router.get("/shares")
async def read_all(scope: CurrentScope) -> list[dict[str, Any]]:
    """The links of a member, newest first; an administrator's are all of the organization."""
    now = services().clock.now()
    return [described(each, now) for each in list_shares(services().database, scope)]


@router.patch("/shares/{share}", status_code=204)
async def extend(request: Request, scope: CurrentScope, share: str, asked: Extension) -> Response:
    """Another end, and another number of views in all; a link that wrong PINs have locked opens again."""
    now = services().clock.now()
    extend_share(services().database, scope, share, asked.expires_at, asked.maximum_views, now)
    audit(request, scope, Deed("share-change", subject=f"{share}: extended"))
    return Response(status_code=204)


@router.delete("/shares/{share}", status_code=204)
async def revoke(request: Request, scope: CurrentScope, share: str) -> Response:
    """The link opens no more, and within seconds what was opened by it ends."""
    revoke_share(services().database, scope, share, services().clock.now())
    audit(request, scope, Deed("share-change", subject=f"{share}: revoked"))
    return Response(status_code=204)


def described(share: Share, now: datetime) -> dict[str, Any]:
    return {
        "id": share.id,
        "state": share.state(now),
        "member_id": share.member_id,
        "studies": share.studies,
        "report": share.report_id or None,
        "note": share.note,
        "privacy": share.privacy,
        "may_download": share.may_download,
        "pin": share.pin_hash is not None,
        "not_before": share.not_before.isoformat(),
        "expires_at": share.expires_at.isoformat(),
        "maximum_views": share.maximum_views,
        "views": share.views,
        "created_at": share.created_at.isoformat(),
    }
