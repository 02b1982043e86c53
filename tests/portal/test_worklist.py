"""The worklist page: what it lists, and what its buttons do."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.reading.readers import add_pool
from pacs.reading.work import beat
from tests.portal.people import code_of, member, named
from tests.portal.visits import headers, scope_of, send, show

HTMX = {"HX-Request": "true"}
COUNTS = re.compile(r'href="/worklist\?([^"]*)"[^>]*>(?:<bdi>)?([^<]*?)(?:</bdi>)? <span class="count">([^<]*)<')


def rows(html: str) -> list[str]:
    return re.findall(r'id="study-(\w+)"', html)


def counts(html: str) -> dict[str, str]:
    return {name: count for _, name, count in COUNTS.findall(html)}


@pytest.fixture
def studies(clinic: Any, sample: Callable[[str], bytes]) -> dict[str, str]:
    """Two studies of patients with names, by modality."""
    ct = sample("CT_small.dcm")
    clinic.add(named(ct, "1.2.31", "YILMAZ^AYŞE"))
    clinic.add(named(ct, "1.2.32", "<script>alert(1)</script>^X", "MR"))
    return {"CT": code_of(clinic, "1.2.31"), "MR": code_of(clinic, "1.2.32")}


def test_studies_are_found_by_what_the_form_says(clinic: Any, studies: dict[str, str]) -> None:
    scope = scope_of(clinic, "radiologist", branches=(clinic.made.branch_id,))
    ct, mr = studies["CT"], studies["MR"]

    def found(query: str) -> list[str]:
        return rows(show(clinic, f"/worklist?{query}", scope).text)

    assert found("") == found("state=received") == [ct, mr] and found("state=final") == []
    assert found("order=newest") == found("q=") == [mr, ct] and found("q=&order=worklist") == [ct, mr]
    assert found("q=yilmaz") == found("q=p-yil") == found("modality=ct&from=2000-01-01") == found(f"q={ct}") == [ct]
    assert found("modality=mr") == [mr] and found("to=1990-01-01") == [] and found("branch=NONE") == []
    html = show(clinic, "/worklist", scope).text
    assert "&lt;script&gt;alert(1)" in html and "<script>alert" not in html and "YILMAZ AYŞE" in html
    assert show(clinic, "/worklist?from=yesterday", scope).status_code == 400
    assert show(clinic, "/worklist?after=nonsense", scope).status_code == 400
    assert rows(show(clinic, "/worklist", scope_of(clinic, "centre", branches=())).text) == []


def test_a_long_list_comes_in_pages(clinic: Any, studies: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.portal.worklist.PAGE_SIZE", 1)
    scope = scope_of(clinic, "admin")
    first = show(clinic, "/worklist?order=oldest", scope).text
    [more] = re.findall(r'<a href="(/worklist[?]order=oldest&amp;after=[^"]+)"', first)
    second = show(clinic, more.replace("&amp;", "&"), scope).text
    assert (rows(first), rows(second)) == ([studies["CT"]], [studies["MR"]]) and 'class="more"' not in second


def test_a_reader_claims_opens_and_gives_back(clinic: Any, studies: dict[str, str]) -> None:
    reader, other = member(clinic, "radiologist"), member(clinic, "radiologist", "Deniz")
    ct = studies["CT"]
    claimed = send(clinic, "/worklist/claim", reader, study=ct)
    assert claimed.headers["location"] == "/worklist"
    html = show(clinic, "/worklist?assigned=me", reader).text
    assert rows(html) == [ct] and "Being read" in html and "Radiologist" in html and "/worklist/release" in html
    assert counts(html)["Mine"] == "1" and counts(html)["For anybody"] == "1"
    beat(clinic.services, reader, ct)
    assert "Open at <bdi>Radiologist" in show(clinic, "/worklist", other).text
    assert send(clinic, "/worklist/claim", other, study=ct).status_code == 409
    assert "/worklist/release" not in show(clinic, "/worklist", other).text
    again = clinic.client.post(
        "/worklist/release",
        data={"study": ct},
        headers=headers(clinic, reader, **HTMX) | {"X-CSRF-Token": clinic.services.tokens.csrf(reader.session_id)},
    )
    assert (again.status_code, again.headers["hx-trigger"]) == (204, "changed")
    assert send(clinic, "/worklist/claim", reader, study="22222222").status_code == 404


def test_the_next_one_is_the_urgent_one_and_then_there_is_none(clinic: Any, studies: dict[str, str]) -> None:
    reader, technician = member(clinic, "radiologist"), member(clinic, "technician")
    assert send(clinic, "/worklist/urgent", technician, codes=[studies["MR"]], urgent="true").status_code == 303
    assert '<strong class="urgent">' in show(clinic, "/worklist", technician).text
    for code in (studies["MR"], studies["CT"]):
        assert send(clinic, "/worklist/next", reader).headers["location"] == f"/viewer/{code}"
    assert send(clinic, "/worklist/next", reader).headers["location"] == "/worklist?nothing=1"
    assert "Nothing waits for you." in show(clinic, "/worklist?nothing=1", reader).text
    assert send(clinic, "/worklist/next", technician).status_code == 403


def test_ticked_studies_are_assigned_together(clinic: Any, studies: dict[str, str]) -> None:
    centre, reader = member(clinic, "centre"), member(clinic, "radiologist", "Deniz")
    pool = add_pool(clinic.services.database, clinic.scope, "Night", [reader.member_id])
    assert f'value="pool:{pool}"' in (page := show(clinic, "/worklist", centre).text) and "Deniz (0)" in page
    both = list(studies.values())
    for to, shown in ((f"member:{reader.member_id}", "→ <bdi>Deniz"), (f"pool:{pool}", "→ <bdi>Night")):
        assert send(clinic, "/worklist/assign", centre, codes=both, to=to).status_code == 303
        assert show(clinic, "/worklist", centre).text.count(shown) == 2
    assert rows(show(clinic, "/worklist?assigned=pools", reader).text) == both
    assert send(clinic, "/worklist/assign", centre, codes=both, to="nobody").status_code == 303
    assert counts(show(clinic, "/worklist", centre).text)["Not assigned"] == "2"
    assert send(clinic, "/worklist/assign", centre, codes=both, to="").status_code == 400
    stranger = replace(centre, branches=())
    assert send(clinic, "/worklist/assign", stranger, codes=both, to=f"pool:{pool}").status_code == 303
    assert counts(show(clinic, "/worklist", centre).text)["Not assigned"] == "2"


def test_lists_are_kept_with_their_counts(clinic: Any, studies: dict[str, str]) -> None:
    scope = member(clinic, "centre")
    kept = send(clinic, "/worklist/keep", scope, name="<b>MR</b>", list="modality=MR&csrf=x&after=y")
    assert kept.headers["location"] == "/worklist?modality=MR"
    html = show(clinic, "/worklist?modality=MR", scope).text
    assert counts(html)["&lt;b&gt;MR&lt;/b&gt;"] == "1" and html.count('aria-current="page"') == 2
    [saved] = re.findall(r'name="filter" value="([^"]+)"', html)
    assert send(clinic, "/worklist/forget", replace(scope, member_id=""), filter=saved).status_code == 404
    assert send(clinic, "/worklist/forget", scope, filter=saved).status_code == 303
    assert 'name="filter"' not in show(clinic, "/worklist", scope).text


def test_a_clock_says_in_words_and_colour_how_late_it_is(clinic: Any, studies: dict[str, str]) -> None:
    waited = "update studies set created_at = now() - make_interval(hours => cast(:hours as int)) where code = :code"
    for code, hours in ((studies["CT"], 20), (studies["MR"], 30)):
        clinic.services.database.fetch(text(waited), {"code": code, "hours": hours})
    html = show(clinic, "/worklist", scope_of(clinic, "admin")).text
    assert "clock soon" in html and "in 4 hr" in html and "clock late" in html and "6 hr. ago" in html
    assert counts(html)["Late"] == "1"


def launched(clinic: Any, answer: Any) -> tuple[str, ...]:
    token = re.findall("token=([^&]+)", answer.headers["location"])[0]
    scope: Scope = clinic.services.tokens.verify(token, "launch")
    return scope.studies or ()


def test_a_study_opens_by_a_link_of_its_own(clinic: Any, studies: dict[str, str], sample: Any) -> None:
    scope = scope_of(clinic, "admin")
    clinic.add(named(sample("CT_small.dcm"), "1.2.33", "YILMAZ^AYŞE"))
    answer = send(clinic, "/worklist/open", scope, study=studies["CT"])
    assert answer.status_code == 303 and launched(clinic, answer) == ("1.2.31",)
    assert clinic.client.get(answer.headers["location"]).status_code == 200
    assert launched(clinic, send(clinic, "/worklist/open", scope, study="1.2.31", session="1")) == ("1.2.31", "1.2.33")
    noted = clinic.services.database.fetch(
        text("select study_instance_uid as study from audit where action = 'launch'")
    )
    assert [row["study"] for row in noted] == ["1.2.31", "1.2.31", "1.2.33"]
    stranger = scope_of(clinic, "centre", branches=())
    assert send(clinic, "/worklist/open", stranger, study=studies["CT"]).status_code == 404
    assert send(clinic, "/worklist/open", scope, study="1.2.3").status_code == 404
