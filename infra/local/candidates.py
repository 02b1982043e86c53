"""Which files may be instances? Walks folders, zips and DICOMDIRs for `pacs import`, without reading what it finds.

All of it is lazy: the first candidate of a huge folder comes at once.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from pacs.archive.source import FileSource
from pacs.dicom.header import parse_header
from pacs.dicom.preamble import HEAD_BYTES
from pacs.errors import BadRequest, InvalidInstance

DICOMDIR = "DICOMDIR"
# What file managers leave behind, and DICOMDIRs, whose files are found anyway.
PASSED_OVER = {DICOMDIR, ".DS_STORE", "THUMBS.DB", "DESKTOP.INI"}
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
ENCRYPTED = 0x1  # of a member's general purpose bit flag


class Unreadable(BadRequest):
    """A file whose bytes cannot be had."""


@dataclass(frozen=True)
class Candidate:
    """A file that may be an instance: on disk, or the member of a zip. `problem`: why it cannot be opened at all."""

    file: Path
    size_bytes: int = 0
    member: int | None = None  # its place in the zip
    member_name: str = ""
    problem: str = ""

    @cached_property
    def name(self) -> str:
        """How it is told to people: with nothing in it that a terminal or JSON could not take."""
        member = f"/{self.member_name}" if self.member_name else ""
        name = f"{self.file}{member}"
        return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)

    def open(self) -> IO[bytes]:
        """Its bytes; read them within `readable`, which also tells what goes wrong here."""
        if self.problem:
            raise Unreadable(self.problem)
        if self.member is None:
            return self.file.open("rb")
        archive = opened_zip(self.file)
        return archive.open(archive.infolist()[self.member])


@contextmanager
def readable() -> Iterator[None]:
    """Around the reading of a candidate. Raises Unreadable for whatever files and zips can have."""
    try:
        yield
    except (OSError, *ZIP_ERRORS) as error:
        raise Unreadable(reason_of(error)) from error


def reason_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or "it ends too early"


@lru_cache(maxsize=4)
def opened_zip(path: Path) -> zipfile.ZipFile:
    """A zip whose list of contents is read once for all of its members; threads may share it."""
    return zipfile.ZipFile(path)


def check_paths(paths: Sequence[Path]) -> None:
    """Raises BadRequest for the first path where there is nothing, or nothing that may be seen."""
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            raise BadRequest(f"{path}: {error.strerror}", field="PATH") from error


def find_candidates(paths: Sequence[Path]) -> Iterator[Candidate]:
    """Every file at or below these paths, in a stable order."""
    for path in paths:
        if path.is_dir():
            yield from in_folder(path)
        elif path.name.upper() == DICOMDIR:
            yield from in_dicomdir(path)
        elif path.is_file() and starts_as_zip(path):
            yield from in_zip(path)
        else:
            yield on_disk(path)


def on_disk(path: Path) -> Candidate:
    try:
        found = path.stat()
    except OSError as error:
        return Candidate(path, problem=reason_of(error))
    if not stat.S_ISREG(found.st_mode):
        return Candidate(path, problem="neither a file nor a folder")
    return Candidate(path, found.st_size)


def starts_as_zip(path: Path) -> bool:
    """Whether a file is a zip; an instance whose preamble begins as one is an instance."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            return head[:4] in ZIP_MAGIC and not head.endswith(b"DICM")
    except OSError:
        return False


def in_folder(top: Path) -> Iterator[Candidate]:
    """The files of a folder, then those of its folders; links to folders are followed, each folder is seen once."""
    seen = set()
    pending = [top]
    while pending:
        folder = pending.pop()
        folders = []
        try:
            found = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Candidate(folder, problem=reason_of(error))
            continue
        if (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        for entry in entries:
            path = Path(entry.path)
            if is_passed_over(entry.name):
                continue
            if is_folder(entry):
                folders.append(path)
            elif path.suffix.lower() == ".zip":
                yield from in_zip(path)
            else:
                yield on_disk(path)
        pending += reversed(folders)


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a folder that may not be entered
        return False


def is_passed_over(name: str) -> bool:
    return name.upper() in PASSED_OVER or name.startswith("._") or name == "__MACOSX"


def in_zip(path: Path) -> Iterator[Candidate]:
    try:
        infos = opened_zip(path).infolist()
    except (OSError, *ZIP_ERRORS) as error:
        yield Candidate(path, problem=f"not a readable zip ({reason_of(error)})")
        return
    for number, info in enumerate(infos):
        if not info.is_dir() and not any(map(is_passed_over, PurePosixPath(info.filename).parts)):
            problem = "encrypted: unpack the zip with its password first" if info.flag_bits & ENCRYPTED else ""
            yield Candidate(path, info.file_size, number, info.filename, problem)


def in_dicomdir(dicomdir: Path) -> Iterator[Candidate]:
    """The files that a DICOMDIR names, relative to its folder. Source: PS3.3 §F.3.2.2, PS3.10 §8.2."""
    try:
        records = parse_header(FileSource(dicomdir)).dataset.get("DirectoryRecordSequence") or []
    except InvalidInstance as error:
        yield Candidate(dicomdir, problem=f"not a DICOMDIR: {error.message}")
        return
    except OSError as error:
        yield Candidate(dicomdir, problem=reason_of(error))
        return
    for record in records:
        if reference := record.get("ReferencedFileID"):
            parts = [reference] if isinstance(reference, str) else list(reference)
            path = named_file(dicomdir.parent, parts)
            named = on_disk(path) if path.exists() else Candidate(path, problem="named by the DICOMDIR, but not there")
            yield named


def named_file(folder: Path, parts: Sequence[str]) -> Path:
    """The file of a File ID; copies of discs have the names in small letters at times."""
    path = folder
    for part in parts:
        exact = path / part
        path = exact if exact.exists() else path / names_in(path).get(part.upper(), part)
    return path


@lru_cache(maxsize=64)
def names_in(folder: Path) -> dict[str, str]:
    """The names in a folder by what they are in capitals."""
    try:
        return {entry.name.upper(): entry.name for entry in os.scandir(folder)}
    except OSError:
        return {}
