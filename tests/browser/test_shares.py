"""Links for people from outside in a browser that knows nothing of us: the page, the viewer, a report, and the end.

With PACS_SCREENSHOTS=1 the pictures of docs/screenshots are made anew.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from pacs.reading.work import claim
from pacs.reporting.drafts import create_draft
from pacs.reporting.signing import Again, sign_report
from tests.browser.test_launch import picture, token_of
from tests.browser.visiting import complaints, keep_picture, new_context, serious
from tests.functions.conftest import clinic, sample
from tests.functions.doors import PASSWORD

__all__ = ["clinic", "sample"]

DIRECTIONS = {"tr": "ltr", "en": "ltr", "fa": "rtl", "ru": "ltr"}
READ = {"tr": "Raporu oku", "fa": "خواندن گزارش"}
SECTIONS = {"findings": "<p>Sağ akciğerde 4 mm nodül.</p>", "impression": "<p>Kontrol önerilir.</p>"}
# A viewer that knows manifests alone.
MANIFESTS = """
window.PUBLIC_URL = '/ohif-viewer/';
console.time('scriptToView');
window.browserImportFunction = path => import(path);
window.config = ({ servicesManager }) => ({
  routerBasename: '/ohif-viewer', extensions: [], modes: [], showStudyList: false, maxNumberOfWebWorkers: 1,
  investigationalUseDialog: { option: 'never' }, defaultDataSourceName: 'dicomjson',
  dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomjson', sourceName: 'dicomjson',
    configuration: { friendlyName: 'manifests', name: 'json' } }],
  customizationService: { global: { 'ohif.tours': { $set: [] } } },
});
"""


@pytest.fixture
def served(clinic: Any, sample: Callable[[str], bytes]) -> Iterator[Any]:
    """A clinic with one study, at an address of its own."""
    clinic.study = clinic.add(sample("CT_small.dcm")).study
    clinic.derive()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    clinic.origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    clinic.services.settings = replace(clinic.services.settings, public_url=clinic.origin)
    config = uvicorn.Config(clinic.client.app, loop="asyncio", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield clinic
    server.should_exit = True
    thread.join()
    listening.close()


def shared(clinic: Any, scope: Scope | None = None, **asked: Any) -> dict[str, Any]:
    made = clinic.client.post("/api/share", headers=clinic.bearer(scope), json=asked)
    assert made.status_code == 201
    return dict(made.json())


def revoke(clinic: Any, made: dict[str, Any]) -> None:
    assert clinic.client.delete(f"/api/shares/{made['id']}", headers=clinic.bearer()).status_code == 204


def visitor(browser: Browser, **options: Any) -> tuple[BrowserContext, Page, list[str]]:
    """Somebody who was never here: nothing is kept in this profile."""
    context = new_context(browser, **options)
    page = context.new_page()
    return context, page, complaints(page)


def test_a_link_with_a_pin_opens_the_viewer_and_ends_at_once(browser: Browser, served: Any) -> None:
    made = shared(served, studies=[served.study], pin="4711")
    context, page, said = visitor(browser, locale="fa-IR")
    context.set_default_timeout(30_000)
    for language, direction in DIRECTIONS.items():
        page.goto(f"{made['url']}&lang={language}")
        expect(page.locator("html")).to_have_attribute("dir", direction)
        assert serious(page) == [], language
        keep_picture(page, f"share-{language}")
    page.goto(made["url"])
    expect(page.locator("html")).to_have_attribute("lang", "fa")
    page.locator("[name=pin]").fill("0000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert serious(page) == []
    assert [each for each in said if "401" not in each] == []
    page.locator("[name=pin]").fill("4711")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ohif-viewer/**", wait_until="commit")
    before = picture(page)
    assert before and served.study not in page.url
    assert "CompressedSamples" not in page.content()
    revoke(served, made)
    page.goto(f"{made['url']}&lang=en")
    expect(page.get_by_text("This link was taken back.")).to_be_visible()
    context.close()


def test_a_report_is_read_from_right_to_left_and_in_turkish(browser: Browser, served: Any) -> None:
    made, member = {}, ""
    with served.services.database.transaction() as statements:
        new = NewMember("r@example.org", PASSWORD, "radiologist", "Dr. Okur", [served.made.branch_id])
        member = add_member(statements, served.scope, new)
    reader = Scope(served.made.organization_id, "radiologist", (served.made.branch_id,), member_id=member)
    code = served.services.database.fetch(text("select code from studies"))[0]["code"]
    claim(served.services, reader, code)
    report = create_draft(served.services, reader, code, sections=SECTIONS)
    sign_report(served.services, reader, report["id"], report["version"], Again(PASSWORD))
    made = shared(served, reader, report=report["id"], may_download=True)
    for language, direction in (("tr", "ltr"), ("fa", "rtl")):
        context, page, said = visitor(browser, locale=language)
        page.goto(made["url"])
        assert serious(page) == []
        page.get_by_role("button", name=READ[language]).click()
        expect(page.get_by_text("Sağ akciğerde 4 mm nodül.")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("dir", direction)
        expect(page.locator("article")).to_have_attribute("dir", "ltr")
        assert serious(page) == [] and "CompressedSamples" not in page.content()
        keep_picture(page, f"shared-report-{language}")
        with page.expect_download() as download:
            page.locator(".actions a").click()
        assert download.value.path().read_bytes()[:5] == b"%PDF-"
        assert said == []
        context.close()
    context, page, _ = visitor(browser)
    page.goto(made["url"])
    page.get_by_role("button").click()
    expect(page.locator("article")).to_be_visible()
    revoke(served, made)
    page.reload()
    expect(page.locator("article")).to_have_count(0)
    context.close()


def test_a_viewer_that_knows_manifests_alone_draws_from_one(browser: Browser, served: Any) -> None:
    body = {"studies": [served.study]}
    launch = served.client.post("/api/launch", headers=served.bearer(), json=body).json()["url"]
    context, page, _ = visitor(browser, extra_http_headers={"Authorization": f"Bearer {token_of(launch)}"})
    context.set_default_timeout(30_000)
    context.route("**/app-config.js", lambda route: route.fulfill(body=MANIFESTS, content_type="text/javascript"))
    session = f"/viewer-data/ohif-session?StudyInstanceUIDs={served.study}"
    manifest = f"{served.origin}/ohif-viewer/viewer/dicomjson?url={session}"
    with page.expect_response("**/viewer-data/instances/*") as file:
        page.goto(manifest)
    assert picture(page) and file.value.ok
    context.close()
