"""The pages for developers in a real browser: axe's opinion, a search, an operation tried in one's own session."""

from playwright.sync_api import Browser, expect

from tests.browser.test_portal import clinic, origin, sample
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious

__all__ = ["clinic", "origin", "sample"]


def test_a_developer_reads_searches_and_tries(browser: Browser, origin: str) -> None:
    page = new_context(browser).new_page()
    said = complaints(page)
    page.goto(f"{origin}/dev/guides/worklist")
    assert serious(page) == []
    keep_picture(page, "dev-guide")
    enter(page, origin, "admin")
    page.goto(f"{origin}/dev")
    expect(page.get_by_role("cell", name="RAIPACS")).to_be_visible()
    assert serious(page) == []
    keep_picture(page, "dev")
    page.get_by_role("link", name="API explorer").first.click()
    page.wait_for_url(f"{origin}/dev/api")  # with its keys
    page.keyboard.press("/")
    page.keyboard.type("get studies that match")
    expect(page.locator("#found tr")).to_have_count(1)
    assert serious(page) == []
    page.emulate_media(color_scheme="dark")
    page.locator("#found a").press("Enter")
    page.get_by_text("In the query").press("Enter")
    page.locator("[name=PatientID]").fill("1CT1")
    expect(page.locator("#command")).to_contain_text("/dicomweb/studies?PatientID=1CT1")
    page.locator("[name=PatientID]").press("Enter")
    expect(page.locator("#status")).to_have_text("200 OK")
    expect(page.locator("#body")).to_contain_text('"1CT1"')
    assert serious(page) == []
    keep_picture(page, "dev-operation-dark")
    page.goto(f"{origin}/dev/api/post.api.share")
    page.get_by_role("button", name="Send").press("Enter")
    expect(page.locator("#body")).to_contain_text("BAD_REQUEST")
    assert [each for each in said if "400" not in each] == []
