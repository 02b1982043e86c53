"""The `pacs` command: one machine's archive from a terminal. Every command has --help and --json."""

import sys
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import orjson
import typer
from rich.console import Console

from infra import cli_views as views
from pacs.errors import BadRequest, PacsError, answer_for
from pacs.people.scope import Role, Scope

app = typer.Typer(
    help="Bulut PACS on one machine.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
out = Console(soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Ttl = Annotated[str, typer.Option("--ttl", help="How long it is good for: 90s, 30m, 8h, 2d.")]


def main() -> None:
    """Run a command; an error is told in one line (with --json: in one document) and ends with exit code 1."""
    try:
        app()
    except PacsError as error:
        if "--json" in sys.argv:
            show({"code": answer_for(error).code, "message": error.message, "field": error.field})
        else:
            Console(stderr=True, soft_wrap=True).print(f"[red]pacs:[/red] {error.message}", highlight=False)
        sys.exit(1)


def show(document: Any) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def parse_duration(text: str) -> int:
    """`90s`, `30m`, `8h`, `2d` or plain seconds, as seconds. Raises BadRequest."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise BadRequest(f"--ttl {text}: say it like 30m, 8h or 2d", field="--ttl")
    return int(number) * units[unit]


@app.command()
def up(as_json: Json = False) -> None:
    """Start everything: database, stores, HTTP gateway, DICOM node, indexer, deriver, schedules."""
    from infra.local.supervisor import run
    from pacs.settings import Settings

    raise typer.Exit(run(Settings.from_environment(), as_json=as_json))


@app.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders, zips, DICOMDIRs.")],
    as_json: Json = False,
) -> None:
    """Store instances from disk. Safe to run again; exit code 1 when anything was refused."""
    from infra.local.importing import candidates, import_all
    from infra.local.running import open_home

    home = open_home()
    organization_id, branch_id = home.default_branch()
    found = [each for path in paths for each in candidates(path)]
    results = import_all(home.services, Scope(organization_id, "system"), branch_id, iter(found))
    imported = list(results) if as_json else list(views.with_progress(out, results, found))
    refused = [each for each in imported if each.reason]
    counts = {name: sum(each.outcome == name for each in imported) for name in ("created", "unchanged", "replaced")}
    document = {
        **counts,
        "studies": sorted({each.study for each in imported if each.study}),
        "refused": [{"file": each.name, "code": each.code, "reason": each.reason} for each in refused],
    }
    show(document) if as_json else views.print_import(out, document)
    raise typer.Exit(1 if refused else 0)


@app.command()
def status(as_json: Json = False) -> None:
    """Counts, queue depths, failures, disk."""
    from infra.local.running import open_home

    home = open_home()
    home.require_running()
    document = views.status_document(home)
    show(document) if as_json else views.print_status(out, document)


@app.command()
def launch(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY_UID...", help="StudyInstanceUIDs to open.")],
    ttl: Ttl = "8h",
    return_url: Annotated[str, typer.Option(help="Where the viewer's back button leads: a path under /viewer/.")] = "",
    privacy: Annotated[bool, typer.Option("--privacy", help="Hide who the patient is.")] = False,
    as_json: Json = False,
) -> None:
    """Print a signed OHIF link for one or more studies."""
    from infra.local.running import open_home
    from pacs.archive.lookup import require_studies
    from pacs.viewing.launch import launch_url

    home = open_home()
    home.require_running()
    scope = home.system_scope()
    require_studies(home.services.database, scope, studies)
    url = launch_url(
        home.services.settings,
        home.services.tokens,
        scope,
        studies,
        ttl_s=parse_duration(ttl),
        return_url=return_url,
        privacy=privacy,
    )
    show({"url": url}) if as_json else sys.stdout.write(url + "\n")


@app.command()
def token(
    studies: Annotated[str, typer.Option(help="StudyInstanceUIDs that it may see, joined by commas.")] = "",
    role: Annotated[str, typer.Option(help="A session of this role that may see the whole organization.")] = "",
    ttl: Ttl = "8h",
    as_json: Json = False,
) -> None:
    """Print a Bearer token: for some studies, or for a role."""
    from infra.local.running import open_home
    from pacs.viewing.launch import check_studies

    if bool(studies) == bool(role):
        raise BadRequest("give either --studies or --role", field="--role")
    roles = [each for each in get_args(Role) if each not in ("launch", "system")]
    if role and role not in roles:
        raise BadRequest(f"--role {role}: one of {', '.join(roles)}", field="--role")
    home = open_home()
    organization_id, _branch_id = home.default_branch()
    if studies:
        check_studies(studies.split(","))
        scope = Scope(organization_id, "launch", studies=tuple(studies.split(",")))
        text = home.services.tokens.sign(scope, "launch", ttl_s=parse_duration(ttl))
    else:
        scope = Scope(organization_id, cast(Role, role))
        text = home.services.tokens.sign(scope, "session", ttl_s=parse_duration(ttl))
    show({"token": text}) if as_json else sys.stdout.write(text + "\n")


@app.command()
def reindex(
    study: Annotated[str, typer.Option(help="Only this StudyInstanceUID.")] = "",
    as_json: Json = False,
) -> None:
    """Rebuild the index and the derived objects from the originals."""
    from infra.local.running import open_home
    from pacs.archive.reconciling import reindex_originals

    home = open_home()
    home.require_running()
    organization_id = home.system_scope().organization_id
    queued = reindex_originals(home.services, organization_id, study)
    if not as_json:
        views.watch_queues(out, home, queued)
    show({"queued": queued}) if as_json else out.print(f"{queued} originals read again")


@app.command()
def failures(
    retry: Annotated[bool, typer.Option("--retry", help="Put everything listed back to work.")] = False,
    as_json: Json = False,
) -> None:
    """List what could not be indexed, derived or transcoded, and the dead letters of every queue."""
    from infra.local.running import open_home
    from pacs.archive.failures import list_failures

    home = open_home()
    home.require_running()
    document: dict[str, Any] = {
        "failures": list_failures(home.services.database, home.system_scope()),
        "dead_letters": [each.__dict__ for each in views.dead_letters(home)],
    }
    if retry:
        document["retried"] = views.retry(home, document["failures"])
    show(document) if as_json else views.print_failures(out, document)


if __name__ == "__main__":
    main()
