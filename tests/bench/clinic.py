"""Who works in a clinic at once: modalities that send, readers who look, a desk that imports and deletes.

Each is one thread that does its work again and again, at its own pace. What is not as it must be is raised.
"""

import hashlib
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    MRImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from tests.bench.data import slice_of
from tests.bench.receiving import BOUNDARY, STOW_TYPE
from tests.gateway.sender import Sender
from tests.journey.archive import AS_STORED, Archive, until
from tests.journey.instances import Instance, instance_of, part10_of

VISIBLE_WITHIN_S = 60.0
FRAME_ACCEPT = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a modality makes: pictures of one size, `images` of them a study at full length."""

    modality: str
    sop_class: UID
    side: int
    images: int
    frames: int = 1


# Half of a clinic's studies are cross-sections of 200 images or more; the others are few images, or films.
KINDS = (
    Kind("CT", CTImageStorage, 512, 400),
    Kind("MR", MRImageStorage, 256, 390),
    Kind("US", UltrasoundMultiFrameImageStorage, 256, 8, frames=30),
    Kind("CR", ComputedRadiographyImageStorage, 2048, 2),
)


@dataclass
class Study:
    """What was acknowledged of a study: the digest of each instance's file, by its UID."""

    uid: str
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/dicomweb/studies/{self.uid}"


class Ledger:
    """What everybody did. `visible` are the studies that readers may choose from."""

    def __init__(self) -> None:
        self.acknowledged: list[Study] = []
        self.visible: list[Study] = []
        self.deleted: list[Study] = []
        self.done: dict[str, int] = defaultdict(int)
        self.visible_s: list[float] = []
        self.errors: list[str] = []
        self.lock = threading.Lock()

    def count(self, what: str, times: int = 1) -> None:
        with self.lock:
            self.done[what] += times


def make_study(kind: Kind, images: int) -> Iterator[FileDataset]:
    """One series of a new study; every picture differs."""
    study, series = generate_uid(), generate_uid()
    noise = random.Random(study)
    pixels = bytearray(noise.randbytes(kind.side * kind.side * 2))
    for number in range(1, images + 1):
        dataset = slice_of(str(study), str(series), number, seed=noise.randrange(10**6))
        dataset.Rows = dataset.Columns = kind.side
        dataset.Modality, dataset.SOPClassUID = kind.modality, kind.sop_class
        dataset.PatientID, dataset.PatientName = study[-12:], f"LOAD^{study[-6:]}"
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPClassUID = kind.sop_class
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if kind.frames > 1:
            dataset.NumberOfFrames = kind.frames
        pixels[:4] = number.to_bytes(4, "little")
        dataset.PixelData = bytes(pixels) * kind.frames
        yield dataset


def sha256(part10: bytes) -> str:
    return hashlib.sha256(part10).hexdigest()


class Modality:
    """Sends a study over one association, and sees it in the list."""

    def __init__(self, archive: Archive, ledger: Ledger, kind: Kind, images: int) -> None:
        self.archive, self.ledger, self.kind, self.images = archive, ledger, kind, images
        self.browser = archive.browser()

    def __call__(self) -> None:
        instances = (instance_of(each) for each in make_study(self.kind, self.images))
        first = next(instances)
        study = Study(first.study)
        self.ledger.acknowledged.append(study)
        contexts = [(first.sop_class_uid, [first.transfer_syntax_uid])]
        with Sender(self.archive.dicom_port, calling=self.kind.modality, contexts=contexts) as sender:
            for each in (first, *instances):
                self.send(sender, each, study)
            sender.release()
        self.ledger.visible_s.append(wait_until_visible(self.browser, study))
        self.ledger.visible.append(study)
        self.ledger.count("studies sent")

    def send(self, sender: Sender, instance: Instance, study: Study) -> None:
        status, comment = sender.store(instance.encoded, instance.sop_class_uid, instance.sop_instance_uid)
        if status != 0:
            raise AssertionError(f"C-STORE was answered {status:04X} {comment}")
        study.digests[instance.sop_instance_uid] = sha256(instance.part10)
        self.ledger.count("images sent")


