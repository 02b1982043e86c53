"""Providers are asked whether they work, over HTTP as always; who fails is told in words that give nothing away."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from functions.unasked import UNASKED
from infra.local.schedules import Cron
from pacs.ai import circuits, configuring
from pacs.ai.health import HealthCheck, check, picture
from pacs.ai.health_runs import keep, last_days, results, run_health
from pacs.ai.health_starting import run_of_day, start_daily, start_run
from pacs.ai.providers import PROVIDERS
from pacs.database.engine import EngineDatabase
from pacs.errors import BadRequest, NotConfigured, Unavailable
from pacs.people.scope import Scope
from tests.ai.house import House, one_database  # noqa: F401 - a fixture
from tests.ai.house import both_databases as both_databases
from tests.ai.house import house as house
from tests.archive.conftest import KeptQueue
from tests.models.fake_models import FakeModels, serving

KEY = "sk-planted-health-0001"
RUN = "5f0c8a52-6a0f-4c0e-9d7c-0f6a1f0d2b11"
FIRST, SECOND = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found


def connected(house: House, models: FakeModels) -> House:
    """A house whose OpenAI, Claude and DeepSeek are the service of a test; there are no others."""
    house.says = None
    models.key = KEY
    house.set(
        ai_openai_url=models.url,
        ai_openai_key=KEY,
        ai_claude_url=models.url_of("anthropic"),
        ai_claude_key=KEY,
        ai_deepseek_url=models.url,
        ai_deepseek_key=KEY,
        ai_health_mail="owner@example.org",
    )
    return house


@pytest.fixture
def clinic(house: House, models: FakeModels) -> House:
    return connected(house, models)


@pytest.fixture
def small(clinic: House) -> House:
    """One that uses OpenAI alone."""
    clinic.set(ai_claude_key="", ai_deepseek_key="")
    return clinic


@pytest.mark.parametrize("name", ["openai", "claude"])
def test_a_provider_that_answers_works(clinic: House, models: FakeModels, name: str) -> None:
    told = check(clinic, clinic.scope, name, kind="text")
    seen = check(clinic, clinic.scope, name, kind="image")
    assert (told.failure, seen.failure) == ("", "")
    assert told.model == getattr(clinic.settings, f"ai_{name}_model")
    assert [each["seen"] for each in models.asked] == [[], [picture()]]
    assert told.cost and seen.cost and Decimal(0) < told.cost < seen.cost < Decimal("0.05")
    assert [each["purpose"] for each in clinic.events()] == ["health", "health"]


def test_the_picture_shows_what_is_asked_for() -> None:
    image = Image.open(BytesIO(picture()))
    assert (image.format, image.size) == ("JPEG", (256, 256))
    left, right = (list(image.crop((x, 96, x + 64, 160)).tobytes()) for x in (32, 160))
    assert max(left) < 32 and min(right) > 224


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        ("down", "is busy: HTTP 500"),
        ("busy", "is busy: HTTP 429"),
        ("refused", "refuses what it is asked: HTTP 400"),
        ("forbidden", "does not take the key: HTTP 403"),
        ("missing", "has nothing there: address or model"),
        ("dropped", "does not answer"),
        ("broken", "answers what is of no use: it is no JSON"),
        ("wrong", "answers what is of no use: the document has no status"),
    ],
)
def test_every_failure_has_its_words(clinic: House, models: FakeModels, trouble: Any, failure: str) -> None:
    models.troubles = [trouble] * 3
    found = check(clinic, clinic.scope, "openai", kind="text")
    assert found.failure == failure and found.latency_ms >= 0


def test_a_slow_one_is_not_waited_for(clinic: House, models: FakeModels) -> None:
    models.troubles, models.slow_s = ["slow"], 5
    assert check(clinic, clinic.scope, "openai", kind="text", within_s=0.2).failure == "does not answer"


def test_a_wrong_key_and_what_is_missing_are_told_without_a_call(clinic: House, models: FakeModels) -> None:
    clinic.set(ai_openai_key="sk-planted-another", ai_gemini_key="")
    assert check(clinic, clinic.scope, "openai", kind="text").failure == "does not take the key: HTTP 401"
    asked = len(models.asked)
    assert check(clinic, clinic.scope, "gemini", kind="text").failure == "is not set up: KEY"
    assert len(models.asked) == asked
    with pytest.raises(BadRequest, match="deepseek sees no images"):
        check(clinic, clinic.scope, "deepseek", kind="image")


def test_whose_budget_is_used_up_is_not_asked(clinic: House, models: FakeModels) -> None:
    clinic.configure("openai", monthly_budget=Decimal(0))
    assert check(clinic, clinic.scope, "openai", kind="text").failure == "has used up its budget"
    assert models.asked == []


def test_one_that_has_to_start_is_waited_for(clinic: House, models: FakeModels) -> None:
    clinic.set(ai_medgemma_url=models.url, ai_medgemma_key=KEY)
    waits: list[float] = []
    models.troubles = ["starting"] * 3
    found = check(clinic, clinic.scope, "medgemma", kind="text", patience_s=240, wait=waits.append)
    assert (found.failure, waits) == ("", [5.0, 10.0, 20.0])
    models.troubles = ["starting"] * 9
    assert check(clinic, clinic.scope, "medgemma", kind="text", patience_s=240, wait=waits.append).failure
    assert sum(waits[3:]) <= 240
    models.troubles = ["starting"]
    assert check(clinic, clinic.scope, "medgemma", kind="text").failure == "is busy: HTTP 503"


def test_nobody_has_to_consent_and_a_success_closes_a_circuit(clinic: House, models: FakeModels) -> None:
    configuring.set_consent(clinic, clinic.scope, False)
    for _ in range(3):
        circuits.fail(clinic, clinic.scope, "openai")
    models.troubles = ["down"]
    assert check(clinic, clinic.scope, "openai", kind="text").failure
    assert list(circuits.opened(clinic, clinic.scope)) == ["openai"]
    assert check(clinic, clinic.scope, "openai", kind="text").failure == ""
    assert circuits.opened(clinic, clinic.scope) == {}
    for _ in range(3):
        models.troubles = ["down"]
        check(clinic, clinic.scope, "claude", kind="text")
    assert circuits.opened(clinic, clinic.scope) == {}


def test_a_run_asks_all_and_is_told_of_once(both_databases: EngineDatabase, models: FakeModels, tmp_path: Path) -> None:
    clinic = connected(House(both_databases, tmp_path), models)
    clinic.configure("claude", key="sk-planted-wrong-key")
    organization = clinic.scope.organization_id
    run = run_health(clinic, organization, RUN)
    assert sorted((each.provider, each.kind, each.failure) for each in run.checks) == [
        ("claude", "text", "does not take the key: HTTP 401"),
        ("deepseek", "text", ""),
        ("openai", "image", ""),
        ("openai", "text", ""),
    ]
    assert (run.failing, run.answers, run.told) == (("claude",), "openai", "by e-mail")
    [(to, subject, text)], [page] = clinic.mailer.sent, clinic.mailer.pages
    assert to == "owner@example.org" and subject.endswith("1 of 3 AI providers fails")
    lines = [each for each in text.splitlines() if each.startswith("- ")]
    assert lines[0].startswith("- Claude (claude-sonnet") and "does not take the key: HTTP 401" in lines[0]
    assert len(lines) == 4 and all("works" in each for each in lines[1:])
    assert "image: works" in text and ", $0.00" in text
    assert "The orchestrator asks OpenAI first now." in text and page.index("Claude") < page.index("DeepSeek")
    asked = len(models.asked)
    assert run_health(clinic, organization, RUN).told == "before"
    assert (len(models.asked), len(clinic.mailer.sent)) == (asked, 1)
    assert run_health(clinic, organization, FIRST).told == "by e-mail"
    told = text + page + json.dumps([each.__dict__ for each in run.checks], default=str)
    assert not any(each in told for each in (KEY, "sk-planted", "127.0.0.1", models.url, "/v1"))
    assert [each.provider for each in results(clinic, clinic.scope, RUN)][-1] == "rai-orchestrator"
    assert results(clinic, Scope(SECOND, "system"), RUN) == []


def test_all_work_or_the_only_one(clinic: House, models: FakeModels) -> None:
    run_health(clinic, clinic.scope.organization_id, FIRST)
    clinic.set(ai_claude_key="", ai_deepseek_key="")
    run_health(clinic, clinic.scope.organization_id, SECOND)
    endings = [subject.partition(": ")[2] for _, subject, _ in clinic.mailer.sent]
    assert endings == ["all 3 AI providers work", "the one AI provider works"]


def test_who_answers_now_follows_from_consent_and_stage(small: House, models: FakeModels) -> None:
    clinic = small
    configuring.set_consent(clinic, clinic.scope, False)
    run = run_health(clinic, clinic.scope.organization_id, FIRST)
    assert run.answers == "rai-mock"
    clinic.set(stage="prod")
    run = run_health(clinic, clinic.scope.organization_id, SECOND)
    assert run.answers == ""
    assert "The orchestrator asks nobody now: the organization has not consented." in clinic.mailer.sent[-1][2]
    configuring.set_consent(clinic, clinic.scope, True)
    models.key = "sk-planted-changed"
    run = run_health(clinic, clinic.scope.organization_id, RUN)
    assert (run.answers, run.failing) == ("", ("openai",))
    assert "asks nobody now: none of its providers works" in clinic.mailer.sent[-1][2]


def test_an_e_mail_that_was_not_taken_is_tried_again_and_nobody_asked_again(small: House, models: FakeModels) -> None:
    clinic = small
    organization, clinic.mailer.error = clinic.scope.organization_id, Unavailable("the outbox cannot be written")
    with pytest.raises(Unavailable):
        run_health(clinic, organization, RUN)
    asked, clinic.mailer.error = len(models.asked), None
    assert run_health(clinic, organization, RUN).told == "by e-mail"
    assert len(models.asked) == asked
    clinic.mailer.error = NotConfigured("no address to send e-mails from", field="PACS_MAIL_SENDER")
    assert run_health(clinic, organization, FIRST).told == "nobody: no e-mail can be sent"
    clinic.set(ai_health_mail="")
    assert run_health(clinic, organization, SECOND).told == "nobody: PACS_AI_HEALTH_MAIL is empty"


def test_days_are_kept_and_the_newest_come_first(house: House) -> None:
    for run in (FIRST, SECOND, RUN):
        for name in ("openai", "claude"):
            made = HealthCheck(name, "m", "text", "", 12, Decimal("0.000012"), house.clock.now(), run)
            assert keep(house.database, house.scope, made) and not keep(house.database, house.scope, made)
        house.clock.pass_s(timedelta(days=20).total_seconds())
    house.clock.pass_s(-timedelta(days=20).total_seconds())
    found = last_days(house, house.scope)
    assert [(each.run_id, each.provider) for each in found] == [
        (run, name) for run in (RUN, SECOND) for name in ("claude", "openai")
    ]
    assert found[0].cost == Decimal("0.000012") and found[0].checked_at == house.clock.now()
    assert last_days(house, Scope(FIRST, "admin")) == []


def test_the_day_is_started_once_for_whoever_uses_a_provider(clinic: House) -> None:
    clinic.queue = queue = KeptQueue()
    start_daily(clinic)
    clinic.clock.pass_s(3600)
    start_daily(clinic)
    ours = [each for each in queue.sent["ai"] if each["organization"] == clinic.scope.organization_id]
    assert len(ours) == 2 and ours[0] == ours[1]
    clinic.clock.pass_s(timedelta(days=1).total_seconds())
    assert run_of_day(clinic.scope, clinic.clock.now(), "Europe/Istanbul") != ours[0]["health"]
    clinic.set(ai_openai_key="", ai_claude_key="", ai_deepseek_key="")
    queue.sent.clear()
    assert start_daily(clinic) == {"started": 0} and queue.sent == {}
    assert start_run(clinic, clinic.scope)[1] == 0 and queue.sent == {}
    assert run_health(clinic, clinic.scope.organization_id, RUN).told == "nobody: no provider is in use"


def test_a_run_by_hand_is_the_same_within_a_minute(clinic: House) -> None:
    clinic.queue = KeptQueue()
    first = start_run(clinic, clinic.scope)
    assert first == start_run(clinic, clinic.scope) and first[1] == 3
    clinic.clock.pass_s(60)
    assert start_run(clinic, clinic.scope)[0] != first[0]


@pytest.mark.parametrize("day", ["2026-01-15", "2026-03-29", "2026-07-01", "2026-10-25", "2027-12-31"])
def test_the_clock_strikes_nine_in_istanbul_all_year(day: str) -> None:
    [schedule] = [each for one in UNASKED for each in one.schedules if each.name == "ai-health"]
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Istanbul"))
    struck = Cron.parse(schedule.cron).after(midnight.astimezone(UTC)).astimezone(ZoneInfo("Europe/Istanbul"))
    assert struck == midnight.replace(hour=9)
    assert f"{struck:%Y-%m-%d %H:%M}" == f"{day} 09:00"


def test_every_provider_can_be_asked_about(house: House) -> None:
    assert {check(house, house.scope, name, kind="text").provider for name in PROVIDERS} == set(PROVIDERS)
