"""`pacs import`: stores what may be instances as the DICOM door would, several at a time.

Works while `pacs up` runs and while it does not: the originals and their events are files.
"""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, get_args

from gateway_scp.arrival import Spool
from gateway_scp.part10 import file_meta
from infra.local.candidates import ZIP_MAGIC, Candidate, Unreadable, find_candidates, readable
from pacs.archive.keys import NON_PATIENT_FOLDER
from pacs.archive.storing import store_instance
from pacs.dicom.header import read_header
from pacs.dicom.source import BytesSource
from pacs.errors import InvalidInstance, PacsError, PayloadTooLarge, StoreUnavailable, Unavailable, answer_for
from pacs.people.scope import Scope
from pacs.ports import Outcome, Services

# Storing waits for the disk more than it computes; on two cores eight threads write twice as fast as two.
STORERS = 8
IN_MEMORY_BYTES = 32 << 20
FREE_BYTES_MIN = 256 << 20
PREAMBLE, PREFIX = 128, b"DICM"
GROUP_2, GROUP_8 = b"\x02\x00", (b"\x08\x00", b"\x00\x08")


@dataclass(frozen=True)
class Imported:
    """How one candidate ended; `reason` is empty when it was stored."""

    name: str
    size_bytes: int
    outcome: str = ""
    study: str = ""
    code: str = ""
    reason: str = ""


@dataclass
class Tally:
    """What an import has done so far. `created`: by study, how many of its instances are new; those that belong to no
    patient are counted under the name of their folder.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    refused: list[Imported] = field(default_factory=list)

    def add(self, each: Imported) -> None:
        if each.reason:
            self.refused.append(each)
        else:
            self.size_bytes += each.size_bytes * (each.outcome != "unchanged")
            self.outcomes[each.outcome] += 1
            self.created[each.study or NON_PATIENT_FOLDER] += each.outcome == "created"

    def document(self) -> dict[str, Any]:
        """What `pacs import --json` tells of it."""
        return {
            **{outcome: self.outcomes[outcome] for outcome in get_args(Outcome)},
            "size_bytes": self.size_bytes,
            "studies": sorted(self.created.keys() - {NON_PATIENT_FOLDER}),
            "refused": [{"file": each.name, "code": each.code, "reason": each.reason} for each in self.refused],
        }


class Count(threading.Thread):
    """Walks the same paths beside the import, so that the bar knows its end soon. `done` when it does."""

    def __init__(self, paths: Sequence[Path], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.files = self.size_bytes = 0
        self.done = False
        self._paths = paths
        self._stop_asked = stop

    def run(self) -> None:
        for candidate in find_candidates(self._paths):
            self.files += 1
            self.size_bytes += candidate.size_bytes
            if self._stop_asked.is_set():
                return
        self.done = True


def import_all(
    services: Services, scope: Scope, branch_id: str, found: Iterator[Candidate], stop: threading.Event
) -> Iterator[Imported]:
    """Import candidates several at a time, yielding each as it ends, until `stop` is set: what is begun is finished.

    Raises Unavailable when the store does not take any more.
    """
    spool = open_spool(services)
    with ThreadPoolExecutor(STORERS) as storers:
        running: set[Future[Imported]] = set()
        try:
            for candidate in found:
                running.add(storers.submit(import_candidate, services, scope, branch_id, spool, candidate))
                if len(running) >= 2 * STORERS:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
                if stop.is_set():
                    break
            yield from (each.result() for each in wait(running).done)
        finally:
            storers.shutdown(cancel_futures=True)


def open_spool(services: Services) -> Spool:
    """The folder that the DICOM door uses for large arrivals, too. Raises StoreUnavailable."""
    folder = services.settings.home / "spool"
    try:
        return Spool(folder)
    except OSError as error:
        raise StoreUnavailable(f"{folder} cannot be used: {error.strerror}") from error


def import_candidate(services: Services, scope: Scope, branch_id: str, spool: Spool, candidate: Candidate) -> Imported:
    """Store one candidate; the user's own file is only read. Refusals are told. Raises Unavailable."""
    try:
        with body_of(spool, candidate) as body:
            stored = store_instance(services, scope, body, branch_id=branch_id)
        if stored.error is not None:
            raise stored.error
    except Unavailable:
        raise
    except PacsError as error:
        code = "UNREADABLE" if isinstance(error, Unreadable) else answer_for(error).code
        return Imported(candidate.name, candidate.size_bytes, code=code, reason=error.message)
    return Imported(candidate.name, candidate.size_bytes, outcome=str(stored.outcome), study=stored.study)


@contextmanager
def body_of(spool: Spool, candidate: Candidate) -> Iterator[bytes | Path]:
    """A candidate as a Part 10 file: its bytes, or of a large one a copy on the store's disk, for storing to consume.

    Raises Unreadable, and InvalidInstance: what is plainly no DICOM object is neither unpacked nor copied.
    """
    is_small = candidate.size_bytes <= IN_MEMORY_BYTES
    with ExitStack() as opened:
        with readable():
            source = opened.enter_context(candidate.open())
            head = source.read(IN_MEMORY_BYTES if is_small else PREAMBLE + len(PREFIX))
        if is_small:
            yield completed(head)
        elif head.endswith(PREFIX):
            yield opened.enter_context(copied(spool, candidate, head, source))
        else:
            raise InvalidInstance(not_dicom(head))


@contextmanager
def copied(spool: Spool, candidate: Candidate, head: bytes, source: IO[bytes]) -> Iterator[Path]:
    """A file in the spool that is gone afterwards. Raises Unreadable, PayloadTooLarge when there is no room for it."""
    if shutil.disk_usage(spool.folder).free < candidate.size_bytes + FREE_BYTES_MIN:
        raise PayloadTooLarge("there is no room for it on the disk of PACS_HOME")
    with readable():
        descriptor, path = spool.create()
    try:
        with os.fdopen(descriptor, "wb") as copy:
            with readable():
                copy.write(head)
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
            yield path
    finally:
        path.unlink(missing_ok=True)


def completed(body: bytes) -> bytes:
    """A Part 10 file of these bytes. What lacks preamble and file meta, as old software writes it, is given them.

    Raises InvalidInstance when it is no DICOM object, or one whose transfer syntax nobody can tell.
    Source: PS3.10 §7.1.
    """
    if body[PREAMBLE : PREAMBLE + len(PREFIX)] == PREFIX:
        return body
    if body[:2] == GROUP_2:
        return b"\0" * PREAMBLE + PREFIX + body
    if body[:2] not in GROUP_8:
        raise InvalidInstance(not_dicom(body))
    header = read_header(BytesSource(body))
    if header.pixel_data is not None and header.pixel_data.length is None:
        raise InvalidInstance("compressed pixels without file meta: nobody can tell the transfer syntax")
    return file_meta(header.sop_class_uid, header.sop_instance_uid, header.transfer_syntax_uid) + body


def not_dicom(head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head[:4] in ZIP_MAGIC:
        return "a zip without .zip in its name, or within a zip: unpack it, or import it by itself"
    return "this is no DICOM object"
