"""How fast instances are taken, and how soon they are found. Each function measures one row on one peer."""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

from tests.bench.ground import Ground, wait_until
from tests.bench.peers import Unmeasured, need
from tests.bench.sender import seconds

STOCK, ONE, FOUR, STOW = 100, 300, 150, 300
PER_REQUEST = 10
SENDS = 40
BOUNDARY = "0d5b7a2c9e"
STOW_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


def stock_rate(ground: Ground) -> float:
    """Instances a second of one storescu as it comes, timed as a whole command."""
    peer, folder = ground.peer, ground.data.folder("stock", STOCK, seed=2)
    node = ["-aec", peer.ae_title, "+sd", "127.0.0.1", str(peer.dicom_port)]
    began = time.perf_counter()
    subprocess.run([need("storescu", "dcmtk"), *node, str(folder)], check=True, capture_output=True)
    return STOCK / (time.perf_counter() - began)


def one_rate(ground: Ground) -> float:
    """Instances a second of one association of a sender that waits for no timer."""
    folder = ground.data.folder("one", ONE, seed=3)
    return ONE / seconds(ground.peer.dicom_port, ground.peer.ae_title, [folder])


def four_rate(ground: Ground) -> float:
    """Instances a second of four such associations at once."""
    folders = [ground.data.folder(f"four-{number}", FOUR, seed=4 + number) for number in range(4)]
    return 4 * FOUR / seconds(ground.peer.dicom_port, ground.peer.ae_title, folders)


def stow_rate(ground: Ground) -> float:
    """Instances a second of one client that posts ten a request over one connection."""
    files = sorted(ground.data.folder("stow", STOW, seed=8).iterdir())
    bodies = list(stow_bodies(files))
    began = time.perf_counter()
    for body in bodies:
        ground.browser.post("/studies", STOW_TYPE, body)
    return STOW / (time.perf_counter() - began)


def stow_bodies(files: list[Path]) -> Iterator[bytes]:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    for start in range(0, len(files), PER_REQUEST):
        parts = [head + file.read_bytes() + b"\r\n" for file in files[start : start + PER_REQUEST]]
        yield b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def visible_ms(ground: Ground) -> float:
    """p95 of the milliseconds from a C-STORE response to the instance being found, each in a study of its own."""
    template = next(iter(sorted(ground.data.folder("one", ONE, seed=3).iterdir())))
    dataset = dcmread(template)
    entity = AE("BENCH")
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", ground.peer.dicom_port, ae_title=ground.peer.ae_title)
    taken = []
    for _ in range(SENDS):
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if association.send_c_store(dataset).Status != 0:
            raise Unmeasured("an instance was refused")
        taken.append(wait_until(partial(is_found, ground, str(dataset.StudyInstanceUID))) * 1000)
    association.release()
    return p95(taken)


def is_found(ground: Ground, study: str) -> bool:
    return ground.count(study) == 1


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def memory_mib(ground: Ground) -> float:
    """Proportional set size of everything, after all of the above and at rest."""
    return ground.peer.resident_mib()
