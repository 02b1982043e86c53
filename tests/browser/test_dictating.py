"""Dictating in a real browser: a microphone that plays a recording, the report beside what was said, the desk."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import text

from pacs.bootstrap import local_workflow
from pacs.people.scope import Scope
from pacs.reading.work import claim
from pacs.reporting.credits import add_credits
from pacs.reporting.drafts import create_draft
from tests.browser.chromium import FLAGS
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.dictation.working import work
from tests.functions.conftest import clinic, sample
from tests.models.fake_models import serving as serving_models
from tests.portal.people import code_of, members_of_each_role, named

__all__ = ["clinic", "sample"]

SPOKEN = Path(__file__).parents[1] / "dictation" / "audio" / "turkish.wav"
HEARD = "Her iki akciğer normal. Sol böbrekte 4 mm taş. Sonuç: Nefrolitiazis."


@pytest.fixture
def listening() -> Iterator[Browser]:
    """A browser whose microphone plays a recording."""
    flags = [*FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*flags, f"--use-file-for-fake-audio-capture={SPOKEN}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def ward(clinic: Any) -> Iterator[Any]:
    """A clinic with models, credits and one of each role."""
    members_of_each_role(clinic)
    with serving_models() as models:
        models.text = HEARD
        urls = {"speech_url": models.url, "speech_model": "a", "language_url": models.url, "language_model": "b"}
        clinic.services.__dict__["settings"] = replace(clinic.services.settings, **urls)
        clinic.services.workflow = tables = local_workflow(clinic.services.settings)
        tables.create_tables()
        add_credits(clinic.services.database, clinic.services.clock, clinic.scope, 40, "invoice")
        yield clinic
        tables.close()


def record(page: Page) -> None:
    """Some words, a pause, some more."""
    button = page.locator("[data-record]")
    button.click()
    expect(page.locator("[data-elapsed]")).to_have_text("0:01")
    assert page.evaluate("document.querySelector('meter').value > 0")
    button.click()
    expect(button).to_have_text("Go on")
    button.click()
    expect(button).to_have_text("Pause")
    page.locator("[data-finish]").click()


def work_all(ward: Any) -> None:
    """What the workflow does with the jobs that wait."""
    rows = ward.services.database.fetch(text("select cast(id as text) as id from report_jobs where status = 'pending'"))
    for row in rows:
        work(ward.services, Scope(ward.made.organization_id, "system"), row["id"])


def test_a_radiologist_dictates_and_goes_on_with_the_report(
    listening: Browser, ward: Any, sample: Callable[[str], bytes]
) -> None:
    with serving(ward) as origin:
        # Where recordings are sent.
        ward.services.__dict__["settings"] = replace(
            ward.services.settings, public_url=origin, public_ohif_url="https://viewer.example"
        )
        ward.services.__dict__.pop("_stores")
        context = new_context(listening)
        page = context.new_page()
        said = complaints(page)
        enter(page, origin, "radiologist")
        keeps_templates(page, origin)
        page.goto(f"{origin}/dictate")
        page.locator("[name=title]").fill("Batın BT")
        page.locator("[name=modality]").select_option("CT")
        page.locator("select[name=language]").select_option("tr")
        record(page)
        expect(page.locator("#preview")).to_be_visible()
        looked_at(page, "dictate")
        page.get_by_role("button", name="Make the report").click()
        page.wait_for_url("**/dictate/*")
        work_all(ward)
        expect(page.locator("[data-section=impression]")).to_have_text("Nefrolitiazis.")
        expect(page.locator("#audio")).to_be_visible()
        page.get_by_role("button", name="Sol böbrekte 4 mm taş.").click()
        page.wait_for_function("document.getElementById('audio').currentTime > 0")
        page.locator("[data-section=findings]").press_sequentially("Ek: ")
        expect(page.locator("#saved")).to_have_text("Saved")
        looked_at(page, "dictation")
        with page.expect_download() as taken:
            page.get_by_role("button", name="TXT").click()
        assert "Ek: Her iki akciğer normal." in Path(taken.value.path()).read_text(encoding="utf-8")
        dictates_at_the_desk(page, origin, ward, sample)
        is_heard_by_this_machine(page, origin, ward)
        assert said == []


def is_heard_by_this_machine(page: Page, origin: str, ward: Any) -> None:
    """What the microphone hears is real speech, and Whisper hears it in the recording that the browser has made."""
    settings = ward.services.settings
    ward.services.__dict__["settings"] = replace(settings, speech_url="whisper:")
    ward.services.__dict__.pop("speech")
    page.goto(f"{origin}/dictate")
    page.locator("[name=title]").fill("Toraks BT")
    page.locator("select[name=language]").select_option("tr")
    page.locator("[data-record]").click()
    expect(page.locator("[data-elapsed]")).to_have_text("0:06")  # more than the recording is long
    page.locator("[data-finish]").click()
    page.get_by_role("button", name="Make the report").click()
    page.wait_for_url("**/dictate/*")
    work_all(ward)
    for word in ("sonu", "patolo", "normal"):  # a small model spells endings in its own way
        expect(page.locator("#report")).to_contain_text(word, ignore_case=True)
        expect(page.locator(".said")).to_contain_text(word, ignore_case=True)
    shutil.rmtree(settings.home / "whisper")  # 145 MB, which pytest would keep for three runs


def keeps_templates(page: Page, origin: str) -> None:
    """Made with the keyboard and emphasis, found by its modality, changed and deleted."""
    page.goto(f"{origin}/templates/new")
    page.locator("[name=name]").fill("Diz MR")
    page.locator("select[name=modality]").select_option("MR")
    page.locator("[data-section=technique]").focus()
    page.get_by_role("button", name="Bold").click()
    page.keyboard.type("Rutin diz protokolü.")
    page.locator("[data-section=findings]").press_sequentially("Bulgular: {{BULGULAR}}")
    looked_at(page, "template")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/templates")
    looked_at(page, "templates")
    page.locator("select[name=modality]").select_option("CT")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.locator("select[name=modality]").select_option("MR")
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="Diz MR").click()
    expect(page.locator("[data-section=technique] b")).to_have_text("Rutin diz protokolü.")
    expect(page.locator("[data-section=findings]")).to_have_text("Bulgular: {{BULGULAR}}")
    looked_at(page, "template-dark")
    page.emulate_media(color_scheme="light")
    page.locator("[name=name]").fill("Diz")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Diz", exact=True).click()
    page.get_by_role("button", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There are no templates yet.")).to_be_visible()


def dictates_at_the_desk(page: Page, origin: str, ward: Any, sample: Callable[[str], bytes]) -> None:
    """Into the draft of a study: shown as inserted, and not signed."""
    ward.add(named(sample("CT_small.dcm"), "1.2.91", "YILMAZ^AYŞE"))
    [row] = ward.services.database.fetch(
        text("select cast(id as text) as id from organization_members where email = 'radiologist@example.org'")
    )
    reader = Scope(ward.made.organization_id, "radiologist", branches=(ward.made.branch_id,), member_id=row["id"])
    code = code_of(ward, "1.2.91")
    claim(ward.services, reader, code)
    create_draft(ward.services, reader, code, sections={"findings": "<p>Akciğerler:</p>"})
    page.goto(f"{origin}/viewer/{code}")
    with page.expect_response(lambda answer: answer.url.endswith("/api/dictations"), timeout=30_000) as taken:
        record(page)
    assert taken.value.status == 201
    expect(page.locator("#heard")).to_have_text("What was dictated is being sorted…")
    work_all(ward)
    expect(page.locator("[data-section=findings]")).to_have_text(re.compile("^Akciğerler:.*4 mm taş"))
    expect(page.locator("#heard")).to_have_text("Inserted from the dictation. Read it before you sign.")
    expect(page.locator("[data-section=impression][data-inserted]")).to_have_text("Nefrolitiazis.")
    expect(page.locator("#saved")).to_have_text("Saved")
    assert page.get_by_role("button", name="Verify and sign").is_visible()
    looked_at(page, "desk-dictation")


def looked_at(page: Page, name: str) -> None:
    assert serious(page) == [], name
    keep_picture(page, name)
