"""The first page of each role: what waits, what is late, and today's numbers."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.reading.work import claim, set_urgent
from pacs.reporting.drafts import create_draft
from pacs.reporting.signing import Again, sign_report
from tests.portal.people import code_of, member, named
from tests.portal.visits import scope_of, show

OLD = timedelta(hours=2)
CARD = re.compile(r'<p class="figure">([^<]*)</p><p>(?:<a [^>]*>)?([^<]*)<')


def since_midnight(clinic: Any) -> timedelta:
    now = clinic.services.clock.now().astimezone(ZoneInfo(clinic.services.settings.time_zone))
    return timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)


def cards(clinic: Any, scope: Scope) -> dict[str, str]:
    answer = show(clinic, "/dashboard", scope)
    assert answer.status_code == 200
    return {name: figure for figure, name in CARD.findall(answer.text)}


@pytest.fixture
def reader(clinic: Any, sample: Callable[[str], bytes]) -> Scope:
    """Who has signed one of three studies, of which one is urgent and late."""
    for number, name in enumerate(("A^B", "C^D", "E^F"), 61):
        clinic.add(named(sample("CT_small.dcm"), f"1.2.{number}", name))
    reader = member(clinic, "radiologist")
    done, urgent = code_of(clinic, "1.2.61"), code_of(clinic, "1.2.62")
    claim(clinic.services, reader, done)
    made = create_draft(clinic.services, reader, done, sections={"findings": "a"})
    sign_report(clinic.services, reader, made["id"], 1, Again())
    set_urgent(clinic.services, clinic.scope, [urgent], True)
    aged = "update studies set created_at = now() - interval '2 hours' where code = :code"
    clinic.services.database.fetch(text(aged), {"code": urgent})
    claim(clinic.services, reader, code_of(clinic, "1.2.63"))
    return reader


def test_a_radiologist_sees_what_is_theirs(clinic: Any, reader: Scope) -> None:
    found = cards(clinic, reader)
    assert (found["Mine"], found["For anybody"], found["Late"], found["Urgent"]) == ("1", "1", "1", "1")
    assert found["Signed by me today"] == "1" and "Studies received today" not in found
    other = cards(clinic, member(clinic, "radiologist", "Deniz"))
    assert (other["Mine"], other["Signed by me today"], other["For anybody"]) == ("0", "0", "1")


def test_a_centre_sees_its_branches_and_new_reports(clinic: Any, reader: Scope) -> None:
    centre = member(clinic, "centre")
    found = cards(clinic, centre)
    assert (found["Verified reports, not opened yet"], found["Signed today"], found["Late"]) == ("1", "1", "1")
    html = show(clinic, "/dashboard", centre).text
    [(today, rest)] = re.findall(r'<th scope="row">Merkez</th><td>(\d)</td>(.*?<strong class="urgent">1)<', html)
    assert rest == '<td>1</td><td>2</td><td><strong class="urgent">1'
    assert today == ("3" if since_midnight(clinic) >= OLD else "2")  # the late one came yesterday, until two at night
    away = cards(clinic, scope_of(clinic, "centre", branches=()))
    assert (away["Verified reports, not opened yet"], away["Signed today"], away["Late"]) == ("0", "0", "0")


def test_accounting_sees_reports_by_month_and_no_patient(clinic: Any, reader: Scope) -> None:
    signatures = "select count(*) as count from signatures"
    assert clinic.services.database.fetch(text(signatures))[0]["count"] == 1
    scope = scope_of(clinic, "accounting")
    assert cards(clinic, scope) == {"Reports signed this month": "1"}
    html = show(clinic, "/dashboard", scope).text
    assert '<th scope="row">Merkez</th><td>1</td>' in html and f"{date.today():%b %Y}" in html
    assert html.count('<th scope="row">') == 13 and "/worklist" not in html


def test_a_technician_sees_which_uploads_failed(clinic: Any, reader: Scope) -> None:
    technician = member(clinic, "technician")
    assert cards(clinic, technician)["Studies received today"] == "0"
    assert "Uploads of mine that were not taken today" not in cards(clinic, technician)
    clinic.services.database.fetch(
        text(
            "insert into uploads (id, organization_id, member_id, name, size_bytes, details, created_at, state)"
            " values (gen_random_uuid(), cast(:o as uuid), :m, 'a.dcm', 1, '{}', now(), 'failed')"
        ),
        {"o": technician.organization_id, "m": technician.member_id},
    )
    assert cards(clinic, technician)["Uploads of mine that were not taken today"] == "1"
    assert cards(clinic, member(clinic, "individual"))["For anybody"] == "1"
