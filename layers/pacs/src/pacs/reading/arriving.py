"""Files that people bring become studies: DICOM is stored as it is, pictures, films and documents are wrapped first.

Called by functions/studies and reading.uploads. What is stored is indexed at once, because a study has its code from
the index; that the store's event asks for the same again does no harm.
"""

import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.dicom.wrapping import Details, Kind, Place, kind_of, series_of, wrap
from pacs.errors import BadRequest, Forbidden, InvalidInstance, NotFound, PacsError, answer_for
from pacs.people.organizations import list_branches
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reading.typed import read_details
from pacs.reading.work import set_urgent

NAMESPACE = uuid.UUID("8a9c4f0e-6a55-4f0c-9d0e-3a4f7c1b2d60")
HEAD_BYTES = 132
PIECE_BYTES = 1 << 20
LONGEST_WRAPPED_BYTES = 512 << 20  # these are held in memory
LONGEST_ZIP_BYTES = 64 << 30
MOST_TOLD = 50  # problems of one upload
CODES = "select s.code, s.study_instance_uid from studies s where "
TRUE = ("1", "true", "yes", "on")
NO_INSTANCE = ("DICOMDIR", "__MACOSX", ".DS_STORE", "THUMBS.DB")


@dataclass(frozen=True)
class ReceivedFile:
    """A file that somebody sent; one on disk is consumed."""

    name: str
    body: bytes | Path


@dataclass(frozen=True)
class Arrival:
    """How files are taken: where they come from, where they go, and what was typed in with them.

    `batch`: files of one batch, wrapped, make one study. `sender` tells its files of one name from one another; the
    same file of the same sender gives the same instance.
    """

    batch: str
    sender: str = ""
    position: int = 0  # of the first file among those of the batch
    typed: Mapping[str, str] = field(default_factory=dict)
    branch_id: str = ""
    source_ip: str = ""


@dataclass
class Taken:
    """What became of files: the studies they are in (UIDs), and what was refused, and why."""

    studies: list[str] = field(default_factory=list)
    stored: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    refused: int = 0

    def refuse(self, name: str, error: PacsError) -> None:
        self.refused += 1
        if len(self.problems) < MOST_TOLD:
            self.problems.append({"name": name, "code": answer_for(error).code, "message": error.message})


def take_files(services: Services, scope: Scope, files: Sequence[ReceivedFile], arrival: Arrival) -> Taken:
    """Store these files and index them. Raises BadRequest, naming what is to be typed in for what is no DICOM.

    Files that cannot be taken are told; InvalidInstance is raised when none can.
    """
    if not files:
        raise BadRequest("there are no files", field="files")
    kinds = [kind_of(head_of(each.body)) for each in files]
    if any(kind not in ("dicom", "zip", None) for kind in kinds):
        read_details(arrival.typed)
    taken, keys = Taken(), []
    for number, file in enumerate(unpacked(files)):
        keys += take_file(services, scope, file, number, arrival, taken)
    index(services, keys, taken)
    if not taken.stored:
        raise InvalidInstance(taken.problems[0]["message"] if taken.problems else "no files", field="files")
    mark_urgent(services, scope, arrival.typed, taken)
    return taken


def mark_urgent(services: Services, scope: Scope, typed: Mapping[str, str], taken: Taken) -> None:
    """Who brings a study may say that it goes before others."""
    if typed.get("urgent", "").strip().lower() in TRUE and taken.studies:
        set_urgent(services, scope, [each["code"] for each in codes_of(services, scope, taken.studies)], True)


def take_file(
    services: Services, scope: Scope, file: ReceivedFile, number: int, arrival: Arrival, taken: Taken
) -> list[str]:
    """Store one file; returns its key in the originals. What is wrong with it goes into `taken`."""
    from pacs.archive.storing import original_key, store_instance  # these bring pydicom, which lists do without

    try:
        body = as_dicom(services, file, number, arrival)
        stored = store_instance(services, scope, body, branch_id=arrival.branch_id, source_ip=arrival.source_ip)
        if stored.error:
            raise stored.error
    except (InvalidInstance, Forbidden, BadRequest) as error:
        taken.refuse(file.name, error)
        return []
    taken.stored += 1
    if stored.study and stored.study not in taken.studies:
        taken.studies.append(stored.study)
    uids = (stored.sop_class_uid, stored.study, stored.series, stored.sop_instance_uid)
    return [original_key(scope.organization_id, *uids)]


