"""One report for somebody from outside: verified, without its patient when the link hides that, ended at once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from pacs.reading.work import claim
from pacs.reporting.drafts import create_draft
from pacs.reporting.signing import Again, sign_report
from tests.functions.doors import PASSWORD, TurnedClock
from tests.functions.test_shares import visit

FINDINGS = (
    "<p>Hasta <b>Compressedsamples</b>'in (dosya 1CT1, 19.01.2004) toraks BT'sinde 4 mm nodül.</p>"
    "<p>COMPRESSEDSAMPLESIN kontrolü önerilir.</p>"
)


@pytest.fixture
def reported(clinic: Any, clock: TurnedClock, sample: Callable[[str], bytes]) -> Any:
    """A clinic with one study and its verified report."""
    clinic.study = clinic.add(sample("CT_small.dcm")).study
    with clinic.services.database.transaction() as statements:
        new = NewMember("r@example.org", PASSWORD, "radiologist", "Dr. Okur", [clinic.made.branch_id])
        member = add_member(statements, clinic.scope, new)
    clinic.reader = Scope(clinic.made.organization_id, "radiologist", (clinic.made.branch_id,), member_id=member)
    code = clinic.services.database.fetch(text("select code from studies"))[0]["code"]
    claim(clinic.services, clinic.reader, code)
    sections = {"findings": FINDINGS, "impression": "<p>Nodül</p>"}
    clinic.report = create_draft(clinic.services, clinic.reader, code, sections=sections)
    return clinic


def signed(clinic: Any) -> Any:
    sign_report(clinic.services, clinic.reader, clinic.report["id"], clinic.report["version"], Again(PASSWORD))
    return clinic


def share(clinic: Any, **asked: Any) -> Any:
    body = {"report": clinic.report["id"], **asked}
    return clinic.client.post("/api/share", headers=clinic.bearer(clinic.reader), json=body)


def read(clinic: Any, made: Any) -> Any:
    opened = visit(clinic, made)
    assert opened.status_code == 303 and opened.headers["location"].startswith("http://testserver/share/report?token=")
    return clinic.client.get(opened.headers["location"].removeprefix("http://testserver"))


def test_only_a_verified_report_is_shared_and_alone(reported: Any) -> None:
    assert share(reported).status_code == 409
    signed(reported)
    both = share(reported, studies=[reported.study])
    assert (both.status_code, both.json()["field"]) == (400, "report")
    assert share(reported).status_code == 201
    stranger = reported.bearer(Scope(reported.made.organization_id, "radiologist", ()))
    body = {"report": reported.report["id"]}
    assert reported.client.post("/api/share", headers=stranger, json=body).status_code == 404


def test_a_link_with_privacy_shows_the_report_of_nobody(reported: Any) -> None:
    made = share(signed(reported))
    front = reported.client.get("/share", params={"s": made.json()["token"], "lang": "en"}).text
    assert "A report was shared with you" in front and "data:image" not in front
    shown = read(reported, made)
    assert shown.status_code == 200
    assert "4 mm nodül" in shown.text and "Dr. Okur" in shown.text
    for secret in ("ompressed", "OMPRESSED", "1CT1", "2004", "Hasta no", reported.study):
        assert secret not in shown.text
    assert shown.text.count("[…]") == 4
    assert "report.pdf" not in shown.text
    token = str(shown.url).split("token=")[1]
    assert reported.client.get(f"/share/report.pdf?token={token}").status_code == 404
    bearer = {"Authorization": f"Bearer {token.partition('&')[0]}"}
    assert reported.client.get("/dicomweb/studies", headers=bearer).status_code == 401, "it opens nothing else"


def test_a_link_without_privacy_tells_whose_it_is_and_may_be_downloaded(reported: Any) -> None:
    made = share(signed(reported), privacy=False, may_download=True)
    shown = read(reported, made)
    assert "CompressedSamples" in shown.text and "1CT1" in shown.text and "[…]" not in shown.text
    link = shown.text.split('href="/share/report.pdf?token=')[1].split('"')[0]
    pdf = reported.client.get(f"/share/report.pdf?token={link}")
    assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")
    deeds = reported.services.database.fetch(text("select subject from audit where action like 'share%' order by id"))
    id = made.json()["id"]
    assert [each["subject"] for each in deeds] == [f"{id}: report {reported.report['id']}", id, f"{id}: pdf"]


def test_a_revoked_link_shows_its_report_no_more(reported: Any, clock: TurnedClock) -> None:
    made = share(signed(reported), may_download=True)
    location = visit(reported, made).headers["location"].removeprefix("http://testserver")
    assert reported.client.get(location).status_code == 200
    reported.client.delete(f"/api/shares/{made.json()['id']}", headers=reported.bearer())
    assert reported.client.get(location).status_code == 401
    assert reported.client.get(location.replace("report?", "report.pdf?")).status_code == 401
    assert reported.client.get("/share/report?token=x").status_code == 401
