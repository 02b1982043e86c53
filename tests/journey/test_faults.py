"""Whatever dies at whatever moment: what was acknowledged is there, found by QIDO, and the same byte by byte."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx2
import pytest

from tests.journey.archive import PATIENCE_S, Archive, until, wait_until_there
from tests.journey.faults import Refusal, gone, halted, kill, kill_in_mid_batch, no_room, read_only
from tests.journey.instances import Instance, ct_instances
from tests.journey.modality import SUCCESS, associate, deliver, store

OUT_OF_RESOURCES = 0xA700
STUDIES = count(100)


@pytest.fixture(scope="module")
def sturdy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One archive that goes through all of it: each fault must leave it fit for the next."""
    archive = Archive(tmp_path_factory.mktemp("sturdy") / "home")
    yield archive
    archive.stop()
    assert archive.processes() == []


@pytest.fixture
def archive(sturdy: Archive) -> Archive:
    if not sturdy.runs:
        sturdy.start()
    return sturdy


def new_instances(number: int) -> list[Instance]:
    return ct_instances(next(STUDIES), number)


def test_doors_killed_in_mid_association(archive: Archive) -> None:
    studies = [new_instances(75) for _ in range(4)]
    acknowledged: list[Instance] = []
    with ThreadPoolExecutor(len(studies)) as modalities:
        sending = [modalities.submit(deliver, archive, study, acknowledged) for study in studies]
        doors = archive.children_like("scp-")
        until(lambda: len(acknowledged) >= 20, "nothing is acknowledged")
        kill(archive, doors[0])
        until(lambda: len(acknowledged) >= 60, "nothing more is acknowledged")
        kill(archive, doors[-1])
        attempts = sum(each.result() for each in sending)
    assert attempts > len(studies)
    wait_until_there(archive, acknowledged)
    assert len(acknowledged) == 300


@pytest.mark.parametrize(("worker", "queue"), [("indexer", "index"), ("deriver", "derive")])
def test_a_worker_killed_in_mid_batch(archive: Archive, worker: str, queue: str) -> None:
    instances = new_instances(60)
    acknowledged: list[Instance] = []

    def send() -> int:
        deliver(archive, instances, acknowledged)
        return len(acknowledged)

    kill_in_mid_batch(archive, worker, queue, send)
    wait_until_there(archive, instances, within_s=15)
    until(lambda: derived(archive, instances[0].study) == {each.sop_instance_uid for each in instances}, "not derived")


def derived(archive: Archive, study: str) -> set[str]:
    """The instances of a study that have a frame ready to send."""
    frames = (archive.home / "store" / "derived" / "objects" / "frames").glob(f"*/{study}/*/*/1")
    return {frame.parent.name for frame in frames}


def test_postgres_killed_while_modalities_send(archive: Archive) -> None:
    instances = new_instances(60)
    acknowledged: list[Instance] = []
    statuses = set()
    with ThreadPoolExecutor(1) as modality, archive.browser() as browser:
        sending = modality.submit(deliver, archive, instances, acknowledged)
        until(lambda: len(acknowledged) > 10, "nothing is acknowledged")
        old = archive.children()["postgres"]
        os.kill(old, signal.SIGKILL)
        while archive.children()["postgres"] == old:
            statuses.add(browser.get("/dicomweb/studies?limit=1").status_code)
        assert sending.result() == 1  # the door asks no database
    assert statuses <= {200, 503}
    wait_until_there(archive, instances, within_s=30)


def test_web_workers_killed_while_viewers_read(archive: Archive) -> None:
    instances = new_instances(3)
    deliver(archive, instances, [])
    wait_until_there(archive, instances)
    for web in archive.children_like("web-"):
        over = threading.Event()
        with ThreadPoolExecutor(1) as viewer:
            reading = viewer.submit(read_until, archive, instances[0], over)
            kill(archive, web)
            over.set()
            assert reading.result() <= {200}
    wait_until_there(archive, instances, within_s=5)


def read_until(archive: Archive, instance: Instance, over: threading.Event) -> set[int]:
    """The statuses that a viewer sees which asks again when its connection breaks."""
    statuses = set()
    while not over.is_set():
        try:
            with archive.browser() as browser:
                statuses.add(browser.get(f"{instance.path}/frames/1").status_code)
        except httpx2.TransportError:
            continue
    return statuses


def test_the_supervisor_killed_with_events_undelivered(archive: Archive) -> None:
    instances = new_instances(20)
    with halted(archive, "relay"):
        deliver(archive, instances, [])
        archive.kill()
        until(lambda: archive.processes() == [], "processes are left behind", within_s=10)
    archive.start()
    wait_until_there(archive, instances, within_s=15)


@pytest.mark.parametrize("refusal", [no_room, gone, read_only])
def test_a_store_that_refuses(archive: Archive, refusal: Refusal) -> None:
    instances = new_instances(6)
    acknowledged: list[Instance] = []
    assert store(archive, instances[:2], acknowledged) == SUCCESS
    with refusal(archive):
        for each in instances[2:4]:
            assert store(archive, [each], acknowledged) == OUT_OF_RESOURCES
    assert store(archive, instances[2:], acknowledged) == SUCCESS
    assert acknowledged == instances
    wait_until_there(archive, instances, within_s=15)


def test_an_end_lets_an_open_association_finish(archive: Archive) -> None:
    instances = new_instances(4)
    with associate(archive, instances) as sender, ThreadPoolExecutor(1) as end:
        first, *others = instances
        assert sender.store(first.encoded, first.sop_class_uid, first.sop_instance_uid)[0] == SUCCESS
        ending = end.submit(archive.stop)
        until(lambda: not (archive.home / "ready.json").exists(), "the end does not begin")
        for each in others:
            assert sender.store(each.encoded, each.sop_class_uid, each.sop_instance_uid)[0] == SUCCESS
        sender.release()
        assert ending.result(PATIENCE_S) == 0
    assert archive.processes() == []
    archive.start()
    wait_until_there(archive, instances, within_s=15)
