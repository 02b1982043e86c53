"""A day in a real browser: the centre assigns, the radiologist reads and signs by keys, the centre opens the report."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pacs.reporting.templates import create_template
from tests.browser.chromium import DRAWN
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.functions.conftest import clinic, sample
from tests.functions.doors import PASSWORD
from tests.portal.people import members_of_each_role, named

__all__ = ["clinic", "sample"]

NAME = "<script>alert(1)</script>"
EVIL = "<p>Normal<img src=x onerror='alert(2)'><script>alert(3)</script></p>"
WITHOUT_PROOF = "address => fetch(address, { method: 'PUT', body: '{}' }).then(answer => answer.status)"


@pytest.fixture
def origin(clinic: Any, sample: Callable[[str], bytes]) -> Iterator[str]:
    """A clinic whose signatures ask for the password, with a study, the one before it, and a template."""
    members_of_each_role(clinic)
    clinic.services.__dict__["settings"] = replace(clinic.services.settings, sign_again=True)
    ct = sample("CT_small.dcm")
    clinic.add(named(ct, "1.2.71", f"{NAME}^AYŞE", patient="P-1"))
    clinic.add(named(ct, "1.2.72", f"{NAME}^AYŞE", patient="P-1"))
    create_template(
        clinic.services.database, clinic.scope, "Toraks", {"findings": "<p>Akciğerler: </p>"}, modality="CT"
    )
    with serving(clinic) as address:
        yield address


def looked_at(page: Page, name: str, folder: Path) -> None:
    assert serious(page) == [], name
    keep_picture(page, name, folder)


def test_a_day_from_assigning_to_the_verified_report(browser: Browser, origin: str, tmp_path: Path) -> None:
    centre_context, reader_context = new_context(browser), new_context(browser, locale="tr", color_scheme="dark")
    centre, reader = centre_context.new_page(), reader_context.new_page()
    reader.set_default_timeout(45_000)  # the viewer and the PDF take their time on small machines
    said = [complaints(centre), complaints(reader)]
    assigns(centre, origin)
    looked_at(centre, "worklist-centre", tmp_path)
    reads_and_signs(reader, origin, tmp_path)
    opens_the_report(centre, origin, tmp_path)
    assert [each for each in (*said[0], *said[1]) if "status of 40" not in each] == []
    centre_context.close()
    reader_context.close()


def assigns(page: Page, origin: str) -> None:
    enter(page, origin, "centre")
    page.goto(f"{origin}/worklist")
    for key in ("j", "x", "u"):
        page.keyboard.press(key)
    expect(page.locator("strong.urgent")).to_have_count(1)
    for key in ("j", "x", "a"):
        page.keyboard.press(key)
    page.locator("#to").select_option(label="Radiologist (0)")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#list")).to_contain_text("→ Radiologist")


def reads_and_signs(page: Page, origin: str, folder: Path) -> None:
    enter(page, origin, "radiologist")
    page.goto(f"{origin}/worklist")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keep_picture(page, "worklist-keys", folder)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url("**/viewer/*", wait_until="commit")
    page.wait_for_selector("iframe")
    page.frames[1].wait_for_function(DRAWN)
    page.keyboard.press("b")
    findings = page.locator("[data-section=findings]")
    expect(findings).to_have_text("Akciğerler:")
    findings.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" nodül yok")
    expect(page.locator("#saved")).to_have_text("Kaydedildi")
    looked_at(page, "desk", folder)
    page.locator("[data-section=impression]").evaluate("(at, html) => { at.innerHTML = html; }", EVIL)
    page.locator("[data-section=impression]").dispatch_event("input")
    expect(page.locator("#saved[data-state=saved]")).to_be_visible()
    report = str(page.locator("#report").get_attribute("data-report"))
    assert page.request.get(f"{origin}/api/reports/{report}").json()["sections"]["impression"] == "<p>Normal</p>"
    assert page.evaluate(WITHOUT_PROOF, f"/api/reports/{report}") == 403
    page.keyboard.press("Control+Enter")
    page.locator("#signing [name=password]").fill("wrong")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#signing .problem")).to_be_visible()
    page.locator("#signing [name=password]").fill(PASSWORD)
    before = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: "/viewer/" in url and url != before, wait_until="commit")


def opens_the_report(page: Page, origin: str, folder: Path) -> None:
    page.goto(f"{origin}/reports?new=true")
    looked_at(page, "reports-centre", folder)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/reports/[0-9a-f-]+$"))
    expect(page.get_by_text("Akciğerler: nodül yok")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    looked_at(page, "report-centre", folder)
    pdf = page.request.get(origin + str(page.get_by_role("button", name="PDF").get_attribute("href")))
    assert pdf.body()[:5] == b"%PDF-"
    page.get_by_text("Share the study by a link").click()
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("[data-shown] code")).to_contain_text("/share")
    page.get_by_role("link", name="Versions").click()
    looked_at(page, "report-history", folder)
