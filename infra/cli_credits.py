"""`pacs credits`: what an organization may spend on reports. Used by infra/cli.py alone."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_options import Json, show
from infra.cli_people import opened

OPTIONS = {"credits": "CREDITS", "reason": "--reason"}

out = Console(soft_wrap=True, highlight=False)
credits = typer.Typer(help="Credits: one for each report; a ledger that is only ever added to.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="Name or identifier of the organization.")]


@credits.command("add", context_settings={"ignore_unknown_options": True})
def add(
    organization: Org,
    number: Annotated[int, typer.Argument(metavar="CREDITS", help="How many; below nothing takes back.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the statement.")],
    as_json: Json = False,
) -> None:
    """Add to what an organization may spend, or take back what it has not spent."""
    from pacs.people import audit
    from pacs.reporting.credits import add_credits

    home, scope = opened(organization)
    services = home.services
    with services.database.transaction() as statements:
        balance = add_credits(statements, services.clock, scope, number, reason)
        audit.record(statements, scope, audit.Deed("change-credits", subject=f"{number:+d}: {reason}"))
    tell({"organization_id": scope.organization_id, **asdict(balance)}, as_json)


@credits.command("show")
def show_balance(organization: Org, as_json: Json = False) -> None:
    """Tell what an organization has: available, held by jobs that run, used so far."""
    from pacs.reporting.credits import read_balance

    home, scope = opened(organization)
    balance = read_balance(home.services.database, scope)
    tell({"organization_id": scope.organization_id, **asdict(balance)}, as_json)


def tell(document: dict[str, object], as_json: bool) -> None:
    if as_json:
        show(document)
    else:
        names = ("available", "held", "used")
        out.print(views.table(names, [tuple(str(document[name]) for name in names)]))
