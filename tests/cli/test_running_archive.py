"""The commands as a user types them, one after another, while the archive runs."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest

from tests.cli.conftest import Command, write_study

PATIENCE_S = 30.0


def until(condition: Callable[[], Any], complaint: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)
    return found


def ready(pacs: Command) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((pacs.home / "ready.json").read_text())
    return document


def files(pacs: Command, store: str, study: str) -> list[Path]:
    return [path for path in (pacs.home / "store" / store / "objects").rglob(f"*{study}/**/*") if path.is_file()]


@pytest.fixture(scope="session")
def http(pacs: Command) -> Callable[..., httpx2.Response]:
    """GET a path of the archive, with the right to see everything unless another token is given."""
    admin = pacs("token", "--role", "admin").out.strip()

    def get(path: str, token: str = admin) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"}
        return httpx2.get(ready(pacs)["http"] + path, headers=headers)

    return get


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def studies_seen(http: Callable[..., httpx2.Response], *token: str) -> set[str]:
    answer = http("/dicomweb/studies?limit=1000", *token)
    return {each["0020000D"]["Value"][0] for each in (answer.json() if answer.status_code == 200 else [])}


def test_what_an_import_reports_can_be_opened_at_once(
    pacs: Command, http: Callable[..., httpx2.Response], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "Göğüs", 3)
    other = write_study(tmp_path / "other", 1)
    (tmp_path / "Göğüs" / "oku.txt").write_text("no DICOM")
    done = pacs("import", tmp_path)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[0] == f"refused {tmp_path}/Göğüs/oku.txt: this is no DICOM object"
    assert "4 stored, 0 already there, 0 replaced, 1 refused; " in done.out and "\x1b" not in done.out
    assert {f"  pacs launch {uid}" for uid in (study, other)} <= set(done.out.splitlines())
    url = urlsplit(pacs("launch", study, other, "--ttl", "5m", "--return-url", "/viewer/list", "--privacy").out.strip())
    assert url.netloc == urlsplit(ready(pacs)["http"]).netloc
    assert httpx2.get(url.geturl()).status_code == 200
    query = parse_qs(url.query)
    assert query["returnUrl"] == ["/viewer/list"]
    assert claims(query["token"][0])["privacy"] is True
    told = set(claims(query["token"][0])["studies"])
    assert studies_seen(http, query["token"][0]) == told and not told & {study, other}
    (narrow,) = pacs("token", "--studies", study, "--json").document.values()
    assert studies_seen(http, narrow) == {study}
    assert {study, other} <= studies_seen(http)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("launch", "1.2.3.4"), "no such study: 1.2.3.4"),
        (("reindex", "--study", "1.2.3.4"), "no such study: 1.2.3.4"),
    ],
)
def test_an_unknown_study_is_named(pacs: Command, arguments: tuple[str, ...], told: str) -> None:
    done = pacs(*arguments)
    assert (done.code, done.out, done.err) == (1, "", f"pacs: {told}\n")


def test_status_counts_what_is_there(pacs: Command, tmp_path: Path) -> None:
    write_study(tmp_path, 2)
    assert pacs("import", tmp_path, "--json").document["indexed"]
    status = pacs("status", "--json").document
    originals = list((pacs.home / "store" / "originals" / "objects").rglob("*.dcm"))
    assert status["running"] == ready(pacs)
    assert status["counts"]["instances"] == len(originals)
    assert status["counts"]["size_bytes"] == sum(path.stat().st_size for path in originals)
    assert status["counts"]["studies"] == len({path.parts[-3] for path in originals})
    assert set(status["queues"]) == {"index", "derive", "log", "ai"} and status["disk"]["home"] == str(pacs.home)
    assert status["executions"] == {"in_hand": 0, "waiting": 0, "failed": 0}
    shown = pacs("status").out
    assert ready(pacs)["http"] in shown and "\x1b" not in shown
    assert len({len(line) for line in shown.splitlines() if line.startswith(("queue", "index", "derive"))}) == 1


def test_an_interrupted_import_ends_clearly_and_goes_on_when_run_again(pacs: Command, tmp_path: Path) -> None:
    study = write_study(tmp_path, 400)
    process = pacs.begin("import", tmp_path)
    until(lambda: files(pacs, "originals", study), "nothing is stored")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, "")
    first, counts = out.splitlines()[:2]
    assert first == "Stopped. What is stored is safe; the same command again goes on where this ended."
    stored = int(counts.split()[0])
    assert 0 < stored < 400 and stored == len(files(pacs, "originals", study))
    again = pacs("import", tmp_path, "--json")
    assert again.code == 0 and again.document["indexed"]
    assert (again.document["created"], again.document["unchanged"]) == (400 - stored, stored)


def test_what_failed_is_gone_from_the_list_when_its_cause_is(pacs: Command, tmp_path: Path) -> None:
    study = write_study(tmp_path, 2)
    assert pacs("import", tmp_path).code == 0
    original = sorted(files(pacs, "originals", study))[0]
    whole = original.read_bytes()
    overwrite(original, whole[:300])
    assert pacs("reindex", "--study", study, "--json").document["failed"] == 1
    shown = pacs("failures").out
    assert "index INVALID_INSTANCE: the object ends in the middle of its header (1)\n" in shown
    assert original.name in shown and shown.endswith("`pacs failures --retry` tries all of it again.\n")
    overwrite(original, whole[:3000])
    (failure,) = pacs("failures", "--retry", "--json").document["failures"]
    assert (failure["stage"], failure["code"], failure["attempts"]) == ("transcode", "UNDECODABLE_PIXELS", 1)
    overwrite(original, whole)
    done = pacs("failures", "--retry")
    assert (done.code, done.out) == (0, "1 tried again\nNothing is failing.\n")


def overwrite(original: Path, content: bytes) -> None:
    """As a failing disk, or somebody's restored backup, would: the same file with other bytes."""
    mode = original.stat().st_mode
    original.chmod(0o600)
    with original.open("r+b") as file:
        file.write(content)
        file.truncate(len(content))
    original.chmod(mode)


