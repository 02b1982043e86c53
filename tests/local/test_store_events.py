"""The directory store and its journal under many processes, sudden deaths and full disks."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote_plus

import pytest

from pacs.errors import ObjectNotFound, StoreUnavailable, Unavailable
from pacs.local.events import SEGMENT_MAX_BYTES, StoreJournal
from pacs.local.store import DirectoryStore
from pacs.ports import Outcome

PRELUDE = """
import hashlib, os, sys
from pathlib import Path
from pacs.errors import StoreUnavailable
from pacs.local.events import StoreJournal
from pacs.local.store import DirectoryStore
home = Path(sys.argv[1])
journal = StoreJournal(home / "events")
store = DirectoryStore(home / "originals", name="originals", journal=journal, url_base="", url_key=b"k")
def save(key, body):
    return store.store_original(key, body, sha256=hashlib.sha256(body).hexdigest(), metadata={})
print("ready", flush=True)
sys.stdin.readline()
"""

Process = subprocess.Popen[str]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[StoreJournal]:
    journal = StoreJournal(tmp_path / "events")
    yield journal
    journal.close()


@pytest.fixture
def store(tmp_path: Path, journal: StoreJournal) -> DirectoryStore:
    return DirectoryStore(tmp_path / "originals", name="originals", journal=journal, url_base="", url_key=b"k")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a process that runs a script after PRELUDE, once it has been written a line."""
    started: list[Process] = []

    def start(script: str, *arguments: str) -> Process:
        command = [sys.executable, "-c", PRELUDE + script, str(tmp_path), *arguments]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def go(*processes: Process) -> None:
    """Let processes that are ready run at the same time."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def save(store: DirectoryStore, key: str, body: bytes | Path) -> Outcome:
    data = body if isinstance(body, bytes) else body.read_bytes()
    return store.store_original(key, body, sha256=hashlib.sha256(data).hexdigest(), metadata={})


def drained(journal: StoreJournal) -> list[str]:
    """The keys of all new events."""
    bodies: list[str] = []
    assert journal.drain(bodies.extend) == len(bodies)
    return [unquote_plus(json.loads(body)["Records"][0]["s3"]["object"]["key"]) for body in bodies]


def test_an_event_tells_what_s3_tells(store: DirectoryStore, journal: StoreJournal) -> None:
    save(store, "org/a b+ö.dcm", b"12345")
    bodies: list[str] = []
    journal.drain(bodies.extend)
    (record,) = json.loads(bodies[0])["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventTime"].endswith("Z")
    assert record["s3"]["bucket"]["name"] == "originals"
    assert record["s3"]["object"] == {
        "key": "org/a+b%2B%C3%B6.dcm",
        "size": 5,
        "eTag": store.head("org/a b+ö.dcm").etag,
    }


def test_what_is_new_raises_one_event_and_what_is_not_none(store: DirectoryStore, journal: StoreJournal) -> None:
    assert [save(store, "a.dcm", body) for body in (b"1", b"1", b"2")] == ["created", "unchanged", "replaced"]
    save(store, "modalities.json", b"{}")
    store.put("b.dcm", b"1")
    assert drained(journal) == ["a.dcm", "a.dcm"]
    assert save(store, "a.dcm", b"2") == "unchanged"
    assert drained(journal) == []


def test_an_original_whose_event_failed_gets_it_when_it_is_sent_again(
    store: DirectoryStore, journal: StoreJournal, tmp_path: Path
) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"1")
    (tmp_path / "events").write_text("not a folder")
    with pytest.raises(StoreUnavailable):
        save(store, "a.dcm", file)
    (tmp_path / "events").unlink()
    assert save(store, "a.dcm", file) == "unchanged"
    assert not file.exists()
    assert drained(journal) == ["a.dcm"]


SAVE_SAME = """
print(*(save(f"study/{n}.dcm", b"%d" % n * 9999) for n in range(100)), flush=True)
"""


def test_two_processes_store_the_same_originals_once(
    store: DirectoryStore, journal: StoreJournal, start: Callable[..., Process]
) -> None:
    both = start(SAVE_SAME), start(SAVE_SAME)
    go(*both)
    outcomes = [process.communicate()[0].split() for process in both]
    assert all(sorted(pair) == ["created", "unchanged"] for pair in zip(*outcomes, strict=True))
    keys = sorted(f"study/{n}.dcm" for n in range(100))
    assert sorted(set(drained(journal))) == keys
    assert [info.key for info in store.scan()] == keys
    assert all(store.get(f"study/{n}.dcm")[1] == b"%d" % n * 9999 for n in range(100))


SAVE_DIFFERENT = """
print(*(save(f"study/{n}.dcm", sys.argv[2].encode() * 9999) for n in range(100)), flush=True)
"""


def test_two_processes_that_store_other_bytes_keep_both(
    store: DirectoryStore, journal: StoreJournal, start: Callable[..., Process]
) -> None:
    both = start(SAVE_DIFFERENT, "a"), start(SAVE_DIFFERENT, "b")
    go(*both)
    outcomes = [process.communicate()[0].split() for process in both]
    assert all(sorted(pair) == ["created", "replaced"] for pair in zip(*outcomes, strict=True))
    for n in range(100):
        kept = {version.metadata["sha256"] for version in store.versions(f"study/{n}.dcm")}
        assert kept == {hashlib.sha256(letter * 9999).hexdigest() for letter in (b"a", b"b")}
    assert Counter(drained(journal)) == {f"study/{n}.dcm": 2 for n in range(100)}


SAVE_FOR_EVER = """
for n in range(10**9):
    save(f"study/{n}.dcm", b"%d" % n * 99999)
    print(n, flush=True)
