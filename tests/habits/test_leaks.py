"""The check that no log tells a secret can itself fail: tests that leak in every way there is are run, and fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.leaks import Watch, require_silent

ROOT = Path(__file__).parents[2]
LEAKING = """
import logging
import sys

from pacs.entry.observability import logger
from tests.leaks import plant

def test_by_a_member_of_a_line():
    logger().info("done", extra={"patient": "CompressedSamples^CT1"})

def test_by_the_message_of_an_error():
    try:
        raise ValueError("no such patient: Lestrade^G")
    except ValueError:
        logging.getLogger("pacs").exception("failed")

def test_by_a_library():
    plant("an endpoint", "models.example:9100")
    logging.getLogger("library").warning("POST %s", "http://models.example:9100/v1")

def test_by_what_is_planted_afterwards():
    logger().warning("sent", extra={"headers": {"x-api-key": "sk-planted-0001"}})
    plant("a key", "sk-planted-0001")

def test_by_standard_error():
    sys.stderr.write("schedule failed: JANCT000\\n")

def test_by_standard_output():
    print("ID-KENDI")

def test_silent():
    logger().info("done", extra={"studies": 3})
    print("done")
"""


def test_a_test_whose_lines_leak_fails(tmp_path: Path) -> None:
    (tmp_path / "test_leaking.py").write_text(LEAKING)
    command = [sys.executable, "-m", "pytest", "-p", "tests.leaks", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    done = subprocess.run([*command, "-p", "no:cacheprovider", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert "6 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    told = ("a patient: compressedsamples^", "a patient: lestrade^g", "an endpoint: models.example:9100")
    assert all(f"lines of a log tell {each}" in done.stdout for each in told), done.stdout
    assert all(each in done.stdout for each in ("a key: sk-planted-0001", "janct000", "id-kendi"))


def test_what_a_process_has_written_is_looked_at() -> None:
    require_silent("scp-1 ready\nindexed 3")
    with pytest.raises(AssertionError, match="a patient: 021234567"):
        require_silent("refused: 021234567")


def test_short_keys_are_words() -> None:
    watch = Watch()
    watch.plant("a key", "secret")
    assert watch.found_in(["the secret service"]) == []
