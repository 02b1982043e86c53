"""From the clock, or from a program with a cron token, over the queue to an e-mail: which AI providers work."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.ai_jobs.handler import handler as work
from functions.crons.handler import handler as strike
from pacs.people.organizations import add_organization
from pacs.people.scope import Scope
from tests.functions.conftest import Clinic
from tests.functions.doors import TurnedClock
from tests.models.fake_models import FakeModels, serving

PATH = "/api/jobs/ai-provider-health"
KEY = "sk-planted-cron-0001"


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        found.key = KEY
        yield found


@pytest.fixture
def asking(clinic: Clinic, clock: TurnedClock, models: FakeModels) -> Clinic:
    """A clinic that uses DeepSeek and OpenAI, and tells its owner."""
    told: dict[str, Any] = {
        "ai_openai_url": models.url,
        "ai_openai_key": KEY,
        "ai_deepseek_url": models.url,
        "ai_deepseek_key": KEY,
    }
    told["ai_health_mail"] = "owner@example.org"
    clinic.services.settings = replace(clinic.services.settings, **told)
    return clinic


def messages(clinic: Clinic) -> list[dict[str, Any]]:
    """What waits in the queue, as SQS tells it."""
    queue: Any = clinic.services.queue
    found = queue.receive("ai", limit=10, visibility_s=60, wait_s=0, max_receives=5)
    return [
        {"messageId": each.message_id, "body": each.body, "attributes": {"ApproximateReceiveCount": "1"}}
        for each in found
    ]


def cron(clinic: Clinic, organization_id: str = "", ttl_s: int = 600) -> dict[str, str]:
    scope = Scope(organization_id or clinic.scope.organization_id, "system")
    return {"Authorization": f"Bearer {clinic.services.tokens.sign(scope, 'cron', ttl_s=ttl_s)}"}


def test_a_program_starts_a_run_and_reads_it(asking: Clinic, models: FakeModels) -> None:
    started = asking.client.post(PATH, headers=cron(asking))
    assert started.status_code == 202 and started.json()["providers"] == 2
    run = started.json()["run"]
    assert asking.client.get(PATH, headers=cron(asking)).json() == started.json(), "within a minute"
    waiting = asking.client.get(PATH, params={"run": run}, headers=cron(asking)).json()
    assert waiting == {"run": run, "finished": False, "answers": "", "checks": []}
    assert work({"Records": messages(asking)}, None) == {"batchItemFailures": []}
    told = asking.client.get(PATH, params={"run": run}, headers=cron(asking)).json()
    assert told["finished"] and sorted((each["provider"], each["kind"]) for each in told["checks"]) == [
        ("deepseek", "text"),
        ("openai", "image"),
        ("openai", "text"),
    ]
    assert {each["failure"] for each in told["checks"]} == {""}
    assert set(told["checks"][0]) == {"provider", "model", "kind", "failure", "latency_ms", "cost", "checked_at"}
    assert KEY not in json.dumps(told) and models.url not in json.dumps(told)
    with asking.services.database.transaction() as statements:
        other = add_organization(statements, "Yabancı")
    strange = asking.client.get(PATH, params={"run": run}, headers=cron(asking, other)).json()
    assert strange["checks"] == [] and not strange["finished"]


def test_only_a_cron_token_is_taken(asking: Clinic, clock: TurnedClock) -> None:
    expired = cron(asking, ttl_s=60)
    clock.pass_s(61)
    good = cron(asking)["Authorization"]
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": good[:-4] + "AAAA"},
        {"Authorization": good.replace("Bearer", "Basic")},
        *(asking.bearer(audience=each) for each in ("session", "launch", "share")),
        expired,
    ]
    for headers in wrong:
        for method in ("GET", "POST"):
            answer = asking.client.request(method, PATH, headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), headers
    assert messages(asking) == []
    assert asking.client.get(PATH, params={"run": "x"}, headers={"Authorization": good}).status_code == 400
    assert asking.client.get("/dicomweb/studies", headers={"Authorization": good}).status_code == 401


def test_the_clock_starts_one_run_a_day_and_one_e_mail_tells_of_it(
    asking: Clinic, clock: TurnedClock, models: FakeModels
) -> None:
    assert [strike({"task": "ai-health"}, None) for _ in range(2)] == [{"started": 1}] * 2
    models.key = "sk-planted-changed"
    twice = messages(asking)
    assert len({each["body"] for each in twice}) == 1 < len(twice)
    assert work({"Records": twice}, None) == {"batchItemFailures": []}
    [mail] = list((asking.services.settings.home / "outbox").glob("*.eml"))
    text = mail.read_text()
    assert "To: owner@example.org" in text and "2 of 2 AI providers fail" in text and "text/html" in text
    clock.pass_s(timedelta(days=1).total_seconds())
    strike({"task": "ai-health"}, None)
    work({"Records": messages(asking)}, None)
    assert len(list((asking.services.settings.home / "outbox").glob("*.eml"))) == 2
