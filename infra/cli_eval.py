"""`pacs ai eval`: providers beside one another, on studies whose reports you have. Used by infra/cli.py alone."""

import csv
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_ai import ai
from infra.cli_options import Json, show
from infra.cli_people import Org, opened
from pacs.errors import BadRequest

if TYPE_CHECKING:
    from infra.local.running import Home
    from pacs.ai.evaluating import Result, Total, Wanted
    from pacs.ai.references import Reference
    from pacs.ai.scoring import Share
    from pacs.people.scope import Scope

OPTIONS = {"SET": "SET", "preset": "--preset", "language": "--language", "FILE": "--out"}
INCOMPLETE, INTERRUPTED = 1, 130
NONE = "-"
# Scores as they are told, in this order.
SCORES = {
    "sections": "sections filled",
    "negations": "negations agree",
    "sides": "sides agree",
    "measures": "measures of the report",
    "recall": "critical found",
    "precision": "called critical, rightly",
}
COLUMNS = ("study", "provider", "model", "preset", "language", "failure", "mended", "images", "critical")
ENDS = ("seconds", "cost")

out = Console(soft_wrap=True, highlight=False)


Set = Annotated[Path, typer.Argument(metavar="SET", help="A folder: in it one folder for each study.")]
Providers = Annotated[
    list[str], typer.Option("--provider", metavar="PROVIDER", help="Whom to ask; may be repeated, to compare.")
]
PresetName = Annotated[
    str, typer.Option("--preset", metavar="PRESET", help="What is asked; by default what suits each study.")
]
LanguageCode = Annotated[
    str, typer.Option("--language", metavar="CODE", help="Of the drafts; by default that of each report.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Only so many studies, the first by name.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE.csv", help="Write a row for each study and provider, too.")
]


@ai.command("eval")
def evaluate_set(
    folder: Set,
    providers: Providers,
    preset: PresetName = "",
    language: LanguageCode = "",
    limit: Limit = None,
    file: Out = None,
    organization: Org = None,
    as_json: Json = False,
) -> None:
    """Have providers describe studies whose reports you have, and compare what they say, need and cost.

    A study's folder holds its DICOM files and a reference.json or a report.txt. The studies do not come into the
    archive; what is sent of them, consent, budgets and prices are those of the organization. With --json the drafts
    are told as well. Exit code 1 when a provider made no draft at all or a study was left out, 130 after Ctrl-C.
    """
    from pacs.ai.evaluating import Wanted, check, total_of
    from pacs.ai.references import find_references

    wanted = [Wanted(each, preset, language) for each in dict.fromkeys(providers)]
    check(wanted)
    references = find_references(folder, limit)
    home, scope = opened(organization)
    results: list[Result] = []
    left_out: dict[str, str] = {}
    with views.stopping() as stop, written(file) as write:
        for each in evaluated(home, scope, references, wanted, stop, left_out):
            results.append(each)
            write(row_of(each))
            if not as_json:
                out.print(line_of(each), markup=False)
    totals = [total_of(some) for one in wanted if (some := [each for each in results if each.provider == one.provider])]
    if as_json:
        ends = {"totals": list(map(summed, totals)), "left_out": left_out}
        show({"set": str(folder), "results": list(map(told, results)), **ends})
    else:
        print_end(totals, list(left_out.values()))
    drafted = bool(totals) and all(each.drafted for each in totals)
    raise typer.Exit(INTERRUPTED if stop.is_set() else 0 if drafted and not left_out else INCOMPLETE)


def evaluated(
    home: "Home",
    scope: "Scope",
    references: "Sequence[Reference]",
    wanted: "Sequence[Wanted]",
    stop: threading.Event,
    left_out: dict[str, str],
) -> "Iterator[Result]":
    """What each provider made of each study, study by study, until somebody stops it. `left_out` gets those whose files
    are no study, with the reason.
    """
    from infra.local.scratch import scratch_archive
    from pacs.ai.evaluating import Exam, evaluate
    from pacs.ai.orchestrating import Cancelled

    with scratch_archive(home.services, scope) as scratch, suppress(Cancelled):
        for reference in references:
            if stop.is_set():
                return
            try:
                study = scratch.take(reference.name, reference.files())
            except BadRequest as error:
                left_out[reference.name] = error.message
                continue
            exam = Exam(reference, scratch.services, scratch.scope, study)
            for each in wanted:
                yield evaluate(home.services, scope, exam, each, lambda: not stop.is_set())
            scratch.clear(study)


