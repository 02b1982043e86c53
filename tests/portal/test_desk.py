"""The radiologist's desk and the pages of reports: what they show, to whom, and what is new."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.reading.work import beat, claim
from pacs.reporting.drafts import create_draft, list_reports, make_preliminary, save_draft
from pacs.reporting.signing import Again, sign_report
from pacs.reporting.templates import create_template
from tests.portal.people import code_of, member, named
from tests.portal.visits import scope_of, send, show

EVIL = "<img src=x onerror=alert(1)>"
NAME = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Desk:
    """A study of a patient with a bad name, one before it, and who works on them."""

    clinic: Any
    code: str
    reader: Scope
    centre: Scope

    def show(self, scope: Scope) -> str:
        answer = show(self.clinic, f"/viewer/{self.code}", scope)
        assert answer.status_code == 200
        return str(answer.text)

    def begin(self, **form: str) -> Any:
        return send(self.clinic, f"/viewer/{self.code}/report", self.reader, **form)

    def signed(self, words: str = "<p>Normal</p>") -> str:
        """The identifier of a verified report of the study."""
        services = self.clinic.services
        made = create_draft(services, self.reader, self.code, sections={"findings": words})
        sign_report(services, self.reader, made["id"], made["version"], Again())
        return str(made["id"])


@pytest.fixture
def desk(clinic: Any, sample: Callable[[str], bytes]) -> Desk:
    ct = sample("CT_small.dcm")
    clinic.add(named(ct, "1.2.51", f"{NAME}^A", patient="P-1"))
    clinic.add(named(ct, "1.2.52", f"{NAME}^A", "MR", patient="P-1"))
    return Desk(clinic, code_of(clinic, "1.2.51"), member(clinic, "radiologist"), member(clinic, "centre"))


def test_a_reader_claims_begins_and_writes(clinic: Any, desk: Desk) -> None:
    first = desk.show(desk.reader)
    assert re.search(r'<iframe src="/ohif\?token=[^"]+" title="Images"', first) and 'action="/worklist/claim"' in first
    assert NAME not in first and "&lt;script&gt;alert(1)&lt;/script&gt; A" in first and "data-report=" not in first
    assert desk.begin().status_code == 409
    claim(clinic.services, desk.reader, desk.code)
    made = create_template(
        clinic.services.database, clinic.scope, "Head", {"findings": f"<p>Calm{EVIL}</p>"}, modality="CT"
    )
    create_template(clinic.services.database, clinic.scope, "Knee", {}, modality="MR")
    page = desk.show(desk.reader)
    assert "Head (CT)" in page and "Knee" not in page and "/worklist/release" in page
    assert desk.begin(template="nonsense").status_code == 400
    begun = desk.begin(template=made["id"])
    assert begun.headers["location"] == f"/viewer/{desk.code}"
    page = desk.show(desk.reader)
    assert "<p>Calm</p></div>" in page and 'contenteditable="true"' in page and EVIL not in page
    launches = clinic.services.database.fetch(text("select 1 as one from audit where action = 'launch'"))
    assert len(launches) == 3
    assert show(clinic, "/viewer/1.2.51", desk.reader).status_code == 200
    assert show(clinic, f"/viewer/{desk.code}", replace(desk.centre, branches=())).status_code == 404
    assert send(clinic, f"/viewer/{desk.code}/report", desk.centre).status_code == 403


def test_others_see_who_reads_and_write_nothing(clinic: Any, desk: Desk) -> None:
    claim(clinic.services, desk.reader, desk.code)
    beat(clinic.services, desk.reader, desk.code)
    made = create_draft(clinic.services, desk.reader, desk.code, sections={"findings": "Draft words"})
    other = member(clinic, "radiologist", "Deniz")
    page = desk.show(other)
    assert "Open at <bdi>Radiologist" in page and "data-report=" not in page and f"/reports/{made['id']}" in page
    centre = desk.show(desk.centre)
    assert made["id"] not in centre and "There is no verified report yet." in centre
    assert show(clinic, f"/reports/{made['id']}", desk.centre).status_code == 404
    make_preliminary(clinic.services, desk.reader, made["id"], 1)
    assert f'data-report="{made["id"]}"' in desk.show(other)


def test_what_signing_asks_for_is_asked_for(clinic: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    claim(clinic.services, desk.reader, desk.code)
    desk.begin()
    assert 'name="password"' not in desk.show(desk.reader)
    monkeypatch.setitem(clinic.services.__dict__, "settings", replace(clinic.services.settings, sign_again=True))
    assert 'name="password"' in desk.show(desk.reader)
    clinic.services.database.fetch(
        text("update organization_members set totp_since = now() where id = cast(:id as uuid)"),
        {"id": desk.reader.member_id},
    )
    page = desk.show(desk.reader)
    assert 'name="code"' in page and 'name="password"' not in page


def test_the_centre_sees_verified_reports_and_which_are_new(clinic: Any, desk: Desk) -> None:
    claim(clinic.services, desk.reader, desk.code)
    report = desk.signed(f"<p>Normal {EVIL}</p>")
    page = show(clinic, "/reports?new=true", desk.centre).text
    assert f"report-{report}" in page and '<strong class="new">' in page and EVIL not in page
    assert f"report-{report}" in show(clinic, f"/reports?q={desk.code}", desk.centre).text
    assert f"report-{report}" not in show(clinic, "/reports?q=nobody", desk.centre).text
    read = show(clinic, f"/reports/{report}", desk.centre).text
    assert "<p>Normal </p>" in read and EVIL not in read and f"/api/reports/{report}/pdf" in read
    assert "data-call" in read and "/send" not in read and "/addendum" not in read
    assert "report-" not in show(clinic, "/reports?new=true", desk.centre).text
    assert f"report-{report}" in show(clinic, "/reports", desk.centre).text
    assert "/addendum" in show(clinic, f"/reports/{report}?done=signed", desk.reader).text
    assert show(clinic, f"/reports/{report}", replace(desk.centre, branches=())).status_code == 404
    assert "report-" not in show(clinic, "/reports", replace(desk.centre, branches=())).text
    assert show(clinic, "/reports?before=yesterday", desk.centre).status_code == 400
    assert show(clinic, "/reports?before=2020-01-01T00:00", desk.centre).status_code == 400


def test_a_long_list_of_reports_comes_in_pages(
    clinic: Any, desk: Desk, sample: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.portal.reports.PAGE_SIZE", 1)
    claim(clinic.services, desk.reader, desk.code)
    first = desk.signed()
    other = code_of(clinic, "1.2.52")
    claim(clinic.services, desk.reader, other)
    last = replace(desk, code=other).signed()
    page = show(clinic, "/reports", desk.centre).text
    assert f"report-{last}" in page and f"report-{first}" not in page
    [more] = re.findall(r'href="(/reports\?[^"]*before=[^"]+)"', page)
    page = show(clinic, more.replace("&amp;", "&"), desk.centre).text
    assert f"report-{first}" in page and f"report-{last}" not in page and ">More<" not in page


def test_priors_stand_beside_with_their_reports(clinic: Any, desk: Desk) -> None:
    before = code_of(clinic, "1.2.52")
    claim(clinic.services, desk.reader, before)
    report = replace(desk, code=before).signed()
    page = desk.show(desk.reader)
    assert (
        f'href="/viewer/{before}"' in page and f'href="/reports/{report}"' in page and "perhaps of another" not in page
    )


def test_the_history_tells_what_changed(clinic: Any, desk: Desk) -> None:
    claim(clinic.services, desk.reader, desk.code)
    made = create_draft(clinic.services, desk.reader, desk.code, sections={"findings": "<p>calm lungs</p>"})
    save_draft(clinic.services, desk.reader, made["id"], 1, {"findings": "<p>quiet lungs</p>"})
    page = show(clinic, f"/reports/{made['id']}/history", desk.reader).text
    assert "<del>calm </del><ins>quiet </ins>lungs" in page and "the chain of digests holds" in page
    assert show(clinic, f"/reports/{made['id']}/history?after=9", desk.reader).status_code == 404
    sign_report(clinic.services, desk.reader, made["id"], 2, Again())
    assert "calm" not in show(clinic, f"/reports/{made['id']}/history", desk.centre).text
    [report] = list_reports(clinic.services, desk.centre, desk.code)
    assert report["state"] == "final"
    stranger = scope_of(clinic, "centre", branches=())
    assert show(clinic, f"/reports/{made['id']}/history", stranger).status_code == 404
