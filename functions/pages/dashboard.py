"""The first page of each role: what waits for it, what is late, and today's numbers."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import page
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal import work_figures as work
from pacs.portal.figures import count_failed, held, received, waiting
from pacs.portal.reports import count_new
from pacs.portal.worklist import views

router = APIRouter()
Anyone = Annotated[Scope, page_scope("account.manage")]
# Lists that nobody waits for.
OVER = ("Final", "All")
ARRIVALS_MATTER = ("admin", "centre", "technician", "individual")


@router.get("/dashboard")
async def show_dashboard(request: Request, scope: Anyone) -> Response:
    """What waits, what is late and what came in today, of what somebody sees."""
    clinical = may(scope, "studies.read")
    standing = [each for each in views(services(), scope)[0] if each.name not in OVER] if clinical else []
    return page(request, "dashboard.html", scope, standing=standing, **(figures(scope) | administrators(scope)))


def figures(scope: Scope) -> dict[str, Any]:
    """Today's numbers, as far as they are somebody's business; None for what is not."""
    database, now, zone = services().database, services().clock.now(), ZoneInfo(services().settings.time_zone)
    reads, brings = may(scope, "reports.sign"), may(scope, "studies.upload")
    counts = scope.role == "accounting"
    today = work.beginning(now.astimezone(zone).date(), zone)
    return {
        "today": now.astimezone(zone).date(),
        "received": received(database, scope, now, zone) if scope.role in ARRIVALS_MATTER else None,
        "signed": work.signed_by_day(database, scope, now, zone, member_id=scope.member_id) if reads else None,
        "reported": work.signed_by_day(database, scope, now, zone) if scope.role in ("admin", "centre") else None,
        "months": work.signed_by_month(database, scope, now, zone) if counts else None,
        "of_month": work.signed_by_branch(database, scope, today.replace(day=1)) if counts else {},
        "branches": work.branch_figures(database, scope, now, zone) if scope.role in ("admin", "centre") else [],
        "new_reports": count_new(services(), scope) if scope.role in ("centre", "technician") else None,
        "failed_uploads": work.failed_uploads(database, scope, today) if brings and scope.member_id else None,
    }


def administrators(scope: Scope) -> dict[str, Any]:
    """What concerns the archive as a whole."""
    if scope.role != "admin":
        return {"held": None, "failed": None, "queues": []}
    database = services().database
    return {"held": held(database, scope), "failed": count_failed(database, scope), "queues": waiting(services())}
