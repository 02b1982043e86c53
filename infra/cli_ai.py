"""`pacs ai`: which models make pre-reports, and whether they answer. Used by infra/cli.py alone."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_options import DAY_S, Json, parse_ttl, show
from infra.cli_people import Org, opened
from pacs.errors import ModelRefused
from pacs.people.scope import Scope

if TYPE_CHECKING:
    from decimal import Decimal

OPTIONS = {"provider": "PROVIDER", "image": "--image"}
FAILS = 1
LONGEST_S = 3650 * DAY_S

out = Console(soft_wrap=True, highlight=False)
ai = typer.Typer(help="AI: the providers of pre-reports, tried from here.", no_args_is_help=True)

ProviderName = Annotated[str, typer.Argument(metavar="PROVIDER", help="One of those that `pacs ai providers` lists.")]


@ai.command("providers")
def providers(organization: Org = None, as_json: Json = False) -> None:
    """List all providers: ready, switched off, or what is missing. Keys are not shown, of addresses the ends."""
    from pacs.ai.configuring import list_configured

    home, scope = opened(organization)
    found = list_configured(home.services, scope)
    rows = [
        {
            "provider": each.provider.name,
            "ready": each.ready,
            "enabled": each.enabled,
            "missing": list(each.missing),
            "model": each.model,
            "url": each.masked_url,
        }
        for each in found
    ]
    if as_json:
        show({"providers": rows})
        return
    heads = ("provider", "state", "model", "address")
    states = {True: "ready", False: "off"}
    lines = [
        (
            each.provider.name,
            f"misses {', '.join(each.missing)}" if each.missing else states[each.enabled],
            each.model,
            each.masked_url,
        )
        for each in found
    ]
    out.print(views.table(heads, lines))


@ai.command("test")
def test(
    provider: ProviderName,
    image: Annotated[
        Path | None,
        typer.Option("--image", metavar="FILE", help="A DICOM file, JPEG or PNG, which is sent as it looks."),
    ] = None,
    organization: Org = None,
    as_json: Json = False,
) -> None:
    """Ask a provider one question, with a picture or without. What stands in the picture is sent with it.

    Exit code 1 when no valid answer comes.
    """
    from pacs.ai.trying import try_out

    home, scope = opened(organization)
    tried = try_out(home.services, scope, provider, image)
    if as_json:
        show(asdict(tried))
        raise typer.Exit(FAILS if tried.failure else 0)
    if tried.failure:
        raise ModelRefused(f"{provider} {tried.failure}")
    heads = ("provider", "model", "answer", ">ms", ">tokens in", ">tokens out", ">images", "cost")
    counts = (tried.latency_ms, tried.tokens_in, tried.tokens_out, tried.images)
    out.print(views.table(heads, [(tried.provider, tried.model, "valid", *counts, told(tried.cost))]))
    out.print(tried.said, markup=False)


@ai.command("health")
def health(organization: Org = None, as_json: Json = False) -> None:
    """Ask every provider in use now, keep what comes of it, and tell PACS_AI_HEALTH_MAIL.

    Exit code 1 when one fails.
    """
    import uuid

    from pacs.ai.health_runs import run_health

    home, scope = opened(organization)
    run = run_health(home.services, scope.organization_id, str(uuid.uuid4()))
    if as_json:
        show(asdict(run))
    else:
        lines = [
            (each.provider, each.model, each.kind, each.failure or "works", each.latency_ms, told(each.cost))
            for each in run.checks
        ]
        out.print(views.table(("provider", "model", "asked with", "result", ">ms", "cost"), lines))
        out.print(f"makes pre-reports now: {run.answers or 'nobody'}; told: {run.told}", markup=False)
    raise typer.Exit(FAILS if run.failing else 0)


@ai.command("cron-token")
def cron_token(
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it is good; at most 3650d.")] = "365d",
    revoke: Annotated[
        bool, typer.Option("--revoke", metavar="", help="All that were made before are good no longer.")
    ] = False,
    organization: Org = None,
    as_json: Json = False,
) -> None:
    """Print a Bearer token for /api/jobs/ai-provider-health of an organization, and for nothing else."""
    from pacs.bootstrap import local_secrets

    ttl_s = parse_ttl(ttl, longest_s=LONGEST_S)
    home, scope = opened(organization)
    if revoke:
        for _ in range(2):  # the key before the newest still verifies
            local_secrets(home.services.settings).rotate("cron")
    token = home.services.tokens.sign(Scope(scope.organization_id, "system"), "cron", ttl_s=ttl_s)
    show({"token": token}) if as_json else out.print(token, markup=False)


def told(cost: "Decimal | None") -> str:
    return "unknown" if cost is None else f"${cost:.6f}"
