"""A pre-report in a real browser: asked for in the list, watched at the desk, read, taken over twice, and signed."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Browser, Page, expect
from pydicom.uid import UID
from sqlalchemy import text

from pacs.ai.configuring import set_consent
from pacs.ai.working import work
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.functions.conftest import clinic, sample
from tests.models.fake_models import FakeModels
from tests.models.fake_models import serving as serving_models
from tests.portal.people import members_of_each_role, named

__all__ = ["clinic", "sample"]

STUDY = "1.2.95"
FINDING = "Sağ akciğer apeksinde ince, serbest hava hattı izlenmektedir. Plevral effüzyon saptanmadı."
CRITICAL = "Sağda pnömotoraks"
VIEWER = "<!doctype html><title>Images</title><body style='background:#000'>"


@pytest.fixture
def ward(clinic: Any, sample: Callable[[str], bytes]) -> Iterator[tuple[Any, FakeModels]]:
    """A clinic with a study of five slices; of the models one is not where it should be."""
    members_of_each_role(clinic)
    for number in range(1, 6):
        clinic.add(sliced(named(sample("CT_small.dcm"), STUDY, "YILMAZ^AYŞE"), number))
    set_consent(clinic.services, clinic.scope, True)
    with serving_models() as models:
        models.finding, models.critical = FINDING, (CRITICAL,)
        told = {"ai_openai_url": models.url, "ai_openai_key": "a-key", "ai_rai_llm_url": f"{models.url}/nowhere"}
        clinic.services.__dict__["settings"] = replace(clinic.services.settings, **told)
        yield clinic, models


def sliced(body: bytes, number: int) -> bytes:
    dataset = pydicom.dcmread(BytesIO(body))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{STUDY}.1.{number}")
    dataset.InstanceNumber, dataset.SeriesDescription = number, "Toraks"
    written = BytesIO()
    dataset.save_as(written)
    return written.getvalue()


@contextmanager
def working(clinic: Any) -> Iterator[None]:
    """The queue's worker does what waits, meanwhile."""
    rows = clinic.services.database.fetch(text("select cast(id as text) as id from ai_jobs where status = 'queued'"))
    jobs = [row["id"] for row in rows]
    assert jobs
    arguments = (clinic.services, clinic.made.organization_id, jobs[0])
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_radiologist_asks_reads_takes_over_and_signs(browser: Browser, ward: tuple[Any, FakeModels]) -> None:
    clinic, models = ward
    with serving(clinic) as origin:
        page = new_context(browser, reduced_motion="reduce").new_page()
        page.route("**/ohif?*", lambda route: route.fulfill(body=VIEWER, content_type="text/html"))
        said = complaints(page)
        enter(page, origin, "radiologist")
        asks_in_the_list(page, origin)
        watches(page, clinic, models)
        reads(page)
        takes_over(page)
        takes_over_into_words(page, clinic)
        signs(page, origin)
        assert said == []
        page.context.close()


def asks_in_the_list(page: Page, origin: str) -> None:
    page.goto(f"{origin}/worklist")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("i")
    page.wait_for_url("**/viewer/*")
    expect(page.locator(".progress")).to_contain_text("Waiting for its turn")


def watches(page: Page, clinic: Any, models: FakeModels) -> None:
    """The one after that takes its time; each step is told once to those who listen."""
    models.always, models.slow_s = {"": "slow"}, 2.0
    with working(clinic):
        expect(page.locator(".progress")).to_contain_text("Asking a model · OpenAI")
        expect(page.locator("#ai-said")).to_have_text("Asking a model")
        looked_at(page, "desk-ai-progress")
        expect(page.locator(".draft")).to_contain_text(FINDING)
    expect(page.locator("#ai-said")).to_have_text("The pre-report is ready.")
    expect(page.locator("#critical")).to_contain_text(CRITICAL)


def reads(page: Page) -> None:
    draft = page.locator(".draft")
    expect(draft).to_contain_text("A machine has made this")
    draft.get_by_text("Who was asked").click()
    expect(draft).to_contain_text("RAI LLM (Qwen/Qwen2.5-VL-7B-Instruct): failed, not set up")
    pictures = draft.locator("[data-picture] img")
    expect(pictures.first).to_be_visible()
    pictures.first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.looked img').naturalWidth > 0")
    draft.get_by_text("What was sent, and what was left out").click()
    expect(draft.locator(".sent")).to_contain_text("Toraks")
    expect(draft.locator(".sent")).not_to_contain_text(re.compile("yilmaz|yılmaz|ayşe", re.IGNORECASE))
    looked_at(page, "desk-ai-sent")
    draft.locator("[data-picture]").first.click()
    picture = page.locator("#picture")
    expect(picture.locator("h2")).to_contain_text("(1/")
    page.keyboard.press("ArrowRight")
    expect(picture.locator("h2")).to_contain_text("(2/")
    looked_at(page, "desk-ai-image")
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    page.locator("h1").scroll_into_view_if_needed()
    looked_at(page, "desk-ai-dark")
    page.emulate_media(color_scheme="light")
    keep_picture(page, "desk-ai")


def takes_over(page: Page) -> None:
    """Of a study that nobody has claimed yet: one key claims it and begins the report."""
    with page.expect_navigation():
        page.keyboard.press("y")
    expect(page.locator("[data-section=findings]")).to_have_text(FINDING)
    expect(page.locator("[data-section=impression]")).to_contain_text(CRITICAL)


def takes_over_into_words(page: Page, clinic: Any) -> None:
    """What was typed and not saved yet is saved, is part of what is compared, and stays."""
    page.locator("#ai > summary").click()
    page.locator("[name=provider]").select_option("rai-mock")
    page.keyboard.press("i")
    expect(page.locator(".progress")).to_be_visible()
    with working(clinic):
        expect(page.locator(".draft")).to_have_count(2)
    findings = page.locator("[data-section=findings]")
    findings.press_sequentially("Ek: ")
    findings.press("Escape")
    page.keyboard.press("y")
    expect(page.locator(".taking .changes ins").first).to_contain_text("MOCK")
    expect(page.locator(".taking .changes", has_text="Ek: Sağ akciğer").locator("del")).to_have_count(0)
    looked_at(page, "desk-ai-differences")
    page.keyboard.press("Enter")
    expect(findings).to_have_text(re.compile("^Ek: Sağ akciğer.*MOCK"))
    expect(page.locator("#ai-taken")).to_have_text("Taken over. Read it before you sign.")
    expect(page.locator("[data-section=findings][data-inserted]")).to_be_visible()
    findings.press_sequentially("Okundu. ")
    expect(page.locator("#saved")).to_have_text("Saved")


def signs(page: Page, origin: str) -> None:
    page.keyboard.press("Control+Enter")
    page.locator("#signing").get_by_role("button", name="Sign", exact=True).click()
    page.wait_for_url("**/reports/*?done=signed")
    expect(page.locator("article.signed")).to_contain_text("Okundu. Ek: Sağ akciğer")
    page.goto(f"{origin}/worklist?order=newest")
    expect(page.locator(".mark")).to_have_text("AIThere is a pre-report")
    looked_at(page, "worklist-radiologist")


def looked_at(page: Page, name: str) -> None:
    assert serious(page) == [], name
    keep_picture(page, name)
