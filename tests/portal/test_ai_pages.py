"""The administrator's pages of pre-reports: consent, providers, usage and cost, prices, health."""

import html
import json
import re
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from pacs.ai.configuring import Change, configured, save, set_consent
from pacs.ai.prices import Price, list_prices, set_price, today
from pacs.people.organizations import add_organization
from pacs.people.scope import MEMBER_ROLES, Scope
from tests.ai.rows import add_prereport
from tests.functions.doors import TurnedClock
from tests.leaks import plant
from tests.portal.people import code_of, member
from tests.portal.visits import headers, scope_of, send, show

KEY = "sk-never-shown-0123456789abcdef"
ADDRESS = "https://models.nowhere-else.example/v1"
FORM = {"provider": "openai", "enabled": "1", "warn_percent": "80"}
CALL = text(
    "insert into ai_usage_events (organization_id, at, purpose, provider, model, member_id, study_instance_uid, job_id,"
    " outcome, tokens_in, tokens_out, tokens_cached, images, seconds, cost) values (cast(:organization as uuid), :at,"
    " :purpose, :provider, :model, cast(:member as uuid), :study, cast(:job as uuid), 'answered', 1000, 200, 0, 4, 2.5,"
    " cast(:cost as numeric))"
)
CHECK = text(
    "insert into ai_health_checks (organization_id, run_id, provider, model, checked_at, kind, failure, latency_ms,"
    " cost) values (cast(:organization as uuid), cast(:run as uuid), :provider, 'a-model', :at, :kind, :failure, 800,"
    " 0.0001)"
)


def call(clinic: Any, at: datetime, cost: str | None = "0.25", **more: Any) -> None:
    values = {"purpose": "draft", "provider": "openai", "model": "gpt-5.5", "member": None, "study": None, "job": None}
    organization = {"organization": clinic.made.organization_id}
    clinic.services.database.fetch(CALL, values | organization | {"at": at, "cost": cost} | more)


def checked(clinic: Any, at: datetime, provider: str, failure: str = "", kind: str = "text") -> None:
    values = {"organization": clinic.made.organization_id, "run": f"7a1b2c3d-0000-4000-8000-{at:%Y%m%d%H%M}"}
    more = {"provider": provider, "at": at, "kind": kind, "failure": failure}
    clinic.services.database.fetch(CHECK, values | more)


def test_consent_is_given_and_taken_back_by_somebody(clinic: Any) -> None:
    admin = member(clinic, "admin", "Ayse")
    assert "not given" in show(clinic, "/admin/ai", admin).text
    led = {role: 'href="/admin/ai"' in show(clinic, "/dashboard", scope_of(clinic, role)).text for role in MEMBER_ROLES}
    assert [role for role, is_led in led.items() if is_led] == ["admin", "individual"]
    assert send(clinic, "/admin/ai/consent", admin, given="1").headers["location"] == "/admin/ai?done=consent"
    page = show(clinic, "/admin/ai?done=consent", admin).text
    assert "Given by <bdi>Ayse</bdi>" in page and "It is saved." in page
    send(clinic, "/admin/ai/consent", admin, given="")
    assert "Taken back by <bdi>Ayse</bdi>" in show(clinic, "/admin/ai", admin).text
    rows = clinic.services.database.fetch(text("select subject from audit where action = 'change-ai' order by id"))
    assert [row["subject"] for row in rows] == ["consent given", "consent withdrawn"]


def test_a_provider_is_changed_and_nothing_tells_its_key_or_its_address(clinic: Any) -> None:
    plant("a key", KEY)
    plant("an endpoint", ADDRESS)
    admin = scope_of(clinic, "admin")
    told = FORM | {"url": ADDRESS, "key": KEY, "model": "gpt-5.5-mini", "monthly_budget": "99,5"}
    assert send(clinic, "/admin/ai", admin, **told).headers["location"] == "/admin/ai?done=saved#openai"
    found = configured(clinic.services, clinic.scope, "openai")
    assert (found.enabled, found.url, found.model, found.monthly_budget) == (
        True,
        ADDRESS,
        "gpt-5.5-mini",
        Decimal("99.5"),
    )
    assert clinic.services.vault.read(f"ai/{clinic.made.organization_id}/openai") == KEY
    page = show(clinic, "/admin/ai", admin)
    assert "…cdef" in page.text and "https://mod…xample" in page.text and 'value="99.5"' in page.text
    for path in ("/admin/ai", "/admin/ai/usage", "/admin/ai/usage.csv", "/admin/ai/prices", "/admin/ai/health"):
        answer = show(clinic, path, admin)
        assert answer.status_code == 200 and KEY not in answer.text and ADDRESS not in answer.text
        assert "nowhere-else" not in answer.text
    send(clinic, "/admin/ai", admin, provider="openai", warn_percent="70")
    kept = configured(clinic.services, clinic.scope, "openai")
    assert (kept.enabled, kept.url, kept.key_hint, kept.monthly_budget) == (False, ADDRESS, "…cdef", None)
    send(clinic, "/admin/ai", admin, provider="openai", warn_percent="70", back="1", forget="1")
    gone = configured(clinic.services, clinic.scope, "openai")
    assert gone.url == clinic.services.settings.ai_openai_url and gone.missing == ("KEY",)
    assert clinic.services.vault.read(f"ai/{clinic.made.organization_id}/openai") == ""


