"""How fast searches are answered over HTTP, and whether it matters how much there is.

Orthanc is sent 10,000 small studies; the rows of the same datasets are put straight into our index. For the growth
from 1,000 to 100,000 our index is filled by plain SQL (`queries.py`). What an index knows is all that a search asks.
"""

import hashlib
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlencode

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from sqlalchemy import text

from infra.local.postgres import EmbeddedPostgres
from pacs.archive.indexing import upsert
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dicom.header import read_header
from pacs.dicom.index_row import index_row
from pacs.dicom.source import BytesSource
from pacs.people.accounts import default_organization
from pacs.ports import Services
from tests.bench.ground import Ground, wait_until
from tests.bench.peers import OURS, Unmeasured
from tests.bench.queries import FAMILIES, GIVEN, STUDIES_A_DAY, day, fill, month, word
from tests.bench.receiving import p95
from tests.bench.sender import seconds

STUDIES, SMALL, LARGE = 10_000, 1_000, 100_000
FOLDERS, BATCH = 4, 500
ROUNDS, PAGE, ENOUGH_S = 40, 25, 10.0
LISTED = 10
MODALITIES = ("CT", "MR", "US", "CR")
MONTH = 31 * STUDIES_A_DAY

Ask = Callable[[int, int], dict[str, str | int]]

# What is asked, by the number of a study that is there, of how many; and how many answers there are of 10,000.
KINDS: dict[str, tuple[Ask, int]] = {
    "exact patient ID": (lambda n, _: {"PatientID": f"P{n // 5}"}, 5),
    "name wildcard": (lambda n, _: {"PatientName": f"{word(FAMILIES, n)}*", "limit": PAGE}, PAGE),
    "date range": (lambda n, _: {"StudyDate": month(n), "limit": PAGE}, PAGE),
    "modality": (lambda n, _: {"ModalitiesInStudy": MODALITIES[n % 4], "limit": PAGE}, PAGE),
    "newest 25": (lambda n, _: {"limit": PAGE, "offset": PAGE * (n % 10)}, PAGE),
    "accession number": (lambda n, _: {"AccessionNumber": f"A{n}"}, 1),
    "ten study UIDs": (
        lambda n, studies: {"StudyInstanceUID": ",".join(f"1.2.{(n + k * 7) % studies}" for k in range(LISTED))},
        LISTED,
    ),
}


def path_of(kind: str, n: int, studies: int) -> str:
    return "/studies?" + urlencode(KINDS[kind][0](n, studies), safe="*,")  # Orthanc takes %2A for no wildcard


def kind_ms(kind: str, ground: Ground) -> float:
    """Median milliseconds of one kind of search in 10,000 studies."""
    stock(ground)
    chooser, taken = random.Random(1), []
    for _ in range(ROUNDS):
        path = path_of(kind, chooser.randrange(STUDIES - MONTH), STUDIES)
        began = time.perf_counter()
        ground.browser.get(path)
        taken.append(time.perf_counter() - began)
        if sum(taken) > ENOUGH_S:
            break
    found = len(ground.browser.documents(path))
    if found != KINDS[kind][1]:
        raise Unmeasured(f"{kind} found {found} of {KINDS[kind][1]}")
    return statistics.median(taken) * 1000


def growth(ground: Ground) -> float:
    """How many times slower the p95 of all kinds of search in turn is at 100,000 studies than at 1,000."""
    small, large = (p95(times_ms(ground, studies)) for studies in (SMALL, LARGE))
    return large / small


def times_ms(ground: Ground, studies: int) -> list[float]:
    with index_of(ground) as database:
        database.fetch(text("truncate patients, studies, series, instances"))
        fill(database, studies, organization_of(database))
        database.fetch(text("vacuum analyze"))
    ground.peer.rest()
    chooser, taken = random.Random(1), []
    for _ in range(ROUNDS):
        for kind in KINDS:
            path = path_of(kind, chooser.randrange(studies), studies)
            began = time.perf_counter()
            ground.browser.get(path)
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def stock(ground: Ground) -> None:
    """Give the peer its 10,000 studies, unless it has them."""
    if ground.stocked:
        return
    ground.stocked = True
    if ground.peer.name == OURS:
        index_small_studies(ground)
    else:
        send_small_studies(ground)
    ground.peer.rest()


def send_small_studies(ground: Ground) -> None:
    """Over four associations at once, each with patients of its own."""
    folders = [ground.work / f"small-{number}" for number in range(FOLDERS)]
    each = STUDIES // FOLDERS
    for number, folder in enumerate(folders):
        folder.mkdir()
        for n in range(number * each, (number + 1) * each):
            (folder / f"{n:05}.dcm").write_bytes(small_study(n))
    seconds(ground.peer.dicom_port, ground.peer.ae_title, folders)
    wait_until(lambda: ground.count(f"1.2.{STUDIES - 1}") == 1)


def index_small_studies(ground: Ground) -> None:
    """Through the statement of the indexer, as if it had read the originals."""
    with index_of(ground) as database:
        organization, services = organization_of(database), cast(Services, SimpleNamespace(database=database))
        for start in range(0, STUDIES, BATCH):
            rows = [small_row(n, organization) for n in range(start, min(start + BATCH, STUDIES))]
            if upsert(services, rows):
                raise Unmeasured("a small study is refused")
        database.fetch(text("vacuum analyze"))


@contextmanager
def index_of(ground: Ground) -> Iterator[PsycopgDatabase]:
    database = PsycopgDatabase(EmbeddedPostgres(ground.work / "home").dsn)
    try:
        yield database
    finally:
        database.close()


def organization_of(database: PsycopgDatabase) -> str:
    found = default_organization(database)
    assert found
    return found[0]


def small_study(n: int) -> bytes:
    """A study of one instance without pixels, of the same attributes as those of `queries.py`."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.{n}.1.1")
    tail = hashlib.md5(str(n // 5).encode()).hexdigest()[:7]
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    attributes: dict[str, str | int] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"1.2.{n}.1.1",
        "StudyDate": day(n),
        "StudyTime": f"{n % 24:02}3000",
        "AccessionNumber": f"A{n}",
        "Modality": MODALITIES[n % 4],
        "ReferringPhysicianName": f"DR^{word(FAMILIES, 5 * n)}",
        "StudyDescription": "BT TORAKS",
        "SeriesDescription": "AXIAL",
        "PatientName": f"{word(FAMILIES, n)}^{word(GIVEN, n // 16)}^{tail}",
        "PatientID": f"P{n // 5}",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyInstanceUID": f"1.2.{n}",
        "SeriesInstanceUID": f"1.2.{n}.1",
        "StudyID": f"S{n}",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
    }
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def small_row(n: int, organization: str) -> dict[str, object]:
    """What the indexer would write of it."""
    header = read_header(BytesSource(small_study(n)))
    return index_row(header) | {
        "organization_id": organization,
        "branch_id": None,
        "received_at": "2026-01-01T00:00:00+00:00",
        "object_key": f"{organization}/1.2.{n}/1.2.{n}.1/1.2.{n}.1.1.dcm",
        "size_bytes": 1000,
        "sha256": "",
        "transfer_syntax_uid": header.transfer_syntax_uid,
        "frames": "",
        "metadata_key": None,
    }
