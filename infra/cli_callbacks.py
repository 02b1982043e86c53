"""`pacs callbacks`: which integrators have heard of their jobs, and which have not. Used by infra/cli.py alone."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_options import Json, show
from infra.cli_people import opened
from pacs.errors import BadRequest

if TYPE_CHECKING:
    from pacs.dictation.callbacks import Delivery

OPTIONS = {"job": "JOB"}
MOST = 1000

out = Console(soft_wrap=True, highlight=False)
callbacks = typer.Typer(help="Callbacks: how integrators hear that report jobs have ended.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="Name or identifier of the organization.")]


@callbacks.command("list")
def list_callbacks(
    organization: Org,
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="Those of this job alone.")] = "",
    dead: Annotated[
        bool, typer.Option("--dead", metavar="", help="Those that nobody took, and after which nothing more is tried.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="NUMBER", min=1, max=MOST, help="So many at most, the last ones.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """List calls, the last first: what was answered, or why nothing was, and when the next one is due."""
    from pacs.dictation.callbacks import list_deliveries

    home, scope = opened(organization)
    found = list_deliveries(home.services.database, scope, job_id=job, dead=dead, limit=limit)
    if as_json:
        show({"organization_id": scope.organization_id, "callbacks": [asdict(each) for each in found]})
    elif found:
        out.print(views.table(("Job", "When", ">Attempt", "Outcome", "Answer", ">ms", "Next"), [*map(line, found)]))
    else:
        out.print("no callbacks")


@callbacks.command("resend")
def resend(
    organization: Org,
    jobs: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="Jobs whose result is sent again.")] = None,
    dead: Annotated[
        bool, typer.Option("--dead", metavar="", help="Send those that `pacs callbacks list --dead` lists.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have results sent again, with all attempts, whether they were taken before or not."""
    from pacs.dictation.callbacks import list_deliveries, send_again

    if bool(jobs) == dead:
        raise BadRequest("name jobs, or give --dead", field="job")
    home, scope = opened(organization)
    wanted = list(dict.fromkeys(jobs or ()))
    if dead:
        wanted = [each.job_id for each in list_deliveries(home.services.database, scope, dead=True, limit=MOST)]
    for job_id in wanted:
        send_again(home.services, scope, job_id)
    document = {"organization_id": scope.organization_id, "sent_again": wanted}
    show(document) if as_json else out.print(f"{views.counted(len(wanted), 'result')} will be sent again")


def line(delivery: "Delivery") -> tuple[str | int, ...]:
    """What a person wants to know of a call."""
    answered = str(delivery.status or delivery.failure)
    due = "" if delivery.again_at is None else told(delivery.again_at)
    at = told(delivery.attempted_at)
    return (delivery.job_id, at, delivery.attempt or "", delivery.outcome, answered, delivery.took_ms, due)


def told(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
