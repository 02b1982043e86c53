"""An administrator's pages in a real browser: people, modalities with a C-ECHO that is sent, the gateway, keys."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from gateway_scp.scp import Node
from gateway_scp.settings import GatewaySettings
from pacs.archive.connections import record_connections
from pacs.bootstrap import local_workflow, stores
from pacs.people.scope import Scope
from pacs.reporting.credits import add_credits
from pacs.viewing.shares import NewShare, create_share
from tests.archive.test_connections import row
from tests.browser.visiting import complaints, enter, keep_picture, new_context, serious, serving
from tests.dictation.working import work
from tests.functions.conftest import clinic, sample
from tests.gateway.test_echoing import workstation
from tests.models.fake_models import recording_of
from tests.models.fake_models import serving as serving_models
from tests.portal.people import members_of_each_role

__all__ = ["clinic", "sample", "workstation"]

ARRIVAL = text(
    "insert into arrivals (organization_id, sop_instance_uid, at, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, size_bytes) select organization_id, sop_instance_uid || '.' || day,"
    " now() - make_interval(days => day), study_instance_uid, series_instance_uid, transfer_syntax_uid, 90000000"
    " from instances cross join generate_series(0, 25) as day where day % 5 <> 1"
)
ASKED = (("shares", "shares"), ("his", "admin/his"))
SPENT = text(
    "insert into ai_usage_events (organization_id, at, purpose, provider, model, outcome, tokens_in, tokens_out,"
    " tokens_cached, images, seconds, cost) select o.id, now() - make_interval(hours => hour), 'draft', provider,"
    " 'a-model', 'answered', 3000 + 40 * hour, 500, 1000, 8, 6.5, 0.01 * (1 + hour % 7) from organizations o,"
    " generate_series(0, 600, 5) as hour, unnest(array['openai', 'claude', 'rai-llm']) as provider"
)
CHECKED = text(
    "insert into ai_health_checks (organization_id, run_id, provider, model, checked_at, kind, failure, latency_ms,"
    " cost) select o.id, gen_random_uuid(), provider, 'a-model', now() - make_interval(days => day), 'text',"
    " case when day % 9 = 4 then 'is busy: HTTP 503' else '' end, 400 + day * 37 % 500, 0.0001 from organizations o,"
    " generate_series(0, 25) as day, unnest(array['openai', 'claude', 'rai-llm']) as provider"
)
LARGE = text("update studies set size_bytes = size_bytes + 3000000000")
FAILURE = text(
    "insert into failures (organization_id, stage, object_key, code, reason) select organization_id, 'derive',"
    " object_key, 'UNDECODABLE_PIXELS', 'the pixels cannot be decoded' from instances limit 1"
)


@pytest.fixture
def door(clinic: Any) -> Iterator[Node]:
    """A DICOM node over the stores of the clinic."""
    settings = GatewaySettings.from_environment({"PACS_HOME": str(clinic.services.settings.home)})
    settings = replace(settings, dicom_port=0, database_dsn=clinic.services.settings.database_dsn)
    node = Node(settings, stores(settings))
    thread = threading.Thread(target=node.run)
    thread.start()
    yield node
    node.leave()
    node.leave()
    thread.join(20)


@pytest.fixture
def origin(clinic: Any, sample: Callable[[str], bytes], door: Node) -> Iterator[str]:
    """Where a clinic that has worked for a while is served."""
    members_of_each_role(clinic)
    stored = [clinic.add(sample(name)) for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm")]
    database, where = clinic.services.database, {"organization_id": clinic.made.organization_id}
    for statement in (ARRIVAL, LARGE, FAILURE, SPENT, CHECKED, text("update organization_members set manager = true")):
        database.fetch(statement)
    [first] = database.fetch(
        text("select cast(id as text) as id from organization_members order by created_at limit 1")
    )
    maker = Scope(clinic.made.organization_id, "admin", member_id=first["id"])
    create_share(database, maker, NewShare((stored[0].study,), pin="1234", note="Dr."), clinic.services.clock.now())
    refused = {"outcome": "rejected", "reason": "calling AE title not recognised", "instances": 0, "size_bytes": 0}
    rows = [row(clinic.made, f"{n}", **where, began_at=clinic.services.clock.now().isoformat()) for n in range(3)]
    record_connections(database, [*rows, {**rows[0], **refused, "association": "x", "calling_ae": "STRANGER"}])
    with serving(clinic) as address:
        yield address


def look(page: Page, name: str) -> None:
    """A page shuts nobody out."""
    assert serious(page) == [], name
    keep_picture(page, f"admin-{name}")


def test_a_day_of_an_administrator(
    browser: Browser, origin: str, clinic: Any, workstation: tuple[int, list[int]]
) -> None:
    context = new_context(browser)
    page = context.new_page()
    said = complaints(page)
    page.on("dialog", lambda dialog: dialog.accept())
    enter(page, origin, "admin")
    changes_a_member(page, origin)
    look(page, "members")
    tries_a_peer(page, origin, workstation[0])
    look(page, "modalities")
    keeps_a_mask(page, origin)
    look(page, "masks")
    merges_patients(page, origin)
    key = makes_a_key(page, origin)
    look(page, "keys")
    tries_the_report_api(page, origin, clinic, key)
    arranges_pre_reports(page, origin)
    for name, path in (("gateway", "admin/gateway"), ("storage", "admin/gateway/storage"), *ASKED):
        page.goto(f"{origin}/{path}")
        look(page, name)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{origin}/admin/ai/usage")
    look(page, "ai-usage-dark")
    page.goto(f"{origin}/admin/gateway")
    look(page, "gateway-dark")
    page.emulate_media(color_scheme="light")
    expect(page.get_by_text("Well")).to_be_visible()
    page.get_by_role("button", name="Try again", exact=False).last.click()
    expect(page.get_by_text("Nothing has failed.")).to_be_visible()
    page.goto(f"{origin}/admin/audit")
    expect(page.get_by_text("Network Configuration").first).to_be_visible()
    look(page, "audit")
    assert said == []
    context.close()


def arranges_pre_reports(page: Page, origin: str) -> None:
    """Gives the consent, fills in a key, tests a provider, says a price; and looks at what is told of all that."""
    page.goto(f"{origin}/admin/ai")
    page.get_by_role("button", name="Give the consent").click()
    expect(page.get_by_text("Given by")).to_be_visible()
    openai = page.locator("#openai")
    openai.locator("summary").press("Enter")
    openai.get_by_label("Key").fill("a-key-of-an-administrator")
    openai.get_by_label("Switched on").press("Space")
    openai.get_by_label("Budget of a month").fill("250")
    openai.get_by_role("button", name="Save").click()
    expect(openai.get_by_text("Ready")).to_be_visible()
    expect(openai.get_by_text("…ator")).to_be_visible()
    page.locator("#rai-mock").get_by_role("button", name="Test now").click()
    expect(page.locator("#tested-rai-mock")).to_contain_text("ms")
    page.goto(f"{origin}/admin/ai")
    look(page, "ai")
    page.goto(f"{origin}/admin/ai/usage")
    expect(page.locator(".chart canvas")).to_have_count(3)
    look(page, "ai-usage")
    page.get_by_role("link", name="Prices").click()
    page.get_by_text("Add a price").press("Enter")
    page.locator("[name=model]").fill("gpt-5.5")
    page.get_by_label("Tokens in").fill("4.5")
    page.get_by_label("Tokens out").fill("27")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Your own price counts")).to_be_visible()
    look(page, "ai-prices")
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_text("Failures, the latest first")).to_be_visible()
    look(page, "ai-health")


def changes_a_member(page: Page, origin: str) -> None:
    page.goto(f"{origin}/admin/members?q=technician")
    page.locator("tbody details", has_text="Technician").first.locator("summary").click()
    page.locator("form[action$='/role'] select").select_option("centre")
    page.locator("form[action$='/role'] button").click()
    page.wait_for_url("**/admin/members")
    expect(page.locator("tr", has_text="technician@example.org").get_by_text("Centre").first).to_be_visible()


def tries_a_peer(page: Page, origin: str, port: int) -> None:
    page.goto(f"{origin}/admin/branches")
    page.get_by_label("Name or code").fill("dev")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.wait_for_url("**/admin/branches?q=dev")
    page.locator("[name=name]").fill("Dev")
    page.locator("[name=code]").fill("DEV")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("RAIPACS_DEV")).to_be_visible()
    page.goto(f"{origin}/admin/modalities")
    page.get_by_text("Add a modality").click()
    form = page.locator("details", has_text="Add a modality").locator("form")
    form.locator("[name=name]").fill("CT 1")
    form.locator("[name=calling]").fill("CT1")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Remove: CT 1")).to_be_visible()
    page.get_by_text("Add a peer").click()
    form = page.locator("details", has_text="Add a peer").locator("form")
    form.locator("[name=ae_title]").fill("WS")
    form.locator("[name=host]").fill("127.0.0.1")
    form.locator("[name=port]").fill(str(port))
    form.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="C-ECHO: WS").click()
    expect(page.get_by_text("It answers.")).to_be_visible()


def keeps_a_mask(page: Page, origin: str) -> None:
    page.goto(f"{origin}/admin/masks")
    for name, value in (("modality", "US"), ("manufacturer", "GE Healthcare"), ("columns", "640"), ("rows", "480")):
        page.locator(f"[name={name}]").fill(value)
    page.locator("[name=rectangles]").fill("0, 0, 640, 52\n520, 52, 120, 40")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Remove: US ge healthcare 640 × 480")).to_be_visible()


def merges_patients(page: Page, origin: str) -> None:
    """By keys from the worklist, looking at both before."""
    page.goto(f"{origin}/worklist")
    codes = page.locator("[data-row] code").all_inner_texts()
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.wait_for_url(f"**/patients/{codes[0]}")
    page.locator("[name=name]").fill("Yılmaz^Ayşe")
    page.get_by_role("button", name="Correct").first.click()
    expect(page.get_by_role("cell", name="Corrected")).to_be_visible()
    look(page, "patient")
    page.locator("[name=into]").fill(codes[1])
    page.get_by_role("button", name="Look at both").click()
    look(page, "patients-merged")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("cell", name="Merged")).to_be_visible()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("cell", name="Taken back")).to_be_visible()


def makes_a_key(page: Page, origin: str) -> str:
    page.goto(f"{origin}/keys")
    page.locator("form [name=name]").fill("HBYS")
    page.get_by_label("archive.search").check()
    page.get_by_label("reports.dictate").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("The key is shown this once:")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1 + 30)  # and the chart's days
    return page.locator(".notice code").inner_text()


def tries_the_report_api(page: Page, origin: str, clinic: Any, key: str) -> None:
    """With the key that was made: a recording of two exams is sent, and their reports arrive."""
    services = clinic.services
    with serving_models() as models, closing(local_workflow(services.settings)) as tables:
        urls = {"speech_url": models.url, "speech_model": "a", "language_url": models.url, "language_model": "b"}
        services.__dict__["settings"] = replace(services.settings, **urls)
        tables.create_tables()
        services.workflow = tables
        add_credits(services.database, services.clock, clinic.scope, 5, "invoice")
        page.goto(f"{origin}/organization/try")
        look(page, "trial")
        page.locator("#key").fill(key)
        recording = recording_of("803910: Beyin doğal. 804102: Akciğerler doğal.")
        page.locator("#audio").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": recording})
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#state")).to_have_text(re.compile("^20[02] · Waiting for the result"))
        job = json.loads(page.locator("#told").inner_text())["jobId"]
        work(services, Scope(clinic.made.organization_id, "system"), job)
        expect(page.locator("#state")).to_have_text(re.compile(r"^200 · \d+ s$"))
        told = json.loads(page.locator("#told").inner_text())
        assert (told["status"], told["creditsUsed"], told["remainingCredits"]) == ("completed", 2, 3)
        assert [each["accessionNumber"] for each in told["reports"]] == ["ACC-001", "ACC-002"]
        assert "Beyin doğal." in told["reports"][0]["reportText"]
        assert "Akciğerler doğal." in told["reports"][1]["reportText"]
        assert serious(page) == []