def as_dicom(services: Services, file: ReceivedFile, number: int, arrival: Arrival) -> bytes | Path:
    """A file as Part 10. Raises InvalidInstance for what is none and cannot be wrapped, BadRequest."""
    kind = kind_of(head_of(file.body))
    if kind in ("dicom", None):
        return file.body  # some old files have no preamble; the archive knows
    if kind == "zip":
        raise InvalidInstance("a zip inside of a zip is not opened", field="files")
    body = file.body if isinstance(file.body, bytes) else file.body.read_bytes()
    if len(body) > LONGEST_WRAPPED_BYTES:
        raise InvalidInstance(f"the file has more than {LONGEST_WRAPPED_BYTES >> 20} MiB", field="files")
    details = read_details(arrival.typed)
    return wrap(kind, body, details, place(kind, details, arrival, number, file.name), services.clock.now())


def place(kind: Kind, details: Details, arrival: Arrival, number: int, name: str) -> Place:
    """UIDs out of the batch, so that who sends a file again does not add one."""
    _, series_number = series_of(kind, details)
    return Place(
        study_instance_uid=uid_of(arrival.batch),
        series_instance_uid=uid_of(arrival.batch, str(series_number)),
        sop_instance_uid=uid_of(arrival.batch, arrival.sender, name, str(number)),
        series_number=series_number,
        instance_number=arrival.position + number + 1,
        title=Path(name).stem,
    )


def uid_of(*parts: str) -> str:
    """Source: PS3.5 §B.2"""
    return f"2.25.{uuid.uuid5(NAMESPACE, chr(0).join(parts)).int}"


def head_of(body: bytes | Path) -> bytes:
    if isinstance(body, bytes):
        return body[:HEAD_BYTES]
    with body.open("rb") as file:
        return file.read(HEAD_BYTES)


def index(services: Services, keys: Sequence[str], taken: Taken) -> None:
    """Index what was stored; what cannot be is told as refused."""
    from pacs.archive.indexing import index_objects

    for error in index_objects(services, keys).values() if keys else ():
        taken.stored -= 1
        taken.refuse("", error)


def unpacked(files: Sequence[ReceivedFile]) -> Iterator[ReceivedFile]:
    """The files, and in the place of a zip what is in it."""
    for each in files:
        if kind_of(head_of(each.body)) == "zip":
            yield from members(each)
        else:
            yield each


def members(file: ReceivedFile, skip: int = 0) -> Iterator[ReceivedFile]:
    """The files of a zip behind the first `skip`, each on disk as long as it is asked for. Raises InvalidInstance."""
    try:
        with zipfile.ZipFile(file.body if isinstance(file.body, Path) else as_file(file.body)) as archive:
            held = [each for each in archive.infolist() if is_file(each)]
            if sum(each.file_size for each in held) > LONGEST_ZIP_BYTES or any(each.flag_bits & 1 for each in held):
                raise InvalidInstance("the zip is too large, or locked by a password", field="files")
            for each in held[skip:]:
                with NamedTemporaryFile(prefix="member-", delete=False) as target, archive.open(each) as source:
                    while piece := source.read(PIECE_BYTES):
                        target.write(piece)
                unpacked_to = Path(target.name)
                try:
                    yield ReceivedFile(each.filename, unpacked_to)
                finally:
                    unpacked_to.unlink(missing_ok=True)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise InvalidInstance("the zip cannot be read", field="files") from error


def as_file(body: bytes) -> Any:
    from io import BytesIO

    return BytesIO(body)


def is_file(member: zipfile.ZipInfo) -> bool:
    """Whether it may be an instance: no folder, and nothing that file managers leave behind."""
    parts = member.filename.upper().split("/")
    return not member.is_dir() and member.file_size > 0 and not any(each in NO_INSTANCE for each in parts)


def codes_of(services: Services, scope: Scope, studies: Sequence[str]) -> list[dict[str, Any]]:
    """The codes of studies that are in the index, in the order in which they are named."""
    parameters: dict[str, Any] = {"wanted": list(studies)}
    where = [*scope_conditions(scope, parameters), "s.study_instance_uid = any(:wanted)"]
    rows = services.database.fetch(text(CODES + " and ".join(where)), parameters)
    found = {row["study_instance_uid"]: row["code"] for row in rows}
    return [{"id": found[each], "code": found[each], "study_instance_uid": each} for each in studies if each in found]


def branch_for(services: Services, scope: Scope, code: str) -> str:
    """Where uploads go: into the branch that is named, else into the first that the scope sees; empty: into none.

    Raises Forbidden for a scope that sees no branch, NotFound for a branch that it does not see.
    """
    if scope.branches == ():
        raise Forbidden("no branch is granted to store into")
    if not code:
        return scope.branches[0] if scope.branches else ""
    for each in list_branches(services.database, scope):
        if each.code == code.strip().upper() and (scope.branches is None or each.id in scope.branches):
            return each.id
    raise NotFound("there is no such branch", field="branch")
