"""A day in a real browser: upload, assignment, reading and signing by keys, and the centre's view of the report."""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from pacs.reading.uploads import PART_BYTES
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
IMAGES_SHARE = "document.querySelector('iframe').clientWidth / window.innerWidth"

# Where parts of files go.
PART, SECOND_PART = re.compile("/objects/exchange/uploads/"), re.compile("/objects/exchange/uploads/.*/00002[?]")


@pytest.fixture
def origin(clinic: Any) -> Iterator[str]:
    """A clinic whose signatures ask for the password, with a template."""
    members_of_each_role(clinic)
    clinic.services.__dict__["settings"] = replace(clinic.services.settings, sign_again=True)
    create_template(
        clinic.services.database, clinic.scope, "Toraks", {"findings": "<p>Akciğerler: </p>"}, modality="CT"
    )
    with serving(clinic) as address:
        yield address


def looked_at(page: Page, name: str) -> None:
    assert serious(page) == [], name
    keep_picture(page, name)


@pytest.fixture
def files(sample: Callable[[str], bytes], tmp_path: Path) -> list[Path]:
    """Two studies of one patient: a zip with an instance of the one, one of the other in two parts; a picture."""
    instances = [named(sample("CT_small.dcm"), study, f"{NAME}^AYŞE", patient="P-1") for study in ("1.2.71", "1.2.72")]
    zipped, alone, picture = (tmp_path / name for name in ("study.zip", "alone.dcm", "knee.png"))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("DICOM/IM1", instances[0])
    # Private bytes behind the picture make it longer than one part.
    dataset = pydicom.dcmread(BytesIO(instances[1]))
    dataset.private_block(0x0099, "TESTS", create=True).add_new(1, "OB", bytes(PART_BYTES))
    dataset.save_as(alone)
    Image.new("L", (64, 48), 99).save(picture)
    return [zipped, alone, picture]


def test_a_day_from_upload_to_the_verified_report(browser: Browser, origin: str, files: list[Path]) -> None:
    centre_context, reader_context = new_context(browser), new_context(browser, locale="tr", color_scheme="dark")
    brings(new_context(browser).new_page(), origin, files)
    centre, reader = centre_context.new_page(), reader_context.new_page()
    reader.set_default_timeout(45_000)  # the viewer and the PDF take their time on small machines
    said, alerts = complaints(centre), []
    reader.on("dialog", lambda dialog: alerts.append(dialog.message))
    assigns(centre, origin)
    reads_and_signs(reader, origin)
    opens_the_report(centre, origin)
    assert said == alerts == []
    centre_context.close()
    reader_context.close()


def brings(page: Page, origin: str, files: list[Path]) -> None:
    """The connection breaks once in the middle, and a part is not sent again that is there."""
    said = complaints(page)
    enter(page, origin, "technician")
    page.goto(f"{origin}/upload")
    sent: list[str] = []
    page.on("requestfinished", lambda request: sent.append(request.url) if PART.search(request.url) else None)
    broken: list[str] = []

    def once(route: Route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort()

    page.route(SECOND_PART, once)
    page.locator("#files").set_input_files(files)
    page.locator("[name=patient_name]").fill("Deniz Kaya")
    page.locator("[name=modality]").fill("DX")
    looked_at(page, "upload")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#sent [data-state=stored]")).to_have_count(3, timeout=45_000)
    expect(page.locator("#result code")).to_have_count(3)
    assert broken and len(sent) == len(set(sent)) == 4
    assert [each for each in said if "ERR_FAILED" not in each] == []
    page.context.close()


def assigns(page: Page, origin: str) -> None:
    enter(page, origin, "centre")
    looked_at(page, "dashboard-centre")
    page.goto(f"{origin}/worklist")
    page.keyboard.press("/")
    page.keyboard.type("P-1")
    expect(page.locator("[data-row]")).to_have_count(2)
    for key in ("ArrowDown", "x", "u"):
        page.keyboard.press(key)
    expect(page.locator("strong.urgent")).to_have_count(1)
    for key in ("j", "x", "a"):
        page.keyboard.press(key)
    page.locator("#to").select_option(label="Radiologist (0)")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#list")).to_contain_text("→ Radiologist")
    looked_at(page, "worklist-centre")


def reads_and_signs(page: Page, origin: str) -> None:
    enter(page, origin, "radiologist")
    looked_at(page, "dashboard-radiologist")
    page.goto(f"{origin}/worklist")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keep_picture(page, "worklist-keys")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("n")
    page.wait_for_url("**/viewer/*", wait_until="commit")
    page.wait_for_selector("iframe")
    page.frames[1].wait_for_function(DRAWN)
    assert page.evaluate(IMAGES_SHARE) >= 0.6
    # The header is for the tools: the desk itself says whose images they are.
    expect(page.frames[1].locator("[data-cy=return-to-work-list] svg")).to_have_count(0)
    expect(page.frames[1].get_by_text("P-1")).to_have_count(0)
    page.keyboard.press("b")
    findings = page.locator("[data-section=findings]")
    expect(findings).to_have_text("Akciğerler:")
    findings.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" nodül yok")
    expect(page.locator("#saved")).to_have_text("Kaydedildi")
    looked_at(page, "desk")
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


def opens_the_report(page: Page, origin: str) -> None:
    page.goto(f"{origin}/reports?new=true")
    looked_at(page, "reports-centre")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/reports/[0-9a-f-]+$"))
    expect(page.get_by_text("Akciğerler: nodül yok")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    looked_at(page, "report-centre")
    pdf = page.request.get(origin + str(page.get_by_role("button", name="PDF").get_attribute("href")))
    assert pdf.body()[:5] == b"%PDF-"
    page.get_by_text("Share by a link").click()
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("[data-shown] code")).to_contain_text("/share")
    page.get_by_role("button", name="Versions").click()
    looked_at(page, "report-history")
