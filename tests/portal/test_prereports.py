"""Pre-reports beside a study: the button, the progress, the draft, what failed, taking over, and marks in the list."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
from sqlalchemy import text

from pacs.ai.choosing import Why
from pacs.ai.configuring import Change, save, set_consent
from pacs.ai.drafts import CONFIDENCES
from pacs.ai.presets import PRESETS
from pacs.ai.previews import Reason
from pacs.ai.windows import WINDOWS
from pacs.people.scope import Scope
from pacs.portal import prereport_words as words
from pacs.reading.work import claim
from pacs.reporting.drafts import create_draft, list_reports, read_report, save_draft
from pacs.reporting.signing import Again, sign_report
from tests.ai.rows import add_prereport
from tests.portal.people import code_of, member, named
from tests.portal.visits import headers, scope_of, send, show

EVIL = "<img src=x onerror=alert(1)>"
STUDY = "1.2.61"
DOCUMENT = {
    "technique": "Kontrastsız.",
    "comparison": "",
    "findings": f"Sağda pnömotoraks. {EVIL}\nKalp normal.",
    "impression": "Pnömotoraks.",
    "critical_findings": [{"finding": "Tansiyon pnömotoraks", "why": "Mediasten kaymış", "images": [1]}],
    "confidence": "medium",
    "images_used": [1],
}
IMAGES = [
    {"number": 1, "series_instance_uid": f"{STUDY}.1", "frame": 1, "window": "lung", "why": "middle"},
    {"number": 2, "series_instance_uid": "elsewhere", "frame": 7, "window": "", "why": "evenly spaced"},
]
ATTEMPTS = [
    {"provider": "rai-llm", "model": "", "outcome": "skipped", "why": "not-configured", "seconds": 0, "cost": "0"},
    {"provider": "openai", "model": "gpt-5.5", "outcome": "failed", "why": "busy", "seconds": 3.2, "cost": None},
    {"provider": "gemini", "model": "g", "outcome": "answered", "why": "", "seconds": 9.1, "cost": "0.0123"},
]


@dataclass(frozen=True)
class Desk:
    """A study whose reader has not claimed it yet."""

    clinic: Any
    code: str
    reader: Scope

    @property
    def path(self) -> str:
        return f"/viewer/{self.code}/ai"

    def part(self, path: str = "", scope: Scope | None = None) -> str:
        answer = show(self.clinic, self.path + path, scope or self.reader, **{"HX-Request": "true"})
        assert answer.status_code == 200
        return str(answer.text)

    def press(self, path: str = "", *, by_htmx: bool = True, scope: Scope | None = None, **form: Any) -> Any:
        scope = scope or self.reader
        sent = headers(self.clinic, scope, **({"HX-Request": "true"} if by_htmx else {}))
        form["csrf"] = self.clinic.services.tokens.csrf(scope.session_id)
        return self.clinic.client.post(self.path + path, data=form, headers=sent, follow_redirects=False)

    def drafted(self, **more: Any) -> dict[str, str]:
        """A draft with a critical finding: the identifiers of its job and itself."""
        made = add_prereport(self.clinic.services, self.reader, STUDY, "x")
        documents = {"document": DOCUMENT, "images": IMAGES, **more}
        self.fetch(
            "update ai_report_drafts set document = cast(:document as jsonb), images = cast(:images as jsonb),"
            " critical = true, cost = 0.0123, provider = 'gemini', model = 'gemini-x' where id = cast(:draft as uuid)",
            draft=made["draft"],
            **{name: json.dumps(value) for name, value in documents.items()},
        )
        self.fetch(
            "update ai_jobs set attempts = cast(:attempts as jsonb) where id = cast(:job as uuid)",
            job=made["job"],
            attempts=json.dumps(ATTEMPTS),
        )
        return made

    def fetch(self, statement: str, **values: Any) -> Any:
        return self.clinic.services.database.fetch(text(statement), values)


@pytest.fixture
def desk(clinic: Any, sample: Callable[[str], bytes]) -> Desk:
    clinic.add(named(sample("CT_small.dcm"), STUDY, "YILMAZ^AYŞE"))
    set_consent(clinic.services, clinic.scope, True)
    return Desk(clinic, code_of(clinic, STUDY), member(clinic, "radiologist"))


def test_words_are_there_for_all_that_is_told(desk: Desk) -> None:
    assert {each.name: each.label for each in PRESETS.values()} == words.PRESETS
    assert set(words.CONFIDENCES) == set(CONFIDENCES)
    assert set(words.LEFT_OUT) == set(get_args(Reason)) and set(words.RULES) == set(get_args(Why))
    assert set(words.WINDOWS) == set(WINDOWS)
    page = show(desk.clinic, f"/viewer/{desk.code}", desk.reader).text
    assert f'hx-get="{desk.path}"' in page and 'id="critical"' in page and "/prereport.js" in page
    assert 'id="prereports"' not in show(desk.clinic, f"/viewer/{desk.code}", member(desk.clinic, "centre")).text


def test_who_cannot_be_asked_says_why_and_two_presses_are_one_job(desk: Desk) -> None:
    first = desk.part()
    assert '<option value="rai-orchestrator" selected>RAI Orchestrator</option>' in first
    assert '<option value="openai" disabled>OpenAI (no key)</option>' in first
    assert "There is no pre-report of this study yet." in first and '<option value="en" lang="en" selected>' in first
    assert '<option value="tr" lang="tr" selected>' in desk.part("?language=tr")
    [key] = re.findall(r'name="request_key" value="(\w+)"', first)
    wish = {"request_key": key, "provider": "rai-mock", "preset": "brain-ct", "language": "tr"}
    asked = [desk.press(**wish) for _ in range(2)]
    assert [each.status_code for each in asked] == [200, 200]
    [job] = desk.fetch("select cast(id as text) as id, preset from ai_jobs")
    running = asked[1].text
    assert job["preset"] == "brain-ct" and "Waiting for its turn" in running and f"/jobs/{job['id']}?seen=" in running
    assert desk.press(**{**wish, "provider": "openai", "request_key": "another"}).status_code in (409, 503)
    admin = member(desk.clinic, "admin")
    assert 'name="request_key"' not in desk.part(scope=admin)
    assert desk.press(scope=admin).status_code == 403


def test_each_new_step_is_told_once_and_the_end_brings_the_panel(desk: Desk) -> None:
    desk.press(request_key="a", provider="rai-mock")
    [job] = desk.fetch("select cast(id as text) as id from ai_jobs")
    desk.fetch("update ai_jobs set status = 'running', step = 'asking openai', held_until = now() + interval '1 day'")
    progress = desk.part(f"/jobs/{job['id']}?seen=queued")
    assert "Asking a model" in progress and "<bdi>OpenAI</bdi>" in progress and 'id="ai-said"' in progress
    assert 'id="ai-said"' not in desk.part(f"/jobs/{job['id']}?seen=asking%20openai")
    assert "Nothing was sent." in desk.part(f"/jobs/{job['id']}/sent")
    cancelled = desk.press("/cancel", job=job["id"])
    assert "The pre-report was cancelled." in cancelled.text
    ended = show(desk.clinic, f"{desk.path}/jobs/{job['id']}", desk.reader, **{"HX-Request": "true"})
    assert ended.headers["HX-Retarget"] == "#prereports" and "The pre-report was cancelled." in ended.text


def test_a_draft_is_shown_with_what_it_rests_on(desk: Desk) -> None:
    made = desk.drafted()
    page = desk.part()
    assert EVIL not in page and "onerror=alert" in page and "Sağda pnömotoraks." in page
    assert "<strong>Tansiyon pnömotoraks</strong>: Mediasten kaymış" in page and "(Images 1)" in page
    assert "A machine has made this" in page and "gemini-x" in page and "$0.0123" in page
    assert f'src="/ai/jobs/{made["job"]}/images/2"' in page and "lung window" in page and "/ 7" in page
    assert "middle of the series" in page and "evenly spaced" in page, "by which rules they were chosen"
    assert page.count('class="used"') == 1 and "the pre-report rests on it" in page
    assert "passed over, not set up" in page and "failed, too busy" in page and "cost unknown" in page
    assert '<details class="draft" open>' in page and "Take over into the report" in page
    assert "AI sees a possible critical finding" in page and "by e-mail" not in page
    desk.fetch("update ai_jobs set reason = 'NOT_TOLD'")
    assert "Nobody could be told of it by e-mail." in desk.part()
    sent = desk.part(f"/jobs/{made['job']}/sent")
    assert "RAI Mock" in sent and "Images: 1" in sent
    assert show(desk.clinic, f"/viewer/1.2.3/ai/jobs/{made['job']}", desk.reader).status_code == 404
    stranger = replace(desk.reader, branches=())
    for path in ("", f"/jobs/{made['job']}", f"/jobs/{made['job']}/sent"):
        assert show(desk.clinic, desk.path + path, stranger).status_code == 404
    assert desk.press("/take", scope=stranger, draft=made["draft"]).status_code == 404
    noted = desk.fetch("select distinct action, subject from audit where study_instance_uid = :study", study=STUDY)
    assert {("read-report", "drafts of models"), ("view", f"{made['job']}: what was sent")} <= {
        (row["action"], row["subject"]) for row in noted
    }


def test_what_failed_can_be_copied_and_tried_again(desk: Desk) -> None:
    made = desk.drafted()
    desk.fetch("delete from ai_report_drafts")
    desk.fetch("update ai_jobs set status = 'failed', reason = 'NOBODY_ANSWERED'")
    page = desk.part()
    assert "The pre-report could not be made." in page and "Nobody has answered." in page
    assert f'data-copy="{made["job"]} NOBODY_ANSWERED"' in page and "Try again" in page
    desk.fetch("update ai_jobs set reason = 'OVER_BUDGET'")
    assert "the budget of the month is used up" in desk.part()
    set_consent(desk.clinic.services, desk.clinic.scope, False)
    refused = desk.press(by_htmx=False, request_key="b")
    assert refused.status_code == 403 and "Nobody has agreed yet" in refused.text
    assert '<option value="rai-orchestrator" disabled>RAI Orchestrator (no consent yet)</option>' in desk.part()


def test_a_draft_begins_the_report_or_comes_to_its_words_when_somebody_has_looked(desk: Desk) -> None:
    made, services = desk.drafted(), desk.clinic.services
    begun = desk.press("/take", draft=made["draft"])
    assert (begun.status_code, begun.headers["HX-Redirect"]) == (204, f"/viewer/{desk.code}")
    [report] = list_reports(services, desk.reader, desk.code)
    page = show(desk.clinic, f"/viewer/{desk.code}", desk.reader).text
    assert f'data-report="{report["id"]}"' in page and "<p>Kalp normal.</p>" in page and EVIL not in page
    assert "AI sees a possible critical finding" in page and "taken over" in desk.part()
    again = desk.press("/take", draft=made["draft"]).text
    assert "Your report says all of this already." in again
    saved = save_draft(services, desk.reader, report["id"], report["version"], {"findings": "<p>Mine.</p>"})
    seen = desk.press("/take", draft=made["draft"], version=report["version"]).text
    assert "The report has changed meanwhile." in seen and "Mine." in seen and "<ins>" in seen
    taken = desk.press("/take", draft=made["draft"], version=saved["version"])
    assert (taken.status_code, taken.text, taken.headers["HX-Trigger"]) == (200, "", "taken")
    sections = read_report(services, desk.reader, report["id"])["sections"]
    assert sections["findings"].startswith("<p>Mine.</p><p>Sağda") and EVIL not in sections["findings"]


def test_a_report_without_words_is_filled_at_once(desk: Desk) -> None:
    made, services = desk.drafted(), desk.clinic.services
    claim(services, desk.reader, desk.code)
    create_draft(services, desk.reader, desk.code)
    assert desk.press("/take", draft=made["draft"]).headers["HX-Trigger"] == "taken"
    other = member(desk.clinic, "radiologist", "Deniz")
    assert "Take over into the report" not in desk.part(scope=other)
    assert desk.press("/take", scope=other, draft=made["draft"]).status_code == 409
    assert desk.press("/take", scope=scope_of(desk.clinic, "centre"), draft=made["draft"]).status_code == 403


def test_the_list_marks_studies_and_asks_by_a_button(desk: Desk) -> None:
    services = desk.clinic.services
    assert "There is a pre-report" not in show(desk.clinic, "/worklist", desk.reader).text
    desk.drafted()
    page = show(desk.clinic, "/worklist", desk.reader).text
    assert "AI sees a possible critical finding" in page
    assert "AI sees" not in show(desk.clinic, "/worklist", member(desk.clinic, "centre")).text
    [key] = re.findall(rf'name="request_key" value="(\w+-{desk.code})" formaction="{desk.path}"', page)
    save(services, desk.clinic.scope, "rai-mock", Change(enabled=True))
    asked = desk.press(by_htmx=False, study=desk.code, request_key=key)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/viewer/{desk.code}")
    claim(services, desk.reader, desk.code)
    report = create_draft(services, desk.reader, desk.code, sections={"findings": "<p>Normal</p>"})
    sign_report(services, desk.reader, report["id"], 1, Again())
    page = show(desk.clinic, "/worklist?order=newest", desk.reader).text
    assert "There is a pre-report" in page and "AI sees" not in page and desk.path not in page
    assert "AI sees" not in show(desk.clinic, f"/viewer/{desk.code}", desk.reader).text
    assert send(desk.clinic, desk.path, desk.reader, request_key=key).status_code == 303