@contextmanager
def written(file: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What writes a row into a CSV file as soon as it is known; nothing without a file. Raises BadRequest."""
    if file is None:
        yield lambda row: None
        return
    try:
        opened_file = file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadRequest(f"{file}: {error.strerror}", field="FILE") from error
    with opened_file:
        heads = [*COLUMNS, *(f"{name}_{part}" for name in SCORES for part in ("right", "of")), *ENDS]
        writer = csv.DictWriter(opened_file, heads)
        writer.writeheader()

        def write(row: Mapping[str, Any]) -> None:
            writer.writerow(row)
            opened_file.flush()

        yield write


def row_of(each: "Result") -> dict[str, Any]:
    row = {name: getattr(each, name) for name in (*COLUMNS, *ENDS)}
    for name in SCORES:
        share: Share = getattr(each.scores, name)
        row |= {f"{name}_right": share.right, f"{name}_of": share.of}
    return row


def line_of(each: "Result") -> str:
    """One study as it ends."""
    head = f"{each.study}  {each.provider}"
    if each.failure:
        return f"{head}  no draft: {each.failure}"
    scores = (f"{name} {share.right}/{share.of}" for name in SCORES if (share := getattr(each.scores, name)).of)
    marks = [*scores, *(["mended"] if each.mended else []), *(["critical"] if each.critical else [])]
    return f"{head}  {', '.join(marks)}; {each.seconds:.1f} s, {money(each.cost)}"


def print_end(totals: "Sequence[Total]", left_out: Sequence[str]) -> None:
    for reason in left_out:
        out.print(f"left out: {reason}", markup=False)
    if totals:
        out.print()
        out.print(views.table(("", *(each.provider for each in totals)), lines_of(totals)))


def lines_of(totals: "Sequence[Total]") -> list[tuple[str, ...]]:
    """The table: what is measured, and a column for each provider."""
    facts: list[tuple[str, Callable[[Total], str]]] = [
        ("model", lambda each: ", ".join(filter(None, each.models)) or NONE),
        ("drafts", lambda each: f"{each.drafted} of {each.studies}"),
        ("no draft", lambda each: ", ".join(f"{count} {why}" for why, count in each.failures.items()) or NONE),
        ("mended", lambda each: str(each.mended)),
        *((told, lambda each, name=name: percent(getattr(each.scores, name))) for name, told in SCORES.items()),
        ("seconds, median", lambda each: seconds(each.median_s)),
        ("seconds, 95 %", lambda each: seconds(each.p95_s)),
        ("cost", lambda each: money(each.cost)),
        ("cost of a draft", lambda each: money(each.cost_of_draft) if each.drafted else NONE),
    ]
    return [(name, *(fact(each) for each in totals)) for name, fact in facts]


def percent(share: "Share") -> str:
    return NONE if share.part is None else f"{share.part:.0%} ({share.right}/{share.of})"


def seconds(told_s: float | None) -> str:
    return NONE if told_s is None else f"{told_s:.1f}"


def money(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"${cost:.4f}"


def told(each: "Result") -> dict[str, Any]:
    """One result as JSON."""
    return {**asdict(each), "critical": each.critical, "scores": scores_of(each.scores)}


def summed(each: "Total") -> dict[str, Any]:
    return {**asdict(each), "cost_of_draft": each.cost_of_draft, "scores": scores_of(each.scores)}


def scores_of(scores: Any) -> dict[str, Any]:
    shares: dict[str, Share] = {name: getattr(scores, name) for name in SCORES}
    return {name: {"right": each.right, "of": each.of, "part": each.part} for name, each in shares.items()}