def test_reindex_makes_index_and_derived_objects_anew_and_answers_meanwhile(
    pacs: Command, http: Callable[..., httpx2.Response], tmp_path: Path
) -> None:
    study = write_study(tmp_path, 12)
    assert pacs("import", tmp_path).code == 0
    until(lambda: len(pictures(pacs, study)) == 13, "frames and thumbnail are not derived")
    frame = next(path for path in pictures(pacs, study) if path.name == "1")
    right = frame.read_bytes()
    overwrite(frame, b"a wrong picture")
    gone = files(pacs, "originals", study)[-1]
    gone.unlink()
    before = {path: path.stat().st_mtime_ns for path in pictures(pacs, study)}
    answers: list[tuple[int, int]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            answer = http(f"/dicomweb/studies/{study}/metadata")
            answers.append((answer.status_code, len(answer.json())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = pacs("reindex", "--study", study, "--json")
    ended.set()
    watcher.join()
    assert done.code == 0
    assert {name: done.document[name] for name in ("queued", "deleted", "failed")} == {
        "queued": 11,
        "deleted": 1,
        "failed": 0,
    }
    assert answers and {status for status, _ in answers} == {200} and {count for _, count in answers} <= {11, 12}
    after = {path: path.stat().st_mtime_ns for path in pictures(pacs, study)}
    assert len(after) == 12 and not set(before.items()) & set(after.items())
    assert gone.stem not in {path.parent.name for path in after}
    assert not frame.exists() if frame.parent.name == gone.stem else frame.read_bytes() == right
    (shown,) = http(f"/dicomweb/studies?StudyInstanceUID={study}").json()
    assert shown["00201208"]["Value"] == [11]


def pictures(pacs: Command, study: str) -> list[Path]:
    """The frames and thumbnails derived from a study."""
    kinds = {"frames", "thumbnails"}
    objects = pacs.home / "store" / "derived" / "objects"
    return [path for path in files(pacs, "derived", study) if path.relative_to(objects).parts[0] in kinds]


def test_a_reader_that_goes_away_is_no_error(pacs: Command) -> None:
    process = pacs.begin("status")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait(timeout=PATIENCE_S)
    process.stderr.close()
