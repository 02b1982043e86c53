"""Providers of pre-reports from a terminal: which are ready, whether they answer, and tokens for programs that ask."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes

import httpx2
import pytest

from tests.cli.conftest import BUNDLED, Command
from tests.models.fake_models import FakeModels, serving

KEY = "sk-planted-terminal-0001"


@dataclass(frozen=True)
class Asking(Command):
    """`pacs` in a home whose owner has set providers up."""

    settings: tuple[tuple[str, str], ...] = ()

    def environment(self) -> dict[str, str]:
        return super().environment() | dict(self.settings)


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        found.key = KEY
        yield found


@pytest.fixture
def asking(pacs: Command, models: FakeModels) -> Asking:
    told = {"PACS_AI_HEALTH_MAIL": "owner@example.org"}
    for name in ("OPENAI", "DEEPSEEK"):
        told |= {f"PACS_AI_{name}_URL": models.url, f"PACS_AI_{name}_KEY": KEY}
    return Asking(pacs.home, pacs.prompt, tuple(told.items()))


def test_providers_are_listed_with_what_they_miss(asking: Asking, models: FakeModels) -> None:
    shown = asking("ai", "providers")
    states = {line.split()[0]: line for line in shown.out.splitlines()}
    assert "ready" in states["openai"] and "gpt-5.5" in states["openai"]
    assert "misses KEY" in states["claude"] and "misses URL" in states["medgemma"]
    assert shown.code == 0 and KEY not in shown.out and models.url not in shown.out


def test_a_provider_is_tried_with_a_picture_and_without(asking: Asking, models: FakeModels) -> None:
    plain = asking("ai", "test", "openai")
    assert plain.code == 0 and "valid" in plain.out and models.finding in plain.out and "$0.00" in plain.out
    seen = asking("ai", "test", "openai", "--image", BUNDLED / "CT_small.dcm", "--json")
    assert (seen.code, seen.document["failure"], seen.document["images"]) == (0, "", 1)
    assert [len(each["seen"]) for each in models.asked] == [0, 1]


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ("nobody", "PROVIDER: providers are openai, claude"),
        ("openai", "openai is busy: HTTP 503"),
    ],
)
def test_a_failure_is_one_line(asking: Asking, models: FakeModels, provider: str, told: str) -> None:
    models.troubles = ["starting"]
    done = asking("ai", "test", provider)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"pacs: {told}") and done.err.count("\n") == 1 and KEY not in done.err


def test_all_are_asked_at_once_and_the_owner_hears_of_it(asking: Asking, models: FakeModels) -> None:
    models.always = {"white square": "refused"}
    done = asking("ai", "health")
    assert done.code == 1 and "refuses what it is asked: HTTP 400" in done.out and "told: by e-mail" in done.out
    newest = max((asking.home / "outbox").glob("*.eml"))
    assert "1 of 2 AI providers fails" in message_from_bytes(newest.read_bytes())["Subject"]


def test_a_cron_token_starts_runs_until_it_is_revoked(pacs: Command) -> None:
    origin = json.loads((pacs.home / "ready.json").read_text())["http"]

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.post(f"{origin}/api/jobs/ai-provider-health", headers=headers).status_code

    first = pacs("ai", "cron-token").out.strip()
    assert status(first) == 202
    second = pacs("ai", "cron-token", "--revoke", "--json").document["token"]
    assert (status(first), status(second)) == (401, 202)
    refused = pacs("ai", "cron-token", "--ttl", "9999d")
    assert refused.code == 1 and "--ttl" in refused.err
