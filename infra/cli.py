"""The `pacs` command: one machine's archive from a terminal. Every command has --help and --json.

What a command needs is imported when it runs: a link must not wait for pydicom.
"""

import io
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from infra import cli_ai, cli_callbacks, cli_credits, cli_eval, cli_keys, cli_masks, cli_people
from infra import cli_views as views
from infra.cli_options import Json, parse_ttl, show
from pacs.errors import BadRequest, PacsError, answer_for
from pacs.people.scope import MEMBER_ROLES as ROLES
from pacs.people.scope import Role, Scope

if TYPE_CHECKING:
    from infra.local.running import Home
    from pacs.ports import Audience

REFUSED, INTERRUPTED = 1, 130
# How an option is called on the command line whose fault a room has found.
OPTIONS = {
    "ttl_s": "--ttl",
    "returnUrl": "--return-url",
    **cli_people.OPTIONS,
    **cli_keys.OPTIONS,
    **cli_credits.OPTIONS,
    **cli_masks.OPTIONS,
    **cli_callbacks.OPTIONS,
    **cli_ai.OPTIONS,
    **cli_eval.OPTIONS,
}

app = typer.Typer(
    help="Bulut PACS on one machine: the archive in the folder that PACS_HOME names (.pacs).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS = {
    **cli_people.GROUPS,
    "key": cli_keys.key,
    "credits": cli_credits.credits,
    "callbacks": cli_callbacks.callbacks,
    "mask": cli_masks.mask,
    "ai": cli_ai.ai,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
out = Console(soft_wrap=True, highlight=False)

Ttl = Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it is good: 90s, 30m, 8h, 2d; at most 7d.")]


class What(StrEnum):
    """What UIDs are of."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


LevelName = Annotated[
    What, typer.Argument(metavar="LEVEL", help="`study`, `series` or `instance`: what the UIDs are of.")
]
Uids = Annotated[list[str], typer.Argument(metavar="UID", help="UIDs of this level.")]


def main() -> None:
    """Run a command; an error is told in one line (with --json: in one document) and ends with exit code 1.

    A command line that cannot be understood ends with exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a file name that the terminal has no letters for
    try:
        sys.exit(app(standalone_mode=False))
    except PacsError as error:
        option = OPTIONS.get(error.field or "")
        told = f"{option}: {error.message}" if option else error.message
        fail(told, answer_for(error).code, option or error.field, 1)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        hint = f": see `{context.command_path} --help`" if context else ""
        if not error.format_message():  # `pacs` alone: its help has been shown
            sys.exit(error.exit_code)
        fail(f"{error.format_message().rstrip('.')}{hint}", "BAD_REQUEST", None, error.exit_code)


def fail(message: str, code: str, field: str | None, exit_code: int) -> None:
    if "--json" in sys.argv:
        show({"code": code, "message": message, "field": field})
    else:
        err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        err.print("pacs:", style="red", end=" ")
        err.print(message)
    sys.exit(exit_code)


def parse_uids(texts: list[str], option: str) -> list[str]:
    """UIDs as they were given, each once. Raises BadRequest, naming the first that is none."""
    from pacs.dicom.uids import is_uid

    for text in texts:
        if not is_uid(text):
            raise BadRequest(f"{option}: {text!r} is not a UID", field=option)
    return list(dict.fromkeys(texts))


@app.command()
def up(as_json: Json = False) -> None:
    """Start everything: database, stores, HTTP gateway, DICOM node, indexer, deriver, schedules.

    Ends with Ctrl-C. PACS_HOME, PACS_HTTP_PORT, PACS_DICOM_PORT and PACS_BIND say where it stands.
    """
    from infra.local.supervisor import run
    from pacs.settings import Settings

    raise typer.Exit(run(Settings.from_environment(), as_json=as_json))


@app.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, folders, zips, DICOMDIRs.")],
    as_json: Json = False,
) -> None:
    """Store instances from disk, whether the archive runs or not.

    Folders are searched to the bottom, zips in them too. Files without preamble and file meta are given them.
    Safe to run again: what is there already is left alone. While the archive runs, it waits for the index.
    What came by the DICOM door before has another file meta and counts as replaced, once; the older stays as a version.

    What is refused is told, with the reason; the exit code is 1 when anything was, 130 after Ctrl-C.
    """
    from infra.local.candidates import check_paths
    from infra.local.running import open_home

    home = open_home()
    check_paths(paths)
    document, fault = run_import(home, paths, as_json)
    if fault is None and as_json:
        show(document)
    elif not as_json:
        views.print_import(out, document)
    if fault is not None:
        raise fault
    raise typer.Exit(INTERRUPTED if document["interrupted"] else REFUSED if document["refused"] else 0)


