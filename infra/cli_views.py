"""What the `pacs` command shows: tables and progress bars. Used by infra/cli.py alone."""

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import text

from functions.catalogue import FUNCTIONS
from infra.local.importing import Candidate, Imported
from infra.local.running import Home
from pacs.archive.failures import count_failures
from pacs.archive.reconciling import request_indexing
from pacs.ports import DeadLetter, QueueDepth

QUEUES = tuple(source.queue for function in FUNCTIONS for source in function.sources)
COUNTS = text(
    "select (select count(*) from patients) as patients, (select count(*) from studies) as studies,"
    " (select count(*) from series) as series, count(*) as instances, coalesce(sum(size_bytes), 0) as bytes"
    " from instances"
)
MIB = 1 << 20


def size(size_bytes: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


def with_progress(console: Console, results: Iterator[Imported], found: Sequence[Candidate]) -> Iterator[Imported]:
    """The same results, with a bar that shows rate and remaining time."""
    columns = (
        TextColumn("import"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("import", total=len(found), rate="")
        transferred = 0
        for each in results:
            transferred += each.size_bytes
            elapsed = progress.tasks[task].elapsed or 0
            rate = f"{transferred / MIB / elapsed:.1f} MiB/s" if elapsed > 0 else ""
            progress.update(task, advance=1, rate=rate)
            yield each


def print_import(console: Console, document: dict[str, Any]) -> None:
    console.print(
        f"{document['created']} stored, {document['unchanged']} already there, {document['replaced']} replaced,"
        f" {len(document['refused'])} refused"
    )
    if document["refused"]:
        console.print(table(("file", "code", "reason"), [list(each.values()) for each in document["refused"]]))


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    made = Table(*heads)
    for row in rows:
        made.add_row(*(str(each) for each in row))
    return made


def depths(home: Home) -> dict[str, QueueDepth]:
    return {queue: home.services.queue.depth(queue) for queue in QUEUES}


def status_document(home: Home) -> dict[str, Any]:
    """Everything that `pacs status` tells."""
    disk = shutil.disk_usage(home.services.settings.home)
    return {
        "running": home.ready,
        "counts": dict(home.services.database.fetch(COUNTS)[0]),
        "queues": {name: depth.__dict__ for name, depth in depths(home).items()},
        "failures": count_failures(home.services.database),
        "disk": {"free_bytes": disk.free, "total_bytes": disk.total},
    }


def print_status(console: Console, document: dict[str, Any]) -> None:
    ready, counts, disk = document["running"], document["counts"], document["disk"]
    dicom = ready["dicom"]
    console.print(
        f"HTTP {ready['http']}   DICOM {dicom['ae_title']}@{dicom['host']}:{dicom['port']}   pid {ready['pid']}"
    )
    counted = "   ".join(f"{counts[name]} {name}" for name in ("patients", "studies", "series", "instances"))
    console.print(f"{counted}   {size(counts['bytes'])}")
    heads = ("queue", "waiting", "in flight", "dead", "oldest")
    rows = [
        (name, each["waiting"], each["in_flight"], each["dead"], f"{each['oldest_age_s']:.0f} s")
        for name, each in document["queues"].items()
    ]
    console.print(table(heads, rows))
    failures = ", ".join(f"{count} {stage}" for stage, count in document["failures"].items())
    console.print(f"failures: {failures or 'none'}")
    used = 1 - disk["free_bytes"] / disk["total_bytes"]
    console.print(f"disk: {size(disk['free_bytes'])} free of {size(disk['total_bytes'])} ({used:.0%} used)")


def watch_queues(console: Console, home: Home, queued: int) -> None:
    """Show how the queues empty; ends when nothing waits and nothing is in flight."""
    from threading import Event

    pause = Event()
    with Progress(TextColumn("rebuild"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task("rebuild", total=queued)
        while left := sum(depth.waiting + depth.in_flight for depth in depths(home).values()):
            progress.update(task, total=max(queued, left), completed=max(queued, left) - left)
            pause.wait(0.25)
        progress.update(task, completed=progress.tasks[task].total)


def dead_letters(home: Home) -> list[DeadLetter]:
    return [each for queue in QUEUES for each in home.services.queue.dead_letters(queue)]


def retry(home: Home, failures: Sequence[Any]) -> int:
    """Index every failed object again (which derives it again too) and redrive every dead letter."""
    redriven = sum(home.services.queue.redrive(queue) for queue in QUEUES)
    return redriven + request_indexing(home.services, sorted({each["object_key"] for each in failures}))


def print_failures(console: Console, document: dict[str, Any]) -> None:
    if not document["failures"] and not document["dead_letters"]:
        console.print("nothing failed")
    if document["failures"]:
        heads = ("stage", "code", "reason", "attempts", "last", "object")
        rows = [
            (
                each["stage"],
                each["code"],
                each["reason"],
                each["attempts"],
                f"{each['last_at']:%F %T}",
                each["object_key"],
            )
            for each in document["failures"]
        ]
        console.print(table(heads, rows))
    if document["dead_letters"]:
        letters = [(each["queue"], each["receive_count"], each["body"][:200]) for each in document["dead_letters"]]
        console.print(table(("queue", "received", "message"), letters))
    if "retried" in document:
        console.print(f"{document['retried']} put back to work")