def test_what_cannot_be_kept_is_told_beside_its_field_and_what_was_typed_stays(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    wrong = {"url": "ftp://x", "key": "short", "model": "m" * 201, "monthly_budget": "a lot", "warn_percent": "101"}
    for field, told in wrong.items():
        typed = FORM | {"model": "a model of mine", "key": KEY, field: told}
        answer = send(clinic, "/admin/ai", admin, **typed)
        assert answer.status_code == 400 and KEY not in answer.text and "short" not in answer.text, field
        assert 'aria-describedby="fault-openai"' in answer.text and 'id="fault-openai"' in answer.text, field
        assert answer.text.count("<details open>") == 1 and answer.text.count("aria-invalid") == 1, field
        assert typed["model"] in answer.text
    assert configured(clinic.services, clinic.scope, "openai").own is None


def test_a_key_goes_to_no_other_address_than_it_was_told_for(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    send(clinic, "/admin/ai", admin, **FORM, url=ADDRESS, key=KEY)
    answer = send(clinic, "/admin/ai", admin, **FORM, url="https://another.example/v1")
    assert answer.status_code == 400 and "With another address the key must be told again." in answer.text
    assert "https://another.example/v1" in answer.text
    assert send(clinic, "/admin/ai", admin, **FORM | {"provider": "nobody"}).status_code == 400


def test_the_route_tells_who_would_answer_and_why_others_would_not(clinic: Any, clock: TurnedClock) -> None:
    services = clinic.services
    assert (
        route(clinic)["RAI LLM"] == "switched off, no address, no consent"
        and route(clinic)["OpenAI"] == "switched off, no key, no consent"
    )
    assert route(clinic)["RAI Mock"] == "would answer now"
    set_consent(services, clinic.scope, True)
    save(services, clinic.scope, "openai", Change(enabled=True, key=KEY, monthly_budget=Decimal(10)))
    save(services, clinic.scope, "gemini", Change(enabled=False))
    assert route(clinic)["OpenAI"] == "would answer now" and route(clinic)["Gemini"] == "switched off, no key"
    assert route(clinic)["RAI Mock"] == "would answer next"
    services.database.fetch(
        text(
            "insert into ai_budgets (organization_id, provider, month, spent) values"
            " (cast(:o as uuid), 'openai', cast(:month as date), 10)"
        ),
        {"o": clinic.made.organization_id, "month": clock.now().date().replace(day=1)},
    )
    assert route(clinic)["OpenAI"] == "budget spent" and route(clinic)["RAI Mock"] == "would answer now"
    page = show(clinic, "/admin/ai", scope_of(clinic, "admin")).text
    assert "$10.00 / $10.00 · 100 %" in page and "Spent: it is asked no more this month." in page


def route(clinic: Any) -> dict[str, str]:
    """What is told of each of the orchestrator's providers."""
    page = show(clinic, "/admin/ai", scope_of(clinic, "admin")).text
    listed = page.split('<ol class="route">')[1].split("</ol>")[0].split("<li ")[1:]
    return {
        each.split("</span> ")[1].split("</strong>")[0]: each.split("<small>")[1].split("</small>")[0]
        for each in listed
    }


def test_a_provider_is_tested_at_once(clinic: Any) -> None:
    admin = member(clinic, "admin", "Ayse")
    proof = {"X-CSRF-Token": clinic.services.tokens.csrf(admin.session_id), "HX-Request": "true"}

    def tried(**form: str) -> Any:
        return clinic.client.post("/admin/ai/test", data=form, headers=headers(clinic, admin, **proof))

    lacking = tried(provider="openai", kind="text")
    assert "<html" not in lacking.text and "is not set up: KEY" in lacking.text and 'data-copy="' in lacking.text
    whole = send(clinic, "/admin/ai/test", admin, provider="openai", kind="text")
    assert "<html" in whole.text and "is not set up: KEY" in whole.text
    answered = tried(provider="rai-mock", kind="image").text
    assert "It answered in" in answered and "$0.00" in answered
    assert table(show(clinic, "/admin/ai/usage?by=purpose", admin)) == {"Test": 1}
    assert table(show(clinic, "/admin/ai/usage?by=member", admin)) == {"Ayse": 1}
    assert tried(provider="deepseek", kind="image").status_code == 400
    assert tried(provider="nobody").status_code == 400


def test_usage_is_summed_by_day_provider_member_and_report(clinic: Any, clock: TurnedClock, sample: Any) -> None:
    admin, reader = scope_of(clinic, "admin"), member(clinic, "radiologist", "Deniz")
    stored = clinic.add(sample("CT_small.dcm"))
    job = add_prereport(clinic.services, clinic.scope, stored.study, "a")["job"]
    zone = ZoneInfo(clinic.services.settings.time_zone)
    midnight = datetime.combine(clock.now().astimezone(zone).date(), time(), zone)
    call(clinic, midnight, member=reader.member_id, study=stored.study, job=job)
    call(clinic, midnight - timedelta(seconds=1), provider="claude", model="claude-sonnet-4-5", cost="0.0021")
    call(clinic, midnight, cost=None, purpose="health", provider="rai-llm", model="own")
    days = f"since={midnight - timedelta(days=1):%Y-%m-%d}&until={midnight:%Y-%m-%d}"
    page = show(clinic, f"/admin/ai/usage?{days}", admin).text
    assert '<p class="figure"><bdi>$0.2521</bdi></p><p>Cost' in page and '<p class="figure">3</p><p>Calls' in page
    drawn = [json.loads(html.unescape(each)) for each in re.findall("data-chart='([^']*)'", page)]
    assert [each["series"][1]["values"] for each in drawn] == [[0.0021, 0.0], [1, 0], [1200, 0]]
    assert "and 1 calls without a price" in page
    assert table(show(clinic, f"/admin/ai/usage?{days}&by=member", admin)) == {"Deniz": 1, "by the clock": 2}
    assert table(show(clinic, f"/admin/ai/usage?{days}&by=purpose", admin)) == {"Pre-report": 2, "Daily check": 1}
    by_report = show(clinic, f"/admin/ai/usage?{days}&by=report", admin).text
    assert code_of(clinic, stored.study) in by_report and job[:8] in by_report and "of no report" in by_report
    for narrow in (
        f"report={job}",
        f"report={code_of(clinic, stored.study)}",
        f"member={reader.member_id}",
        "model=gpt-5.5",
    ):
        found = show(clinic, f"/admin/ai/usage?{days}&by=model&{narrow}", admin)
        assert table(found) == {"gpt-5.5": 1}, narrow
    assert "No model was asked" in show(clinic, f"/admin/ai/usage?{days}&provider=qwen", admin).text
    lines = show(clinic, f"/admin/ai/usage.csv?{days}", admin).text.removeprefix("\ufeff").splitlines()
    assert len(lines) == 4 and lines[0].startswith("at,purpose,provider,model,member,study_code,job_id")
    assert sum(f"deniz@example.org,{code_of(clinic, stored.study)},{job}" in each for each in lines) == 1
    for wrong in ("since=x", "since=2026-02-01&until=2026-01-01", "by=x", "since=2020-01-01", "member=x"):
        assert show(clinic, f"/admin/ai/usage?{wrong}", admin).status_code == 400, wrong


def table(answer: Any) -> dict[str, int]:
    """How many calls each group has."""
    body = answer.text.split('class="dense sums"')[1].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(\d+)</td>', body, re.DOTALL)
    return {re.sub("<[^>]*>", "", name).strip(): int(calls) for name, calls in rows}


def test_long_periods_are_drawn_by_month(clinic: Any, clock: TurnedClock) -> None:
    admin, now = scope_of(clinic, "admin"), clock.now()
    call(clinic, now - timedelta(days=200))
    page = show(clinic, f"/admin/ai/usage?since={now - timedelta(days=300):%Y-%m-%d}&until={now:%Y-%m-%d}", admin).text
    [drawn, *_] = [json.loads(html.unescape(each)) for each in re.findall("data-chart='([^']*)'", page)]
    assert drawn["unit"] == "month" and 10 <= len(drawn["days"]) <= 11 and sum(drawn["series"][0]["values"]) == 0.25


def test_prices_are_added_from_a_day_and_removed_before_it(clinic: Any, clock: TurnedClock) -> None:
    admin, day = scope_of(clinic, "admin"), today(clinic.services)
    form = {"provider": "openai", "model": "gpt-5.5", "tokens_in": "4,5", "tokens_out": "20"}
    listed = show(clinic, "/admin/ai/prices", admin).text
    assert (
        "gpt-5.5" in listed and "In force" in listed and "read on" in listed and "Your own price counts" not in listed
    )
    save(clinic.services, clinic.scope, "openai", Change(enabled=True, key=KEY))
    assert show(clinic, "/admin/ai/prices", admin).text.count(">Used today<") > listed.count(">Used today<")
    sent = send(clinic, "/admin/ai/prices", admin, **form, effective_from=day.isoformat())
    assert sent.headers["location"] == "/admin/ai/prices?done=saved"
    later = (day + timedelta(days=30)).isoformat()
    send(clinic, "/admin/ai/prices", admin, **form | {"tokens_in": "9"}, effective_from=later)
    own, future = list_prices(clinic.services, clinic.scope)[::-1]
    assert (own.tokens_in, own.tokens_cached, own.image) == (Decimal("4.5"), Decimal("4.5"), Decimal(0))
    page = show(clinic, "/admin/ai/prices", admin).text
    assert "Your own price counts" in page and "$4.50" in page and page.count(chr(34) + "/admin/ai/prices/remove") == 1
    assert send(clinic, "/admin/ai/prices/remove", admin, price=str(future.id)).headers["location"].endswith("removed")
    assert list_prices(clinic.services, clinic.scope) == [own]
    for price in ("x", str(future.id)):
        assert send(clinic, "/admin/ai/prices/remove", admin, price=price).status_code == 404
    for field, told in {"tokens_in": "-1", "tokens_out": "", "effective_from": "2020-01-01", "provider": "x"}.items():
        answer = send(clinic, "/admin/ai/prices", admin, **{**form, "effective_from": later, field: told})
        assert (
            answer.status_code == 400 and f'id="fault-{field}"' in answer.text and 'value="4,5"' in answer.text
        ) or field == "tokens_in"


def test_thirty_days_of_health_are_a_grid_with_words(clinic: Any, clock: TurnedClock) -> None:
    admin, now = scope_of(clinic, "admin"), clock.now()
    assert "Nobody has been asked yet." in show(clinic, "/admin/ai/health", admin).text
    checked(clinic, now - timedelta(days=2), "openai")
    checked(clinic, now - timedelta(days=1), "openai", "is busy: HTTP 503")
    checked(clinic, now - timedelta(days=40), "claude", "long ago")
    page = show(clinic, "/admin/ai/health", admin).text
    grid = page.split('class="dense days"')[1].split("</table>")[0]
    assert [grid.count(f'<span class="unseen">{each}</span></td>') for each in ("answered", "failed", "not asked")] == [
        1,
        1,
        28,
    ]
    assert (
        "1 / 2" in grid and "Claude" not in grid and 'data-copy="is busy: HTTP 503"' in page and "long ago" not in page
    )
    assert "PACS_AI_HEALTH_MAIL" in page


def test_a_run_is_started_and_watched(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    assert send(clinic, "/admin/ai/health", admin).headers["location"] == "/admin/ai/health?run=none"
    assert "nobody to ask" in show(clinic, "/admin/ai/health?run=none", admin).text
    save(clinic.services, clinic.scope, "openai", Change(enabled=True, key=KEY))
    leads = send(clinic, "/admin/ai/health", admin).headers["location"]
    assert clinic.services.queue.depth("ai").waiting == 1
    assert "The providers are being asked" in show(clinic, leads, admin).text
    run = {"organization": clinic.made.organization_id, "run": leads.partition("run=")[2]}
    for name in ("openai", "rai-orchestrator"):
        values = {"provider": name, "at": clinic.services.clock.now(), "kind": "text", "failure": ""}
        clinic.services.database.fetch(CHECK, run | values)
    assert "The run has ended." in show(clinic, leads, admin).text
    assert show(clinic, "/admin/ai/health?run=x", admin).status_code == 400


def test_nothing_of_another_organization_is_shown(clinic: Any, clock: TurnedClock) -> None:
    with clinic.services.database.transaction() as statements:
        there = Scope(add_organization(statements, "Elsewhere"), "admin")
    set_consent(clinic.services, there, True)
    save(clinic.services, there, "openai", Change(enabled=True, key=KEY, model="a-model-elsewhere"))
    now, other = clock.now(), replace(clinic, made=replace(clinic.made, organization_id=there.organization_id))
    call(other, now, model="a-model-elsewhere")
    checked(other, now, "openai", "a failure elsewhere")
    theirs = set_price(clinic.services, there, Price(*(Decimal(7),) * 3, provider="openai", model="a-model-elsewhere"))
    run = f"7a1b2c3d-0000-4000-8000-{now:%Y%m%d%H%M}"
    admin = scope_of(clinic, "admin")
    for path in ("", "/usage", "/usage?by=model", "/usage.csv", "/prices", "/health", f"/health?run={run}"):
        page = show(clinic, f"/admin/ai{path}", admin)
        assert page.status_code == 200 and "elsewhere" not in page.text, path
    assert send(clinic, "/admin/ai/prices/remove", admin, price=str(theirs.id)).status_code == 404