def run_import(home: "Home", paths: list[Path], as_json: bool) -> tuple[dict[str, Any], PacsError | None]:
    """Import, and wait for the index while the archive runs; what was done, and what ended it before its time."""
    from infra.local.candidates import find_candidates
    from infra.local.importing import Count, Tally, import_all
    from infra.local.watching import until_indexed
    from pacs.errors import Unavailable

    organization_id, branch_id = home.default_branch()
    tally, fault, since = Tally(), None, home.services.clock.now()
    with views.stopping() as stop:
        count = Count(paths, stop)
        count.start()
        scope = Scope(organization_id, "system")
        results = import_all(home.services, scope, branch_id, find_candidates(paths), stop)
        try:
            for each in results if as_json else views.show_import(out, results, count):
                tally.add(each)
        except Unavailable as error:
            fault = error
        created = sum(tally.created.values())
        indexed = 0
        if home.ready and not fault and not stop.is_set():
            done = until_indexed(home, tally.created, since, stop)
            indexed = views.show_progress(out, "indexing", done, created) if not as_json else max(done, default=0)
    if not (tally.outcomes or tally.refused or fault or stop.is_set()):
        raise BadRequest(f"nothing to import: no files in {', '.join(map(str, paths))}", field="PATH")
    ends = {"running": home.ready is not None and home.runs(), "indexed": indexed >= created}
    return tally.document() | ends | {"interrupted": stop.is_set()}, fault


@app.command()
def status(as_json: Json = False) -> None:
    """Counts, queue depths, failures and disk of the archive that runs."""
    from infra.local.running import open_home
    from infra.local.watching import status_document

    document = status_document(open_home())
    show(document) if as_json else views.print_status(out, document)


