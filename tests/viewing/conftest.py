"""A process of the launch function: its own home and keys, and a clock that tests turn."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pacs import bootstrap
from pacs.bootstrap import Services
from pacs.local.secrets import SecretsFile
from pacs.people.tokens import Tokens
from pacs.settings import Settings

ORIGIN = "https://pacs.example"


class TurnedClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: TurnedClock) -> Iterator[Services]:
    monkeypatch.setenv("PACS_HOME", str(tmp_path))
    monkeypatch.setenv("PACS_PUBLIC_URL", ORIGIN)
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()
    SecretsFile(tmp_path / "secrets.json").create()
    made = bootstrap.services()
    made.__dict__["clock"] = clock
    yield made
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()


@pytest.fixture
def settings(services: Services) -> Settings:
    return services.settings


@pytest.fixture
def tokens(services: Services) -> Tokens:
    return services.tokens
