"""The days of those who work beside a centre, in a real browser: one alone, accounting, and who only brings studies."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_branch, add_member, add_organization
from pacs.people.scope import Scope
from pacs.portal.pages import PLACES
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.conftest import Databases
from tests.functions.conftest import Founded, opened, sample, staffed
from tests.functions.doors import PASSWORD
from tests.portal.people import named

__all__ = ["sample"]


class HastyClock:
    """The time, and how much later it is already for those who work here."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory, databases: Databases, founded: Founded) -> Iterator[Any]:
    """A clinic with a member of each role and an importer, and somebody who is an organization alone."""
    with opened(tmp_path_factory.mktemp("days"), databases, staffed(databases, founded), founded[1]) as clinic:
        clinic.services.__dict__["clock"] = HastyClock()
        importer = NewMember(
            "importer@example.org",
            PASSWORD,
            "technician",
            branches=[clinic.made.branch_id],
            importer=True,
            importer_from=datetime.now(UTC) + timedelta(hours=1),
            importer_until=datetime.now(UTC) + timedelta(hours=3),
        )
        with clinic.services.database.transaction() as statements:
            add_member(statements, clinic.scope, importer)
            alone = Scope(add_organization(statements, "Alone"), "system")
            branch = add_branch(statements, alone, "Alone", "SOLO")
            add_member(statements, alone, NewMember("alone@example.org", PASSWORD, "individual", "Dr.", [branch.id]))
        yield clinic


@pytest.fixture(scope="module")
def origin(clinic: Any) -> Iterator[str]:
    with serving(clinic) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nothing of us. Images are looked at on other days: the viewer stays empty on these."""
    context = new_context(browser)
    context.route("**/ohif-viewer/**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    yield context
    context.close()


def looked_at(page: Page, name: str) -> None:
    assert serious(page) == [], name
    keep_picture(page, name)


def brings(page: Page, origin: str, name: str, body: bytes) -> str:
    """Upload a file; the code of its study."""
    page.goto(f"{origin}/upload")
    page.locator("#files").set_input_files({"name": name, "mimeType": "application/dicom", "buffer": body})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#sent [data-state=stored]")).to_have_count(1)
    return page.locator("#result code").inner_text()


def sees_nothing_but(page: Page, origin: str, *paths: str) -> None:
    """The navigation leads to these pages, and every other page of it is refused."""
    assert [each.get_attribute("href") for each in page.locator(".places a").all()] == list(paths)
    for place in PLACES:
        assert page.request.get(origin + place.path).status == (200 if place.path in paths else 403), place.path


def test_one_alone_brings_a_study_reads_it_and_signs(
    context: BrowserContext, origin: str, clinic: Any, sample: Callable[[str], bytes]
) -> None:
    clinic.add(named(sample("CT_small.dcm"), "1.2.81", "Kaya^Deniz", patient="P-81"))
    page = context.new_page()
    said = complaints(page)
    enter(page, origin, "alone", "/login")
    code = brings(page, origin, "own.dcm", named(sample("MR_small.dcm"), "1.2.82", "Ak^Umut", "MR", patient="P-82"))
    page.goto(f"{origin}/worklist")
    expect(page.locator("[data-row]")).to_have_count(1)  # the clinic's study is no business of theirs
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.locator("[data-row]")).to_contain_text("Being read")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/viewer/{code}")
    with page.expect_navigation():
        page.keyboard.press("b")
    page.locator("[data-section=findings]").press_sequentially("Menisküs normal.")
    expect(page.locator("#saved[data-state=saved]")).to_be_visible()
    page.locator("#sign").click()
    page.get_by_role("button", name="Sign", exact=True).click()
    page.wait_for_url("**/reports/*?done=signed")
    expect(page.locator("article.signed")).to_contain_text("Menisküs normal.")
    looked_at(page, "report-individual")
    page.goto(f"{origin}/worklist?q={code}&state=final")
    expect(page.locator("[data-row]")).to_contain_text("Final")
    page.goto(f"{origin}/dashboard")
    expect(page.locator("article", has_text="Signed by me today").locator(".figure")).to_have_text("1")
    assert page.request.get(f"{origin}/admin/members").status == 403
    assert said == []


def test_accounting_tops_up_and_takes_the_statement_of_the_month(
    context: BrowserContext, origin: str, clinic: Any
) -> None:
    page = context.new_page()
    said = complaints(page)
    enter(page, origin, "accounting")
    expect(page.get_by_text("Reports signed this month").first).to_be_visible()
    sees_nothing_but(page, origin, "/dashboard", "/credits")
    page.get_by_role("link", name="Credits").click()
    page.locator("[name=credits]").fill("250")
    page.locator("[name=reason]").fill("=Fatura 2041")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The credits are changed.")).to_be_visible()
    available = page.locator("article", has_text="Available").locator(".figure")
    expect(available).to_have_text("250")
    page.locator("[name=way]").select_option("take")
    page.locator("[name=credits]").fill("50")
    page.locator("[name=reason]").fill("counted twice")
    page.get_by_role("button", name="Save").click()
    expect(available).to_have_text("200")
    expect(page.get_by_role("cell", name="counted twice")).to_be_visible()
    looked_at(page, "credits-statement-accounting")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    assert re.fullmatch(r"credits-\d{4}-\d{2}\.csv", download.value.suggested_filename)
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert [line.split(",")[1:5] for line in lines[1:]] == [
        ["top-up", "250", "250", "accounting@example.org"],
        ["adjustment", "50", "200", "accounting@example.org"],
    ]
    assert lines[1].endswith(",'=Fatura 2041")
    page.locator("nav.views a").nth(1).click()
    expect(page.get_by_text("Nothing was moved in this month.")).to_be_visible()
    assert said == []


def test_an_importer_brings_studies_inside_the_window_and_nothing_else(
    context: BrowserContext, origin: str, clinic: Any, sample: Callable[[str], bytes]
) -> None:
    clock = clinic.services.clock
    page = context.new_page()
    is_refused(page, origin)
    clock.ahead += timedelta(hours=2)
    enter(page, origin, "importer")
    sees_nothing_but(page, origin, "/dashboard", "/upload")
    code = brings(page, origin, "a.dcm", named(sample("CT_small.dcm"), "1.2.83", "Er^Su", patient="P-83"))
    expect(page.locator("#result a")).to_have_count(0)
    looked_at(page, "upload-importer")
    [row] = clinic.services.database.fetch(text("select code from studies where study_instance_uid = '1.2.83'"))
    assert row["code"] == code
    for path in (f"/viewer/{code}", f"/patients/{code}", f"/studies/{code}", "/dicomweb/studies"):
        assert page.request.get(origin + path).status == 403, path
    clock.ahead += timedelta(hours=2)
    page.goto(f"{origin}/upload")
    page.wait_for_url(f"{origin}/corporate/login?next=%2Fupload")
    is_refused(page, origin)


def is_refused(page: Page, origin: str) -> None:
    """Outside the window the door answers as it does to a wrong password."""
    page.goto(f"{origin}/corporate/login")
    page.locator("[name=username]").fill("importer@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.get_by_text("The e-mail or the password is wrong.")).to_be_visible()