@app.command()
def launch(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY_UID", help="Study Instance UIDs, at most 16.")],
    ttl: Ttl = "8h",
    return_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the viewer's back button leads: a path under /viewer/.")
    ] = "",
    privacy: Annotated[
        bool,
        typer.Option("--privacy", metavar="", help="No answer tells who the patient is."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a signed link that opens one or more studies in OHIF, for whoever holds it."""
    from infra.local.running import open_home
    from pacs.archive.lookup import require_studies
    from pacs.archive.privacy import told_studies
    from pacs.viewing.launch import launch_url

    ttl_s = parse_ttl(ttl)
    studies = parse_uids(studies, "STUDY_UID")
    home = open_home()
    home.require_running()
    scope = home.system_scope()
    require_studies(home.services.database, scope, studies)
    if privacy:
        studies = told_studies(home.services.database, scope, studies)
    url = launch_url(
        home.services.settings,
        home.services.tokens,
        scope,
        studies,
        ttl_s=ttl_s,
        return_url=return_url,
        privacy=privacy,
    )
    show({"url": url}) if as_json else sys.stdout.write(url + "\n")


@app.command()
def token(
    studies: Annotated[
        str, typer.Option(metavar="UID,…", help="Study Instance UIDs that it may see, joined by commas; at most 16.")
    ] = "",
    role: Annotated[
        str,
        typer.Option(metavar="ROLE", help=f"A session of this role, in the whole organization: {', '.join(ROLES)}."),
    ] = "",
    ttl: Ttl = "8h",
    as_json: Json = False,
) -> None:
    """Print a Bearer token for DICOMweb: for some studies, or for a role. Works while nothing runs, too."""
    from infra.local.running import open_home
    from pacs.viewing.launch import check_studies

    ttl_s = parse_ttl(ttl)
    if bool(studies) == bool(role):
        raise BadRequest("give either --studies or --role", field="--role")
    if role and role not in ROLES:
        raise BadRequest(f"--role: {role!r} is none of {', '.join(ROLES)}", field="--role")
    uids = parse_uids([each.strip() for each in studies.split(",")], "--studies") if studies else []
    home = open_home()
    organization_id, _branch_id = home.default_branch()
    if uids:
        check_studies(uids)
        scope, audience = Scope(organization_id, "launch", studies=tuple(uids)), "launch"
    else:
        scope, audience = Scope(organization_id, cast(Role, role)), "session"
    text = home.services.tokens.sign(scope, cast("Audience", audience), ttl_s=ttl_s)
    show({"token": text}) if as_json else sys.stdout.write(text + "\n")


@app.command()
def reindex(
    study: Annotated[str, typer.Option(metavar="UID", help="Only this Study Instance UID.")] = "",
    as_json: Json = False,
) -> None:
    """Rebuild the index and the derived objects (metadata, frames, thumbnails) from the originals.

    What was derived is deleted and made anew, study by study; requests are answered meanwhile. Rows of the index whose
    originals are gone are deleted. Waits until all is done; after Ctrl-C the archive goes on by itself.
    """
    from infra.local.running import open_home
    from infra.local.watching import failed_since
    from pacs.archive.rebuilding import rebuild

    if study:
        parse_uids([study], "--study")
    home = open_home()
    home.require_running()
    since = home.services.clock.now()
    document: dict[str, Any] = rebuild(home.services, home.system_scope().organization_id, study)
    settle(home, since, as_json, document)
    document["failed"] = len({key for _, key in failed_since(home, since) if not study or study in key.split("/")})
    show(document) if as_json else views.print_reindex(out, document)
    raise typer.Exit(INTERRUPTED if document["interrupted"] else 0)


@app.command()
def delete(
    level: LevelName,
    uids: Uids,
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Delete studies, series or instances: out of sight at once, and for good after PACS_DELETE_RETENTION_DAYS.

    Until then `pacs restore` brings them back. What is deleted, and when, goes into the audit.
    """
    from infra.local.running import open_home
    from pacs.archive.naming import find_named
    from pacs.archive.trash import delete_instances

    uids = parse_uids(uids, "UID")
    home = open_home()
    home.require_running()
    scope = home.system_scope()
    named = find_named(home.services.database, scope, level.value, uids)
    if not yes and not views.agreed(level.value, named, asking=not as_json):
        raise BadRequest("nothing was deleted: --yes is needed, or a yes where it is asked", field="--yes")
    instances = sum(delete_instances(home.services, scope, each.level) for each in named)
    document = {"level": level.value, "uids": uids, "instances": instances}
    show(document) if as_json else out.print(f"{views.counted(instances, 'instance')} deleted")


@app.command()
def restore(level: LevelName, uids: Uids, as_json: Json = False) -> None:
    """Bring back studies, series or instances that were deleted, as long as PACS_DELETE_RETENTION_DAYS are not over.

    Waits until they are found again; after Ctrl-C the archive goes on by itself.
    """
    from infra.local.running import open_home
    from pacs.archive.naming import find_named
    from pacs.archive.trash import undelete_instances

    uids = parse_uids(uids, "UID")
    home = open_home()
    home.require_running()
    scope, since = home.system_scope(), home.services.clock.now()
    named = find_named(home.services.database, scope, level.value, uids, deleted=True)
    instances = sum(undelete_instances(home.services, scope, each.level) for each in named)
    document = {"level": level.value, "uids": uids, "instances": instances}
    settle(home, since, as_json, document)
    show(document) if as_json else out.print(f"{views.counted(instances, 'instance')} restored")
    raise typer.Exit(INTERRUPTED if document["interrupted"] else 0)


@app.command()
def failures(
    retry: Annotated[bool, typer.Option("--retry", metavar="", help="Try all of it again first, and wait.")] = False,
    as_json: Json = False,
) -> None:
    """List what could not be indexed, derived or transcoded, and the messages that were given up.

    What goes through when tried again is not listed any more.
    """
    from infra.local.running import open_home
    from infra.local.watching import failures_document, retry_all

    home = open_home()
    home.require_running()
    document: dict[str, Any] = {}
    if retry:
        since = home.services.clock.now()
        document["retried"] = retry_all(home)
        settle(home, since, as_json, document)
    document |= failures_document(home)
    show(document) if as_json else views.print_failures(out, document)
    raise typer.Exit(INTERRUPTED if document.get("interrupted") else 0)


app.command()(cli_people.demo)


def settle(home: "Home", since: datetime, as_json: bool, document: dict[str, Any]) -> None:
    """Wait until the queues are empty; into the document goes whether somebody did not want to."""
    from infra.local.watching import until_settled

    with views.stopping() as stop:
        left = until_settled(home, since, stop)
        if as_json:
            for _ in left:
                pass
        else:
            views.show_left(out, left)
        document["interrupted"] = stop.is_set()


if __name__ == "__main__":
    main()
