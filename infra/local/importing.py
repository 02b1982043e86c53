"""`pacs import`: finds instances in files, folders, zips and DICOMDIRs and stores them as the DICOM door would.

Works while `pacs up` runs and while it does not: the originals and their events are files.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from pacs.archive.storing import StoredInstance, store_instance
from pacs.errors import BadRequest, PacsError
from pacs.people.scope import Scope
from pacs.ports import Services

STORERS = 4
IN_MEMORY_BYTES = 64 << 20
DICOMDIR = "DICOMDIR"


@dataclass(frozen=True)
class Candidate:
    """A file that may be an instance: on disk, or a member of a zip."""

    file: Path
    member: str = ""

    @property
    def name(self) -> str:
        return f"{self.file}!{self.member}" if self.member else str(self.file)

    @property
    def size_bytes(self) -> int:
        if self.member:
            with zipfile.ZipFile(self.file) as archive:
                return archive.getinfo(self.member).file_size
        return self.file.stat().st_size


@dataclass(frozen=True)
class Imported:
    """How one candidate ended; `reason` is empty when it was stored."""

    name: str
    size_bytes: int
    outcome: str = ""
    study: str = ""
    code: str = ""
    reason: str = ""


def candidates(path: Path) -> Iterator[Candidate]:
    """Every file below a path, in a stable order. Raises BadRequest when there is nothing at the path."""
    if path.is_dir():
        for each in sorted(path.rglob("*")):
            if each.is_file() and each.name.upper() != DICOMDIR:
                yield from zip_members(each) if zipfile.is_zipfile(each) else [Candidate(each)]
    elif not path.exists():
        raise BadRequest(f"{path}: no such file or folder", field="PATH")
    elif path.name.upper() == DICOMDIR:
        yield from referenced_files(path)
    elif zipfile.is_zipfile(path):
        yield from zip_members(path)
    else:
        yield Candidate(path)


def zip_members(path: Path) -> Iterator[Candidate]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir() and Path(info.filename).name.upper() != DICOMDIR:
                yield Candidate(path, info.filename)


def referenced_files(dicomdir: Path) -> Iterator[Candidate]:
    """The files that a DICOMDIR names, relative to its folder. Source: PS3.3 §F.3.2.2, PS3.10 §8.2."""
    try:
        records = dcmread(dicomdir).get("DirectoryRecordSequence", [])
    except InvalidDicomError as error:
        raise BadRequest(f"{dicomdir}: not a DICOMDIR", field="PATH") from error
    for record in records:
        if reference := record.get("ReferencedFileID"):
            parts = [reference] if isinstance(reference, str) else list(reference)
            yield Candidate(dicomdir.parent.joinpath(*parts))


def import_candidate(services: Services, scope: Scope, branch_id: str, candidate: Candidate) -> Imported:
    """Store one candidate; the user's own file is only read. Every refusal is told, none is raised."""
    size = 0
    try:
        size = candidate.size_bytes
        stored = store_instance(services, scope, body_of(services, candidate, size), branch_id=branch_id)
    except PacsError as error:
        return Imported(candidate.name, size, code=type(error).__name__, reason=error.message)
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Imported(candidate.name, size, code="UNREADABLE", reason=reason)
    return told(candidate, size, stored)


def told(candidate: Candidate, size: int, stored: StoredInstance) -> Imported:
    if stored.error is not None:
        return Imported(candidate.name, size, code=type(stored.error).__name__, reason=stored.error.message)
    return Imported(candidate.name, size, outcome=str(stored.outcome), study=stored.study)


def body_of(services: Services, candidate: Candidate, size: int) -> bytes | Path:
    """The bytes of a candidate; of a large one a copy on the store's disk, which storing consumes."""
    if size <= IN_MEMORY_BYTES:
        if candidate.member:
            with zipfile.ZipFile(candidate.file) as archive:
                return archive.read(candidate.member)
        return candidate.file.read_bytes()
    folder = services.settings.home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
        if candidate.member:
            with zipfile.ZipFile(candidate.file) as archive, archive.open(candidate.member) as source:
                shutil.copyfileobj(source, copy, 1 << 20)
        else:
            with candidate.file.open("rb") as source:
                shutil.copyfileobj(source, copy, 1 << 20)
    return Path(copy.name)


def import_all(services: Services, scope: Scope, branch_id: str, found: Iterator[Candidate]) -> Iterator[Imported]:
    """Import candidates several at a time, yielding each as it ends; few are in memory at once."""
    with ThreadPoolExecutor(STORERS) as storers:
        running: set[Future[Imported]] = set()
        for candidate in found:
            running.add(storers.submit(import_candidate, services, scope, branch_id, candidate))
            if len(running) >= 2 * STORERS:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in wait(running).done)