"""


def test_a_killed_process_loses_nothing_it_acknowledged(
    store: DirectoryStore, journal: StoreJournal, start: Callable[..., Process]
) -> None:
    process = start(SAVE_FOR_EVER)
    go(process)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(50)]
    process.kill()
    acknowledged += map(int, process.communicate()[0].split("\n")[:-1])
    keys = drained(journal)
    assert set(keys) >= {f"study/{n}.dcm" for n in acknowledged}
    for n in acknowledged:
        assert store.get(f"study/{n}.dcm")[1] == b"%d" % n * 99999
    assert list(journal.segments.iterdir()) == []


CHURN = """
for n in range(100):
    store.put(f"a/b/{sys.argv[2]}", b"")
    store.delete(f"a/b/{sys.argv[2]}")
print("done", flush=True)
"""


def test_folders_that_others_remove_are_made_again(store: DirectoryStore, start: Callable[..., Process]) -> None:
    both = start(CHURN, "1"), start(CHURN, "2")
    go(*both)
    assert [process.communicate()[0] for process in both] == ["done\n", "done\n"]
    assert list(store.scan()) == []


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for call in (lambda: save("a.dcm", bytes(9999)), lambda: store.put("b", bytes(9999))):
    try:
        call()
    except StoreUnavailable as error:
        print(error, flush=True)
"""


def test_a_disk_that_takes_no_more_refuses_and_keeps_nothing_half(
    store: DirectoryStore, journal: StoreJournal, start: Callable[..., Process], tmp_path: Path
) -> None:
    process = start(FULL_DISK)
    go(process)
    assert process.communicate()[0] == "the object store does not answer: File too large\n" * 2
    assert list(store.scan()) == []
    assert list((tmp_path / "originals" / "incoming").iterdir()) == []
    assert drained(journal) == []


def test_a_store_whose_folder_is_gone_is_unavailable(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "originals" / "incoming").rmdir()
    with pytest.raises(StoreUnavailable):
        save(store, "a.dcm", b"")
    with pytest.raises(StoreUnavailable):
        store.put("a", b"")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        DirectoryStore(tmp_path / "file" / "x", name="derived", journal=None, url_base="", url_key=b"k")


def test_a_file_of_another_disk_is_copied_and_consumed(store: DirectoryStore) -> None:
    with TemporaryDirectory(dir="/dev/shm") as other:
        for body, outcome in ((b"1" * 3_000_000, "created"), (b"2" * 3_000_000, "replaced")):
            file = Path(other) / "body"
            file.write_bytes(body)
            assert save(store, "a.dcm", file) == outcome
            assert store.get("a.dcm")[1] == body
            assert not file.exists()


def test_what_a_killed_process_left_is_swept_a_day_later(store: DirectoryStore, tmp_path: Path) -> None:
    old, new = tmp_path / "originals" / "incoming" / "old", tmp_path / "originals" / "incoming" / "new"
    for file, age_s in ((old, 25 * 3600), (new, 3600)):
        file.write_bytes(b"litter")
        os.utime(file, (time.time() - age_s,) * 2)
    DirectoryStore(tmp_path / "originals", name="originals", journal=None, url_base="", url_key=b"k")
    assert not old.exists()
    assert new.exists()


def test_objects_from_a_backup_without_attributes_are_still_answered(store: DirectoryStore) -> None:
    save(store, "a.dcm", b"1")
    os.removexattr(store.stretches("a.dcm", 0, 1)[0][0], "user.pacs")
    info, body = store.get("a.dcm")
    assert (body, info.content_type, info.metadata) == (b"1", "application/octet-stream", {})
    assert info.etag


