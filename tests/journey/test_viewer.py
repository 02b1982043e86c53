"""The signed link in a real browser, over the whole archive: pictures, wheel, way back, tabs apart, bad links."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pydicom import Dataset

from tests.browser.chromium import chromium
from tests.browser.test_launch import CHANGED, picture, token_of, turn_wheel
from tests.journey.archive import Archive, until


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def turned(page: Page, before: int) -> None:
    """Turn the wheel, and wait for another picture."""
    turn_wheel(page)
    page.wait_for_function(CHANGED, arg=before)


def test_the_link_draws_what_was_sent_and_leads_back(
    running: Archive, ct: list[Dataset], context: BrowserContext
) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = running.launch(ct[0].StudyInstanceUID, "--return-url", "/viewer/worklist?day=1")
    page.goto(url)
    turned(page, picture(page))
    assert token_of(url) not in page.url
    expect(page.get_by_text("CompressedSamples, CT1")).to_be_visible()
    assert complaints == []
    page.locator("[data-cy=pacs-back]").click()
    # A desk is for those who have signed in: others come to the door first.
    page.wait_for_url(re.compile(r"/login\?next=%2Fviewer%2Fworklist%3Fday%3D1$"))


def test_the_frames_of_an_ultrasound_are_drawn_one_after_another(
    running: Archive, ultrasound: Dataset, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(running.launch(ultrasound.StudyInstanceUID))
    turned(page, picture(page))


def test_two_launches_in_two_tabs_stay_apart(
    running: Archive, ct: list[Dataset], ultrasound: Dataset, context: BrowserContext
) -> None:
    tabs = [(context.new_page(), each.StudyInstanceUID) for each in (ct[0], ultrasound)]
    refused: list[str] = []
    for page, study in tabs:
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page.goto(running.launch(study))
        picture(page)
    tabs[0][0].reload()
    for page, _study in tabs:
        page.bring_to_front()
        turned(page, picture(page))
    assert refused == []


def test_a_link_that_was_changed_or_is_over_says_so_in_two_languages(
    running: Archive, ct: list[Dataset], context: BrowserContext
) -> None:
    page = context.new_page()
    url = running.launch(ct[0].StudyInstanceUID, "--ttl", "1s")
    page.goto(url.replace("token=", "token=x"))
    expect(page.get_by_role("heading", name="This link is not valid")).to_be_visible()
    expect(page.get_by_role("heading", name="Bu bağlantı geçerli değil")).to_be_visible()
    with running.browser(signed_in=False) as browser:
        until(lambda: browser.get(url).status_code == 401, "the link does not end")
    page.goto(url)
    expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()
    expect(page.get_by_role("heading", name="Bu bağlantının süresi doldu")).to_be_visible()
