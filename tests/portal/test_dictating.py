"""Dictating in the portal: what is recorded or typed becomes a draft; its author alone reads it and takes it away."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from pacs.bootstrap import local_workflow
from pacs.people.scope import Scope
from pacs.reporting.credits import add_credits, read_balance
from pacs.reporting.templates import create_template
from tests.dictation.working import work
from tests.models.fake_models import FakeModels, recording_of, serving
from tests.portal.people import member
from tests.portal.visits import show

SAID = "Her iki akciğer normal. Sol böbrekte 4 mm taş. Sonuç: Nefrolitiazis."


@pytest.fixture(scope="module")
def models() -> Iterator[FakeModels]:
    with serving() as models:
        yield models


@pytest.fixture
def ward(clinic: Any, models: FakeModels) -> Iterator[Any]:
    """A clinic with models that answer, and five credits."""
    urls = {"speech_url": models.url, "speech_model": "a", "language_url": models.url, "language_model": "b"}
    clinic.services.__dict__["settings"] = replace(clinic.services.settings, **urls)
    clinic.services.workflow = tables = local_workflow(clinic.services.settings)
    tables.create_tables()
    add_credits(clinic.services.database, clinic.services.clock, clinic.scope, 5, "invoice")
    yield clinic
    tables.close()


@pytest.fixture
def reader(ward: Any) -> Scope:
    return member(ward, "radiologist")


def call(ward: Any, method: str, path: str, scope: Scope, **body: Any) -> Any:
    return ward.client.request(method, f"/api{path}", headers=ward.bearer(scope), json=body or None)


def recorded(ward: Any, reader: Scope, said: str = SAID, **told: str) -> Any:
    """What a page does with a recording."""
    form = call(ward, "POST", "/dictation-uploads", reader).json()
    sent = ward.client.post(form["url"], data=form["fields"], files={"file": recording_of(said)})
    assert sent.status_code < 300
    return call(ward, "POST", "/dictations", reader, upload=form["upload"], title="Batın BT", **told)


def test_a_recording_becomes_a_draft_beside_what_was_said(ward: Any, reader: Scope) -> None:
    answer = recorded(ward, reader, modality="CT")
    made = answer.json()["id"]
    assert answer.status_code == 201 and "data-waits" in show(ward, f"/dictate/{made}", reader).text
    work(ward.services, reader, made)
    found = call(ward, "GET", f"/dictations/{made}", reader).json()
    assert (found["status"], found["modality"], found["title"]) == ("completed", "CT", "Batın BT")
    assert "4 mm taş" in found["sections"]["findings"] and "Nefrolitiazis" in found["sections"]["impression"]
    assert [each["start_s"] for each in found["sentences"]] == sorted(each["start_s"] for each in found["sentences"])
    page = show(ward, f"/dictate/{made}", reader)
    assert "microphone=(self)" in page.headers["permissions-policy"]
    assert "media-src blob:" in page.headers["content-security-policy"]
    assert 'data-section="findings"' in page.text and 'data-from="0.0"' in page.text
    heard = ward.client.get(call(ward, "GET", f"/dictations/{made}/audio", reader).json()["url"])
    assert heard.content == recording_of(SAID) and heard.headers["content-type"] == "audio/wav"
    assert read_balance(ward.services.database, reader).used == 1


def test_words_that_were_typed_become_a_draft_too(ward: Any, reader: Scope) -> None:
    for _ in range(2):  # the same words of two patients
        answer = call(ward, "POST", "/dictations", reader, text=SAID, title="Toraks", language="tr")
        assert answer.status_code == 201
    made = answer.json()["id"]
    work(ward.services, reader, made)
    page = show(ward, f"/dictate/{made}", reader).text
    assert "akciğer normal" in page and "data-from" not in page and 'id="audio"' not in page
    assert call(ward, "GET", f"/dictations/{made}/audio", reader).status_code == 404


def test_the_template_that_was_chosen_is_filled(ward: Any, reader: Scope) -> None:
    sections = {"technique": "<p>Kontrastlı inceleme.</p>", "findings": "<p>Bulgular: {{BULGULAR}}</p>"}
    sections["comparison"] = "<p>{{KARSILASTIRMA|Yok.}}</p>"
    chosen = create_template(ward.services.database, reader, "Üst batın", sections, modality="MR")
    create_template(ward.services.database, reader, "Toraks akciğer böbrek taş", {"technique": "<p>Yanlış.</p>"})
    made = call(ward, "POST", "/dictations", reader, text=SAID, title="Batın", template=chosen["id"]).json()["id"]
    work(ward.services, reader, made)
    found = call(ward, "GET", f"/dictations/{made}", reader).json()
    assert (found["modality"], found["sections"]["technique"]) == ("MR", "<p>Kontrastlı inceleme.</p>")
    assert found["sections"]["comparison"] == "<p>Yok.</p>"
    assert found["sections"]["findings"].startswith("<p>Bulgular: Her iki akciğer normal.")
    assert "Üst batın" in show(ward, f"/dictate/{made}", reader).text


def test_a_draft_is_saved_searched_and_taken_away(ward: Any, reader: Scope) -> None:
    made = recorded(ward, reader).json()["id"]
    assert call(ward, "GET", f"/dictations/{made}/txt", reader).status_code == 404
    work(ward.services, reader, made)
    found = call(ward, "GET", f"/dictations/{made}", reader).json()
    sections = found["sections"] | {"impression": "<p>Böbrek taşı<script>x</script>, <b>solda</b>.</p>"}
    saved = call(ward, "PUT", f"/dictations/{made}", reader, version=1, sections=sections, title="Batın BT, sol")
    assert saved.json() == {"version": 2}
    assert call(ward, "PUT", f"/dictations/{made}", reader, version=1, sections=sections).status_code == 409
    assert made in show(ward, "/dictate?q=taşı, SOLDA", reader).text
    assert made in show(ward, "/dictate?q=sol", reader).text
    assert made not in show(ward, "/dictate?q=100%25", reader).text
    files = {
        each: call(ward, "GET", f"/dictations/{made}/{each}", reader) for each in ("pdf", "docx", "rtf", "html", "txt")
    }
    assert files["pdf"].content.startswith(b"%PDF") and files["rtf"].text.startswith("{\\rtf1")
    assert "solda" in ZipFile(BytesIO(files["docx"].content)).read("word/document.xml").decode()
    assert "Böbrek taşı, solda." in files["txt"].text and "<script" not in files["html"].text
    assert files["txt"].headers["content-disposition"] == f'attachment; filename="{made}.txt"'
    subjects = ward.services.database.fetch(text("select subject from audit where action = 'read-report'"))
    assert f"dictation {made} as docx" in {row["subject"] for row in subjects}


def test_what_is_wrong_is_told_and_costs_nothing(ward: Any, reader: Scope) -> None:
    good = {"text": SAID, "title": "a"}
    unknown = {"template": "00000000-0000-4000-8000-000000000000"}
    wrong = {"text": " "}, {"modality": "XX"}, {"language": "xx"}, {"upload": "x"}, {"other": "x"}
    assert [call(ward, "POST", "/dictations", reader, **good | each).status_code for each in wrong] == [400] * 5
    assert call(ward, "POST", "/dictations", reader, **good | unknown).status_code == 404
    assert recorded(ward, reader).status_code == 201
    assert recorded(ward, reader).json()["code"] == "DUPLICATE_SUBMISSION"
    for _ in range(4):
        call(ward, "POST", "/dictations", reader, **good)
    assert call(ward, "POST", "/dictations", reader, **good).status_code == 402


def test_a_dictation_is_its_authors_alone(ward: Any, reader: Scope) -> None:
    made = recorded(ward, reader).json()["id"]
    work(ward.services, reader, made)
    other = member(ward, "radiologist", "Other")
    for path in (f"/dictations/{made}", f"/dictations/{made}/audio", f"/dictations/{made}/txt"):
        assert call(ward, "GET", path, other).status_code == 404
    body = {"version": 1, "sections": {}}
    assert call(ward, "PUT", f"/dictations/{made}", other, **body).status_code == 404
    assert made not in show(ward, "/dictate", other).text and show(ward, f"/dictate/{made}", other).status_code == 404
    assert show(ward, "/dictate", member(ward, "technician")).status_code == 403


def test_a_dictation_of_which_nothing_came_says_so(ward: Any, reader: Scope, models: FakeModels) -> None:
    made = recorded(ward, reader, said="").json()["id"]
    models.text = ""
    work(ward.services, reader, made)
    page = show(ward, f"/dictate/{made}", reader).text
    assert "No report came of this" in page and read_balance(ward.services.database, reader).used == 0
