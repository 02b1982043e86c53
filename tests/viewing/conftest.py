"""A process of the launch function: its own home and keys, and a clock that tests turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs import bootstrap
from pacs.bootstrap import Services
from pacs.local.secrets import SecretsFile
from pacs.people.tokens import Tokens
from pacs.settings import Settings
from tests.functions.doors import TurnedClock

ORIGIN = "https://pacs.example"


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