class Reader:
    """Looks at the list, opens a study, its metadata and every frame of it."""

    def __init__(self, archive: Archive, ledger: Ledger, seed: int) -> None:
        self.ledger, self.chooser = ledger, random.Random(seed)
        self.browser = archive.browser()

    def __call__(self) -> None:
        listed = fetched(self.browser, "/dicomweb/studies?limit=25&includefield=00081030").json()
        if not self.ledger.visible:
            return
        study = self.chooser.choice(self.ledger.visible)
        if not listed:
            raise AssertionError("the list of studies is empty")
        (series,) = fetched(self.browser, f"{study.path}/series").json()
        path = f"{study.path}/series/{series['0020000E']['Value'][0]}"
        documents = fetched(self.browser, f"{path}/metadata").json()
        found = {each["00080018"]["Value"][0] for each in documents}
        if found != set(study.digests):
            raise AssertionError(f"metadata has {len(found)} of {len(study.digests)} instances")
        for document in documents:
            self.look(path, document)
        self.ledger.count("studies read")

    def look(self, path: str, document: Json) -> None:
        """Every frame of an instance, as a viewer asks for them."""
        size = document["00280010"]["Value"][0] * document["00280011"]["Value"][0] * 2
        for number in range(1, int(document.get("00280008", {}).get("Value", [1])[0]) + 1):
            frame = f"{path}/instances/{document['00080018']['Value'][0]}/frames/{number}"
            if len(fetched(self.browser, frame, FRAME_ACCEPT).content) < size:
                raise AssertionError("a frame is too short")
            self.ledger.count("frames read")


class Desk:
    """Imports a study by STOW; deletes every second one again and sees that it is gone."""

    def __init__(self, archive: Archive, ledger: Ledger, images: int) -> None:
        self.ledger, self.images, self.numbers = ledger, images, count()
        self.browser = archive.browser()

    def __call__(self) -> None:
        files = {str(each.SOPInstanceUID): (each, part10_of(each)) for each in make_study(KINDS[0], self.images)}
        study = Study(str(next(iter(files.values()))[0].StudyInstanceUID))
        head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        for uid, (_, part10) in files.items():
            body = head + part10 + f"\r\n--{BOUNDARY}--\r\n".encode()
            answer = self.browser.post("/dicomweb/studies", content=body, headers={"Content-Type": STOW_TYPE})
            if answer.status_code != 200:
                raise AssertionError(f"STOW was answered {answer.status_code} {answer.text[:200]}")
            study.digests[uid] = sha256(part10)
        wait_until_visible(self.browser, study)
        self.ledger.count("studies imported")
        if next(self.numbers) % 2:
            self.delete(study)
        else:
            self.ledger.acknowledged.append(study)
            self.ledger.visible.append(study)

    def delete(self, study: Study) -> None:
        answer = self.browser.delete(study.path)
        if answer.status_code not in (200, 204):
            raise AssertionError(f"DELETE was answered {answer.status_code} {answer.text[:200]}")
        if number_of_instances(self.browser, study) or self.browser.get(f"{study.path}/metadata").status_code != 404:
            raise AssertionError("a deleted study is still there")
        self.ledger.deleted.append(study)
        self.ledger.count("studies deleted")


def fetched(browser: httpx2.Client, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    answer = browser.get(path, headers=headers)
    if answer.status_code != 200:
        raise AssertionError(f"GET was answered {answer.status_code} {answer.text[:200]}")
    return answer


def number_of_instances(browser: httpx2.Client, study: Study) -> int:
    """As a search shows it; 0 when the study is not found."""
    query = f"/dicomweb/studies?StudyInstanceUID={study.uid}&includefield=00201208"
    found = fetched(browser, query).json()
    return int(found[0]["00201208"]["Value"][0]) if found else 0


def wait_until_visible(browser: httpx2.Client, study: Study) -> float:
    """Seconds until a search shows all of a study."""
    began = time.monotonic()
    until(
        lambda: number_of_instances(browser, study) == len(study.digests),
        "a study is not found",
        within_s=VISIBLE_WITHIN_S,
    )
    return time.monotonic() - began


def check_kept(archive: Archive, ledger: Ledger) -> None:
    """Every acknowledged instance is found, and comes back byte by byte; what was deleted is gone."""
    with archive.browser() as browser:
        for study in ledger.acknowledged:
            instances = fetched(browser, f"{study.path}/instances?limit=1000").json()
            found = {each["00080018"]["Value"][0]: each["0020000E"]["Value"][0] for each in instances}
            assert set(found) == set(study.digests), f"{len(found)} of {len(study.digests)} instances are found"
            for uid, series in found.items():
                answer = fetched(browser, f"{study.path}/series/{series}/instances/{uid}", AS_STORED)
                assert sha256(answer.content) == study.digests[uid], "an instance comes back otherwise than sent"
        for study in ledger.deleted:
            assert number_of_instances(browser, study) == 0, "a deleted study is back"


def keep_on(
    work: "Modality | Reader | Desk", first_s: float, every_s: float, over: threading.Event, ledger: Ledger
) -> None:
    """Begin the work after some seconds, then every so many; late, it begins at once. What fails is noted."""
    name, begin_at = type(work).__name__, time.monotonic() + first_s
    over.wait(first_s)
    while not over.is_set():
        try:
            work()
        except Exception as error:  # whatever it is, the run has failed, and the others go on
            ledger.errors.append(f"{name}: {type(error).__name__}: {error}")
        begin_at += every_s
        over.wait(max(0.0, begin_at - time.monotonic()))
    work.browser.close()