def test_a_file_system_without_nameless_files(
    store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The one flag that such a file system does not know.
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_WRONLY)
    for body, outcome in ((b"1", "created"), (b"1", "unchanged"), (b"2", "replaced")):
        assert save(store, "a.dcm", body) == outcome
        assert store.get("a.dcm")[1] == body
    store.put("b", b"1")
    assert list((tmp_path / "originals" / "incoming").iterdir()) == []


def test_deleting_the_last_object_removes_its_folders(store: DirectoryStore, tmp_path: Path) -> None:
    store.put("a/b/c", b"")
    store.put("a/d", b"")
    store.delete("a/b/c")
    assert not (tmp_path / "originals" / "objects" / "a" / "b").exists()
    store.delete("a/d")
    assert list((tmp_path / "originals" / "objects").iterdir()) == []
    with pytest.raises(ObjectNotFound):
        store.head("a/d")


# The journal by itself.

APPEND = """
for n in range(500):
    journal.append('{"writer": "%s", "number": %d}' % (sys.argv[2], n))
"""


def test_every_writers_events_arrive_in_order_in_batches(journal: StoreJournal, start: Callable[..., Process]) -> None:
    writers = start(APPEND, "1"), start(APPEND, "2")
    go(*writers)
    batches: list[Sequence[str]] = []
    while any(writer.poll() is None for writer in writers):
        journal.drain(batches.append)
    journal.drain(batches.append)
    assert max(map(len, batches)) <= 100
    events = [json.loads(body) for batch in batches for body in batch]
    for writer in ("1", "2"):
        assert [event["number"] for event in events if event["writer"] == writer] == list(range(500))
    assert list(journal.segments.iterdir()) == []


def test_what_was_not_delivered_is_delivered_again(journal: StoreJournal, tmp_path: Path) -> None:
    for n in range(250):
        journal.append(f'{{"n": {n}}}')
    delivered: list[str] = []

    def fails_at_second(bodies: Sequence[str]) -> None:
        if delivered:
            raise Unavailable("the queue does not answer")
        delivered.extend(bodies)

    with pytest.raises(Unavailable):
        journal.drain(fails_at_second)
    assert StoreJournal(tmp_path / "events").drain(delivered.extend) == 150
    assert [json.loads(body)["n"] for body in delivered] == list(range(250))
    assert journal.drain(delivered.extend) == 0


def test_a_living_writers_segment_stays_and_a_full_one_is_followed_by_another(journal: StoreJournal) -> None:
    def segments() -> int:
        return len(list(journal.segments.iterdir()))

    events = [f'{{"n": {n}, "padding": "{"x" * 3500}"}}' for n in range(SEGMENT_MAX_BYTES // 3500 + 1)]
    received: list[str] = []
    journal.append(events[0])
    journal.drain(received.extend)
    assert segments() == 1
    for event in events[1:]:
        journal.append(event)
    assert segments() == 2
    journal.drain(received.extend)
    assert segments() == 1
    assert received == events


def test_torn_and_empty_lines_of_a_crash_are_left_out(journal: StoreJournal) -> None:
    journal.segments.mkdir(parents=True)
    (journal.segments / "1-dead.jsonl").write_bytes(b'{"n": 1}\n' + bytes(4096) + b'}\n{"n": 2}\n{"n": 3')
    bodies: list[str] = []
    assert journal.drain(bodies.extend) == 2
    assert bodies == ['{"n": 1}', '{"n": 2}']
    assert list(journal.segments.iterdir()) == []


WAIT_AND_APPEND = """
sys.stdin.readline()
journal.append("{}")
"""


def test_waiting_ends_when_another_process_appends(journal: StoreJournal, start: Callable[..., Process]) -> None:
    writer = start(WAIT_AND_APPEND)
    go(writer)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(journal.wait, 60)
        assert not waiting.done()
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        waiting.result(30)
    assert journal.drain(lambda _: None) == 1


def test_an_append_before_the_wait_is_not_missed_and_counts_once(journal: StoreJournal) -> None:
    started = time.monotonic()
    journal.append("{}")
    journal.append("{}")
    journal.wait(60)
    assert time.monotonic() - started < 30
    journal.wait(0)


def test_a_doorbell_that_nobody_answers_stops_no_writer(journal: StoreJournal) -> None:
    journal.append("{}")
    doorbell = os.open(journal.folder / "doorbell", os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(doorbell, b"!" * 512)
    os.close(doorbell)
    journal.append("{}")
    assert journal.drain(lambda _: None) == 2


def test_a_journal_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    journal = StoreJournal(tmp_path / ("long" * 50) / "events")
    journal.append("{}")
    journal.wait(60)
    assert journal.drain(lambda _: None) == 1
    journal.close()
