"""What the `pacs` command shows: lines, tables and bars. Used by infra/cli.py alone.

Bars and colours are for terminals; into a pipe or a file goes plain text.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from infra.local.importing import Count, Imported
    from pacs.archive.naming import Named

MIB = 1 << 20
HINTS = 5
BAR_WIDTH_MIN = 60
GAP = 2  # between columns


def size(size_bytes: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 study`, `2 studies`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Within it the first Ctrl-C or SIGTERM sets the event and nothing else; a second one ends the process."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agreed(what: str, named: Sequence["Named"], *, asking: bool) -> bool:
    """Whether somebody at the terminal says yes to deleting; no when nobody can be asked."""
    if not asking or not sys.stdin.isatty():
        return False
    instances = counted(sum(each.instances for each in named), "instance")
    whole = counted(len(named), what, {"study": "studies", "series": "series"}.get(what, ""))
    with suppress(typer.Abort):
        return typer.confirm(f"Delete {whole} with {instances}?", err=True)
    return False


def bar(console: Console, *columns: ProgressColumn) -> Progress:
    """The columns with a bar between them, where there is room for one; nothing at all unless for a terminal."""
    if console.width >= BAR_WIDTH_MIN:
        columns = (*columns[:2], BarColumn(bar_width=None), *columns[2:])
    return Progress(SpinnerColumn(), *columns, console=console, transient=True, disable=not console.is_terminal)


def show_import(console: Console, results: Iterator["Imported"], count: "Count") -> Iterator["Imported"]:
    """The same results, with a bar that shows rate and remaining time, and a line above it for each that is refused."""
    columns = (
        TextColumn("import"),
        TextColumn("{task.fields[files]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with bar(console, *columns) as progress:
        task = progress.add_task("", total=None, files="", rate="")
        size_bytes = 0
        for files, each in enumerate(results, start=1):
            size_bytes += each.size_bytes
            if each.reason:
                progress.console.print(f"[red]refused[/red] {escape(each.name)}: {escape(each.reason)}")
            elapsed = max(progress.tasks[task].elapsed or 0, 1e-3)
            progress.update(
                task,
                completed=size_bytes,
                total=count.size_bytes if count.done else None,
                files=f"{files:,} of {count.files:,}" if count.done else f"{files:,}",
                rate=f"{files / elapsed:.0f}/s {size_bytes / MIB / elapsed:.1f} MiB/s",
            )
            yield each


def show_progress(console: Console, what: str, done: Iterator[int], total: int) -> int:
    """A bar from a count of what is done; returns the last."""
    last = 0
    with bar(console, TextColumn(what), TextColumn("{task.completed:,.0f} of {task.total:,.0f}")) as progress:
        task = progress.add_task("", total=total)
        for last in done:
            progress.update(task, completed=last)
    return last


def show_left(console: Console, left: Iterator[int]) -> None:
    """A bar from a count of what is left, which may grow while it is watched."""
    most = 1
    with bar(console, TextColumn("working"), TextColumn("{task.fields[left]:,} messages left")) as progress:
        task = progress.add_task("", total=1, left=0)
        for each in left:
            most = max(most, each)
            progress.update(task, total=most, completed=most - each, left=each)


def print_reindex(console: Console, document: Mapping[str, Any]) -> None:
    console.print(f"{counted(document['queued'], 'original')} read again")
    if document["deleted"]:
        console.print(f"{counted(document['deleted'], 'row')} deleted whose originals are gone")
    if document["failed"]:
        console.print(f"{document['failed']:,} failed: see `pacs failures`")
    if document["interrupted"]:
        console.print("The archive goes on with it: `pacs status` tells how far it is.")


def print_import(console: Console, document: Mapping[str, Any]) -> None:
    """What an import did, and what to do next."""
    refused = len(document["refused"])
    if document["interrupted"]:
        console.print("Stopped. What is stored is safe; the same command again goes on where this ended.")
    console.print(
        f"{document['created']:,} stored, {document['unchanged']:,} already there, {document['replaced']:,} replaced,"
        f" {refused:,} refused; {size(document['size_bytes'])} written"
    )
    studies = document["studies"]
    if not studies:
        return
    if document["running"]:
        wait = "" if document["indexed"] else "; not all of it is indexed yet, see `pacs status`"
        console.print(f"{counted(len(studies), 'study', 'studies')}{wait}. To open:")
        for study in studies[:HINTS]:
            console.print(f"  pacs launch {study}")
        if len(studies) > HINTS:
            console.print(f"  … and {len(studies) - HINTS:,} more; --json lists them all")
    else:
        console.print(
            f"{counted(len(studies), 'study', 'studies')}. The archive does not run: they appear after its next start."
        )


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table without frames, as wide as what it says: an address that is cut short is none.

    Numbers, and heads that begin with `>`, stand at the right.
    """
    lines = [[f"{each:,}" if isinstance(each, int) else str(each) for each in row] for row in rows]
    names = [head.removeprefix(">") for head in heads]
    widths = [max(map(cell_len, column)) for column in zip(names, *lines, strict=True)]
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    made.width = sum(widths) + GAP * (len(widths) - 1)
    for head, name, width in zip(heads, names, widths, strict=True):
        made.add_column(name, justify="right" if head.startswith(">") else "left", no_wrap=True, min_width=width)
    for line in lines:
        made.add_row(*map(escape, line))
    return made


