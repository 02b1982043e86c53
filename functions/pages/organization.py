"""The corporate workspace: how report jobs are used, how far the onboarding is, callbacks, a form to try the API."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.bootstrap import services
from pacs.dictation.callbacks import list_deliveries, send_again
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.people.scope import Scope
from pacs.portal import organization as views
from pacs.portal.credits import month_named, months_until
from pacs.reporting.credits import read_balance

router = APIRouter(prefix="/organization")
Word = Annotated[str, Query(max_length=64)]
Text = Annotated[str, Form(max_length=64)]
Watcher = Annotated[Scope, page_scope("organization.read")]
Manager = Annotated[Scope, page_scope("api_keys.manage")]
CALLBACKS_PAGE = 50


@router.get("")
async def show_organization(
    request: Request, scope: Watcher, month: Annotated[str, Query(max_length=7)] = ""
) -> Response:
    """What the organization does with reports: by month, and by member and key in one of them."""
    database, now = services().database, services().clock.now()
    chosen = month_named(month, now)
    standing = views.standing(database, scope, now)
    return page(
        request,
        "organization.html",
        scope,
        standing=standing,
        steps=views.onboarding(standing),
        balance=read_balance(database, scope),
        usage=views.months(database, scope, now),
        months=months_until(now),
        chosen=chosen,
        members=views.usage_by_member(database, scope, chosen),
        keys=views.usage_by_key(database, scope, chosen),
    )


@router.get("/callbacks")
async def show_callbacks(
    request: Request,
    scope: Watcher,
    job: Word = "",
    dead: bool = False,
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
    done: Word = "",
) -> Response:
    """Every call of an integrator's address, the last first; with `dead` the results that nobody took."""
    found = list_deliveries(
        services().database, scope, job_id=views.job_named(job), dead=dead, before=before, limit=CALLBACKS_PAGE
    )
    more = found[-1].id if len(found) == CALLBACKS_PAGE else 0
    return page(request, "callbacks.html", scope, found=found, job=job, dead=dead, before=more, done=done)


@router.post("/callbacks/again")
async def repeat_callback(request: Request, scope: Manager, job: Text = "") -> Response:
    """Send the result of a job again, with all attempts."""
    send_again(services(), scope, views.job_named(job))
    return lead(request, "/organization/callbacks?done=asked")


@router.get("/try")
async def show_trial(request: Request, scope: Manager) -> Response:
    """A form that sends a recording as an integrator's client would. The key stays in the browser."""
    return page(request, "trial.html", scope, example=views.EXAMPLE)
