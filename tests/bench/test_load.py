"""Everybody at once for half a minute: the load of `python -m tests.bench.load`, scaled down."""

from pathlib import Path

import pytest

from tests.bench.load import Plan, run
from tests.journey.archive import Archive

# Short studies, one after the other; memory has hardly settled in so short a time, and other tests may run beside it.
SHORT = Plan(
    minutes=0.6,
    studies_an_hour=1600,
    readers=3,
    looks_an_hour=600,
    imports_an_hour=400,
    import_images=4,
    shorter=40,
    growth_max=1.3,
    pace_min=0.2,
)


@pytest.mark.timeout(300)
def test_everybody_works_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "home")
    archive.start()
    try:
        ledger = run(archive, SHORT, lambda line: None)
    finally:
        archive.stop()
    assert ledger.done["studies deleted"] > 0
    assert archive.processes() == []
