"""The signed launch in a real browser: OHIF draws, tabs stay apart, and nobody is left before a broken viewer."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pacs import bootstrap
from pacs.local.secrets import SecretsFile
from pacs.people.scope import Scope
from pacs.viewing.launch import launch_url

from .archive import SITE, STUDIES, Archive, serving
from .chromium import CANVAS, DRAWN, PICTURE

CHANGED = f"before => ({PICTURE})(document.querySelector('{CANVAS}')).sum !== before"

Link = Callable[..., str]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The built site and an archive, with the launch function at home in a folder of its own."""
    subprocess.run([sys.executable, SITE.parent / "build.py"], check=True, capture_output=True, timeout=600)
    home = tmp_path_factory.mktemp("home")
    SecretsFile(home / "secrets.json").create()
    archive = Archive()
    with serving(archive) as port, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "PACS_HOME", str(home))
        patch.setitem(os.environ, "PACS_PUBLIC_URL", f"http://127.0.0.1:{port}")
        bootstrap.settings.cache_clear()
        bootstrap.services.cache_clear()
        yield archive
    bootstrap.settings.cache_clear()
    bootstrap.services.cache_clear()


@pytest.fixture
def archive(shared: Archive) -> Archive:
    shared.requests.clear()
    shared.expired = False
    return shared


@pytest.fixture
def link(archive: Archive) -> Link:
    def make(*studies: str, return_url: str = "", privacy: bool = False) -> str:
        services, caller = bootstrap.services(), Scope("00000000-0000-4000-8000-000000000001", "radiologist")
        return launch_url(
            services.settings,
            services.tokens,
            caller,
            studies,
            ttl_s=600,
            return_url=return_url,
            privacy=privacy,
        )

    return make


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def picture(page: Page) -> int:
    """The sum of the picture, once there is one."""
    page.wait_for_function(DRAWN)
    return int(page.locator(CANVAS).first.evaluate(PICTURE)["sum"])


def turn_wheel(page: Page) -> None:
    page.locator(CANVAS).first.hover()
    page.mouse.wheel(0, 120)


def test_a_link_draws_the_study_and_the_wheel_and_the_way_back_work(context: BrowserContext, link: Link) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = link(STUDIES[0], return_url="/viewer/worklist?day=1")
    page.goto(url)
    before = picture(page)
    turn_wheel(page)
    page.wait_for_function(CHANGED, arg=before)
    assert token_of(url) not in page.url
    # One page from the start, and the viewer: the link itself is not in the tab's history.
    assert page.evaluate("[history.length, document.referrer]") == [2, ""]
    expect(page.get_by_text("CompressedSamples, CT1")).to_be_visible()
    assert complaints == []
    page.locator("[data-cy=pacs-back]").click()
    expect(page.get_by_role("heading", name="worklist")).to_be_visible()
    assert page.url.endswith("/viewer/worklist?day=1")


def test_two_launches_in_two_tabs_do_not_disturb_one_another(
    context: BrowserContext, link: Link, archive: Archive
) -> None:
    tabs = []
    for study in STUDIES:
        tabs.append((context.new_page(), link(study), study))
        tabs[-1][0].goto(tabs[-1][1])
        picture(tabs[-1][0])
    tabs[0][0].reload()
    before = picture(tabs[0][0])
    turn_wheel(tabs[0][0])
    tabs[0][0].wait_for_function(CHANGED, arg=before)
    for _page, url, study in tabs:
        bearers = {bearer for path, bearer in archive.requests if f"/{study}/" in path}
        assert bearers == {token_of(url)}
    cookies = [each for each in context.cookies() if each["name"].startswith("pacs_launch_")]
    assert {each["path"] for each in cookies} == {f"/dicomweb/studies/{study}" for study in STUDIES}
    assert all(each["httpOnly"] and each["sameSite"] == "Strict" for each in cookies)


def test_a_link_that_expires_while_somebody_reads_says_so(
    context: BrowserContext, link: Link, archive: Archive
) -> None:
    page = context.new_page()
    page.goto(link(STUDIES[0]))
    picture(page)
    assert page.locator("[data-cy=pacs-back]").count() == 0
    viewer = page.url
    archive.expired = True
    page.reload()
    expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()
    expect(page.get_by_role("heading", name="Bu bağlantının süresi doldu")).to_be_visible()
    page.evaluate("sessionStorage.setItem('pacs.launch', JSON.stringify({ token: 'x' }))")
    page.goto(viewer)
    expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()


def test_a_tab_without_a_link_is_told_that_it_needs_one(context: BrowserContext, archive: Archive) -> None:
    page = context.new_page()
    origin = bootstrap.services().settings.origin
    page.goto(f"{origin}/ohif-viewer/viewer?StudyInstanceUIDs={STUDIES[0]}")
    expect(page.get_by_role("heading", name="No study is open in this tab")).to_be_visible()
    assert archive.requests == []


def test_an_archive_that_does_not_answer_is_told_of(context: BrowserContext, link: Link) -> None:
    page = context.new_page()
    page.route("**/ohif/config*", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(link(STUDIES[0]))
    expect(page.get_by_text("The viewer could not start")).to_be_visible()
    expect(page.get_by_text("(503)")).to_be_visible()


def test_turkish_browsers_get_turkish_and_privacy_hides_the_name(browser: Browser, link: Link) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="tr")
    page = context.new_page()
    page.goto(link(STUDIES[0], return_url="/viewer/", privacy=True))
    picture(page)
    expect(page.get_by_text("Tetkikler")).to_be_visible()
    expect(page.locator("[data-cy=pacs-back]")).to_have_text("← Geri")
    assert page.get_by_text("CompressedSamples").count() == 0
    context.close()