def duration(seconds: float) -> str:
    """`0 s`, `12 min`, `3 h`, `2 d`: as much as matters of how old something is."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def print_status(console: Console, document: Mapping[str, Any]) -> None:
    ready, counts, disk = document["running"], document["counts"], document["disk"]
    dicom = ready["dicom"]
    today = document["received_today"]
    used = 1 - disk["free_bytes"] / disk["total_bytes"]
    failures = ", ".join(f"{count:,} {stage}" for stage, count in sorted(document["failures"].items()))
    executions = document["executions"]
    lines = (
        ("HTTP", ready["http"]),
        ("DICOM", f"{dicom['ae_title']} at {dicom['host']} port {dicom['port']}"),
        ("process", str(ready["pid"])),
        ("home", disk["home"]),
        ("disk", f"{size(disk['free_bytes'])} free of {size(disk['total_bytes'])} ({used:.0%} used)"),
        ("received", f"today {counted(today['instances'], 'instance')}, {size(today['size_bytes'])}"),
        (
            "report jobs",
            f"{executions['in_hand']:,} at work, {executions['waiting']:,} waiting, {executions['failed']:,} broken off"
            + (" (see logs/workflow.log)" if executions["failed"] else ""),
        ),
        ("failures", f"{failures} (see `pacs failures`)" if failures else "none"),
    )
    for name, value in lines:
        console.print(f"{name:<13}{escape(value)}")
    names = ("patients", "studies", "series", "instances")
    rows = [(name, counts[name]) for name in names]
    if counts["non_patient_instances"]:
        rows.append(("of no patient", counts["non_patient_instances"]))
    console.print()
    console.print(table(("", ">count"), [*rows, ("originals", size(counts["size_bytes"]))]))
    heads = ("queue", ">waiting", ">in flight", ">dead", ">oldest")
    queues = [
        (name, each["waiting"], each["in_flight"], each["dead"], duration(each["oldest_age_s"]))
        for name, each in document["queues"].items()
    ]
    console.print()
    console.print(table(heads, queues))


def print_failures(console: Console, document: Mapping[str, Any]) -> None:
    """Failures under their reasons; a message that was given up is told with its object where that is listed."""
    failures, letters = document["failures"], document["dead_letters"]
    if document.get("interrupted"):
        console.print("The archive goes on with it: `pacs failures` tells what is left.")
    if "retried" in document:
        console.print(f"{document['retried']:,} tried again")
    if not failures and not letters:
        console.print("Nothing is failing.")
    given_up = {key for each in letters for key in each["objects"]}
    listed = {each["object_key"] for each in failures}
    reasons: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for each in failures:
        reasons.setdefault((each["stage"], each["code"], each["reason"]), []).append(each)
    for (stage, code, reason), alike in reasons.items():
        console.print(f"[bold]{stage}[/bold] {code}: {escape(reason)} ({len(alike):,})")
        for each in alike:
            end = ", given up" if each["object_key"] in given_up else ""
            tries = counted(each["attempts"], "attempt") + end
            console.print(f"  {escape(each['object_key'])}  {each['last_at']:%F %T}, {tries}")
    if document["failures_total"] > len(failures):
        console.print(f"… and {document['failures_total'] - len(failures):,} older ones")
    for each in letters:
        if not listed.intersection(each["objects"]):
            told = ", ".join(each["objects"]) or each["body"][:100]
            console.print(f"[bold]{each['queue']}[/bold] a message was given up: {escape(told)}")
    if failures or letters:
        console.print("`pacs failures --retry` tries all of it again.")
