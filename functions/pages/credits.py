"""Credits: what the organization has, the statement of each month, and what accounting adds or takes back."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page, waiting
from pacs.errors import BadRequest, InsufficientCredits, answer_for
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.portal import credits as views
from pacs.reporting.credits import add_credits, read_balance, read_statement

router = APIRouter(prefix="/credits")
Text = Annotated[str, Form(max_length=512)]
Month = Annotated[str, Query(max_length=7)]
Reader = Annotated[Scope, page_scope("credits.read")]
Bookkeeper = Annotated[Scope, page_scope("credits.change")]
# More are in the file.
SHOWN_MOVES = 200
SIGNS = {"add": 1, "take": -1}


@router.get("")
async def show_credits(request: Request, scope: Reader, month: Month = "") -> Response:
    """The balance, and the statement of a month: that of now unless one is chosen."""
    return credits_page(request, scope, month)


@router.get(".csv")
async def export_statement(scope: Reader, month: Month = "") -> Response:
    """The statement of a month as a file."""
    chosen = views.month_named(month, services().clock.now())
    rows = read_statement(services().database, scope, chosen.year, chosen.month)
    name = f"credits-{chosen:%Y-%m}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(views.statement_csv(rows), headers=headers, media_type="text/csv")


@router.post("")
async def change_credits(
    request: Request, scope: Bookkeeper, way: Text = "", credits: Text = "", reason: Text = ""
) -> Response:
    """Add credits, or take back some that nobody has spent. Says why."""
    if way not in SIGNS or not credits.isascii() or not credits.isdecimal() or len(credits) > 9:
        raise BadRequest("say how many credits are added, or taken back", field="credits")
    number = SIGNS[way] * int(credits)
    try:
        with services().database.transaction() as statements:
            add_credits(statements, services().clock, scope, number, reason)
            record(statements, scope, Deed("change-credits", subject=f"{number:+d}: {reason.strip()}"))
    except InsufficientCredits as error:
        return credits_page(request, scope, "", error=error)
    return lead(request, "/credits?done=changed")


def credits_page(request: Request, scope: Scope, month: str, *, error: InsufficientCredits | None = None) -> Response:
    database, now = services().database, services().clock.now()
    chosen = views.month_named(month, now)
    rows = read_statement(database, scope, chosen.year, chosen.month)
    answer = answer_for(error) if error else None
    shown = page(
        request,
        "credits.html",
        scope,
        status=answer.http_status if answer else 200,
        code=answer.code if answer else "",
        balance=read_balance(database, scope),
        months=views.months_until(now),
        chosen=chosen,
        rows=views.readable(rows)[:SHOWN_MOVES],
        more=len(rows) > SHOWN_MOVES,
        sums=views.sums_of(rows),
        used=views.used_by_day(rows, chosen),
        done=request.query_params.get("done", ""),
    )
    return waiting(shown, error)
