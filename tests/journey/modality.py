"""Who sends: dcmtk's storescu, and a modality that sends again what was not acknowledged."""

import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydicom import Dataset

from tests.gateway.sender import Sender
from tests.journey.archive import LOOK_S, PATIENCE_S, Archive
from tests.journey.instances import Instance, part10_of

SUCCESS = 0x0000


def write(folder: Path, datasets: Iterable[Dataset]) -> Path:
    """The datasets as files in a folder, as a modality would keep them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(datasets):
        (folder / f"{number:04}.dcm").write_bytes(part10_of(dataset))
    return folder


def storescu(archive: Archive, folder: Path, *options: str) -> None:
    """Send a folder with dcmtk's storescu. pynetdicom brings a program of the same name."""
    found = shutil.which("dcmdump")
    assert found, "dcmtk is missing: run `make test`"
    node = ["-aec", "RAIPACS", "127.0.0.1", str(archive.dicom_port)]
    command = [str(Path(found).with_name("storescu")), *options, "+sd", *node, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def associate(archive: Archive, instances: Iterable[Instance]) -> Sender:
    """An association for these instances."""
    contexts = {(each.sop_class_uid, each.transfer_syntax_uid): None for each in instances}
    return Sender(archive.dicom_port, contexts=[(sop_class, [syntax]) for sop_class, syntax in contexts])


def store(archive: Archive, instances: Sequence[Instance], acknowledged: list[Instance]) -> int:
    """Send over one association until something is refused or it breaks; the last status."""
    status = SUCCESS
    with associate(archive, instances) as sender:
        for each in instances:
            status, _comment = sender.store(each.encoded, each.sop_class_uid, each.sop_instance_uid)
            if status != SUCCESS:
                break
            acknowledged.append(each)
        sender.release()
    return status


def deliver(
    archive: Archive,
    instances: Sequence[Instance],
    acknowledged: list[Instance],
    *,
    within_s: float = PATIENCE_S,
) -> int:
    """Send until everything is acknowledged, again what was not; how many associations it took."""
    deadline = time.monotonic() + within_s
    attempts = 0
    while left := [each for each in instances if each not in acknowledged]:
        assert time.monotonic() < deadline, f"{len(left)} instances are not acknowledged"
        attempts += 1
        try:
            store(archive, left, acknowledged)
        except (OSError, AssertionError, IndexError):  # the connection broke: before, between or in PDUs
            time.sleep(LOOK_S)  # what a modality does before it tries again
    return attempts
