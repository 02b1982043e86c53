"""No line of a log tells a key, an address of a model's service, or who a patient is: the test that made it tell one
fails. Loaded by tests/conftest.py for every test; whoever plants something to be looked for says so here.

What is looked at: every record that any logger lets through, with all that it carries, and what is written to standard
output and standard error. Of archives in processes of their own, tests look at the files (`require_silent`).
"""

import json
import logging
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import pytest

# Of pydicom's sample files, of the instances that tests make of them, and of the tests' own forms.
PATIENTS = (
    *("CompressedSamples^", "Lestrade^G", "Last^First^mid^pre", "Last Name^First Name", "Lastname^Firstname"),
    *("JANCT000", "JXD191021006", "CQ500-CT-310", "Test^Phantom30sep", "tPhantom30sep", "Sssssss^Jsssss"),
    *("021234567", "03028041970546", "8000000000330109", "11-05-25-142825"),
    *("PLANTED4711", "47114711", "^Hasta", "ID-KENDI", "ID-KOMSU", "ID-YABANCI"),
    *("Yılmaz^", "Işık^", "Şahin^", "Öğüt^", "Kaya^Deniz", "ŞIĞIRCIOĞLU", "Əliyev^", "yilmaz^sule"),
    *("ÇAĞLAR^", "GÜNEŞ^ECE", "10000000146", "Kol^Abdullah", "Kalp Hastanesi", "ROSE^GRAY", "PRIVATE4711"),
)
SHORTEST = 8  # shorter keys are words that lines may say for other reasons
STREAMS = ("stdout", "stderr")
PLAIN = frozenset(logging.makeLogRecord({}).__dict__)


class Watch(logging.Handler):
    """Keeps what is logged while a test runs, and knows what must not be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.planted: dict[str, str] = dict.fromkeys(map(str.casefold, PATIENTS), "a patient")
        self.lines: list[str] = []

    def plant(self, kind: str, *texts: str) -> None:
        """Look for these from now on, and in what the test has logged before."""
        self.planted |= {each.casefold(): kind for each in texts if len(each) >= SHORTEST}

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record past all filters: that of Powertools hides its own from handlers of the root."""
        more = {name: value for name, value in record.__dict__.items() if name not in PLAIN}
        self.lines.append(self.format(record) + json.dumps(more, default=repr, ensure_ascii=False))
        return True

    def found_in(self, texts: Iterable[str]) -> list[str]:
        """Which kinds of what was planted these lines tell, each with the text."""
        pattern = re.compile("|".join(map(re.escape, self.planted)))
        found = {each for text in texts for each in pattern.findall(text.casefold())}
        return sorted(f"{self.planted[each]}: {each}" for each in found)


WATCH = Watch()


def plant(kind: str, *texts: str) -> None:
    WATCH.plant(kind, *texts)


@contextmanager
def planted(kind: str, text: str) -> Generator[None]:
    """Look for this while it is what it is; a port is another's afterwards."""
    WATCH.plant(kind, text)
    yield
    WATCH.planted.pop(text.casefold(), None)


def require_silent(text: str) -> None:
    """Fails when what a process has written tells something."""
    found = WATCH.found_in([text])
    assert not found, f"lines of a log tell {', '.join(found)}"


def pytest_configure() -> None:
    logging.getLogger().addHandler(WATCH)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Fail a test whose setup, call or teardown has let a line tell something."""
    report = yield
    said, WATCH.lines = WATCH.lines, []
    said += [text for title, text in report.sections if title in (f"Captured {each} {call.when}" for each in STREAMS)]
    if found := WATCH.found_in(said):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: lines of a log tell {', '.join(found)}"
    return report
