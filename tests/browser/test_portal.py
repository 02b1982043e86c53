"""The pages for people in a real browser: a day by keyboard, and axe's opinion of every page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import text

from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.functions.conftest import clinic, sample
from tests.functions.doors import PASSWORD
from tests.portal.people import members_of_each_role, named

__all__ = ["clinic", "sample"]

# Who looks at which pages.
ROUNDS = {
    "admin": (
        "dashboard",
        "worklist",
        "admin/branches",
        "admin/settings",
        "organization",
        "organization/callbacks",
    ),
    "accounting": ("dashboard", "account", "credits"),
    "individual": ("dashboard", "worklist", "upload"),
    "technician": ("dashboard", "worklist"),
}
ARRIVAL = text(
    "insert into arrivals (organization_id, sop_instance_uid, at, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, size_bytes) select organization_id, sop_instance_uid || '.' || day,"
    " now() - make_interval(days => day), study_instance_uid, series_instance_uid, transfer_syntax_uid, size_bytes"
    " from instances cross join generate_series(0, 9) as day where day % 4 <> 1"
)


@pytest.fixture
def origin(clinic: Any, sample: Callable[[str], bytes]) -> Iterator[str]:
    """Where a clinic with three studies and a member of each role is served."""
    members_of_each_role(clinic)
    for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm"):
        clinic.add(sample(name))
    clinic.services.database.fetch(ARRIVAL)
    with serving(clinic) as address:
        yield address


@pytest.mark.parametrize("role", ROUNDS)
def test_axe_finds_nothing_serious(browser: Browser, origin: str, role: str) -> None:
    context = new_context(browser)
    page = context.new_page()
    said = complaints(page)
    enter(page, origin, role)
    for path in ROUNDS[role]:
        page.goto(f"{origin}/{path}")
        assert serious(page) == [], path
        keep_picture(page, f"{path.replace('/', '-')}-{role}")
    assert said == []
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_before_the_door(browser: Browser, origin: str, theme: Any) -> None:
    context = new_context(browser, color_scheme=theme, locale="tr")
    page = context.new_page()
    for path in ("giris", "login", "forgotten", "reset?token=x"):
        page.goto(f"{origin}/{path}")
        assert serious(page) == [], path
        keep_picture(page, f"{path.partition('?')[0]}-{theme}")
    context.close()


def test_every_language_keeps_its_direction_and_its_contrast(browser: Browser, origin: str) -> None:
    context = new_context(browser, color_scheme="dark")
    page = context.new_page()
    enter(page, origin, "technician")
    page.locator("summary", has_text="Language and appearance").click()
    page.get_by_role("button", name="فارسی").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    assert serious(page) == []
    keep_picture(page, "dashboard-persian-dark")
    page.goto(f"{origin}/worklist")
    assert serious(page) == []
    keep_picture(page, "worklist-persian-dark")
    page.locator("summary", has_text="فارسی").click()
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html[lang=ar]")).to_have_attribute("dir", "rtl")
    page.goto(f"{origin}/worklist")
    assert serious(page) == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep_picture(page, "worklist-arabic-dark")
    context.close()


def test_a_wrong_door_is_told_in_place_with_a_reference_to_copy(browser: Browser, origin: str) -> None:
    context = new_context(browser, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{origin}/login")
    page.locator("[name=username]").fill("admin@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The e-mail or the password is wrong.")).to_be_visible()
    expect(page.locator("[name=password]")).to_have_value(PASSWORD)
    assert page.url == f"{origin}/login"
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".reference code").inner_text()
    assert serious(page) == []
    keep_picture(page, "door-refused")
    context.close()


def test_a_study_is_found_and_opened_by_keys_alone(browser: Browser, origin: str) -> None:
    context = new_context(browser)
    page = context.new_page()
    said = complaints(page)
    enter(page, origin, "technician")
    page.goto(f"{origin}/worklist")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("mr1")
    expect(page.locator("[data-row]")).to_have_count(1)
    assert "q=mr1" in page.url
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-row]").first).to_be_focused()
    with context.expect_page() as opened:
        page.keyboard.press("Shift+Enter")
    opened.value.wait_for_url("**/ohif-viewer/**", wait_until="commit")
    assert page.url.startswith(f"{origin}/worklist")
    with page.expect_navigation(url="**/ohif?token=*", wait_until="commit"):
        page.keyboard.press("Enter")
    assert [each for each in said if "Content Security Policy" in each] == []
    context.close()


def test_a_dropped_folder_goes_up_and_the_list_tells_of_it_by_itself(
    browser: Browser, origin: str, sample: Callable[[str], bytes], tmp_path: Path
) -> None:
    (tmp_path / "CD" / "DICOM").mkdir(parents=True)
    (tmp_path / "CD" / "DICOM" / "IM1").write_bytes(named(sample("CT_small.dcm"), "1.2.91", "Kaya^Deniz"))
    context = new_context(browser)
    worklist, upload = context.new_page(), context.new_page()
    enter(upload, origin, "technician")
    worklist.clock.install()
    worklist.goto(f"{origin}/worklist")
    expect(worklist.locator("[data-row]")).to_have_count(3)
    upload.goto(f"{origin}/upload")
    place = upload.locator("#drop").bounding_box()
    assert place
    drag = context.new_cdp_session(upload)
    for step in ("dragEnter", "dragOver", "drop"):
        dragged = {"items": [], "files": [str(tmp_path / "CD")], "dragOperationsMask": 1}
        where = {"x": place["x"] + 20, "y": place["y"] + 20}
        drag.send("Input.dispatchDragEvent", {"type": step, "data": dragged, **where})
    expect(upload.locator("#sent")).to_contain_text("CD/DICOM/IM1")
    upload.get_by_role("button", name="Upload", exact=True).click()
    expect(upload.locator("#sent [data-state=stored]")).to_have_count(1)
    expect(upload.locator("#result code")).to_have_count(1)
    worklist.bring_to_front()
    worklist.clock.fast_forward(31_000)
    expect(worklist.locator("[data-row]")).to_have_count(4)
    context.close()


def test_a_second_factor_is_set_up_and_asked_for(browser: Browser, origin: str) -> None:
    import pyotp

    context = new_context(browser)
    page = context.new_page()
    enter(page, origin, "admin")
    page.goto(f"{origin}/account")
    page.get_by_role("button", name="Set up a second factor").click()
    secret = page.locator("main code").inner_text()
    assert serious(page) == []
    keep_picture(page, "second-factor")
    generator = pyotp.TOTP(secret)
    page.locator("[name=code]").fill(generator.now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    keep_picture(page, "account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/admin/login")
    page.locator("[name=username]").fill("admin@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[name=code]")).to_be_focused()
    context.close()
